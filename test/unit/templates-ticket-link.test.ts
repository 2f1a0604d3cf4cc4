import assert from 'node:assert/strict';
import { linkProblem, ticketLink } from '../../src/broker/templates/ticket-link.ts';

describe('the address of a ticket', () => {
  it('holds the ticket as one piece, whatever is in it', () => {
    const link = 'https://issues.shop.example/browse/{ticket}?from=daypass';
    assert.equal(linkProblem(link), undefined);
    assert.equal(ticketLink(link, 'INC-2231'), 'https://issues.shop.example/browse/INC-2231?from=daypass');
    for (const ticket of ['a/b', '@evil.example', '$&', "?x=1#y'", '{ticket}', 'é\u00a0'])
      assert.equal(new URL(ticketLink(link, ticket)).host, 'issues.shop.example');
    assert.equal(ticketLink(link, '$&').includes('{ticket}'), false);
  });

  const wrong: readonly [why: string, link: string, words: RegExp][] = [
    ['no place for the ticket', 'https://issues.shop.example/browse', /\{ticket\} once/],
    ['two places', 'https://issues.shop.example/{ticket}/{ticket}', /\{ticket\} once/],
    ['no encryption', 'http://issues.shop.example/{ticket}', /https/],
    ['a script', 'javascript:alert("{ticket}")', /https/],
    ['a command', 'command:daypass.decide?{ticket}', /https/],
    ['the ticket names the server', 'https://{ticket}.shop.example/', /name the server before/],
    ['the ticket ends the server’s name', 'https://issues.shop.example{ticket}', /name the server before/],
    ['the ticket names the port', 'https://issues.shop.example:{ticket}/', /https|server/],
    ['a sign-in', 'https://ana:secret@issues.shop.example/{ticket}', /https/],
    ['hidden characters', 'https://issues.shop.example/\u200b{ticket}', /invisible/],
    ['no address', '{ticket}', /https/],
  ];
  for (const [why, link, words] of wrong)
    it(`is refused with ${why}`, () => assert.match(linkProblem(link) ?? '', words));
});
