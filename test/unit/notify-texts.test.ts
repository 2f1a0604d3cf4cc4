import assert from 'node:assert/strict';
import fc from 'fast-check';
import { signed } from '../../src/broker/notify/webhook.ts';
import { escapedHtml, escapedSlack, harmless, inHeader, unlinked } from '../../src/broker/notify/texts.ts';
import { Secret } from '../../src/contract/secret.ts';

describe('Somebody’s words in a message', () => {
  const links: Record<string, string> = {
    'https://evil.example/x': 'https[:]//evil[.]example/x',
    'go to evil.example now': 'go to evil[.]example now',
    'www.evil.example': 'www[.]evil[.]example',
    'ask me@evil.example': 'ask me[@]evil[.]example',
    'http:\\\\evil': 'http[:]\\\\evil',
    'mailto:x tel:+49301234 javascript:x': 'mailto[:]x tel[:]+49301234 javascript[:]x',
    '@here @everyone #general': '[@]here [@]everyone [#]general',
    '10.0.3.7 is down': '10[.]0[.]3[.]7 is down',
    'evil。example': 'evil[.]example',
    'пример.рф': 'пример[.]рф',
  };
  for (const [written, read] of Object.entries(links))
    it(`are no link and no mention: ${written}`, () => assert.equal(unlinked(written), read));

  for (const plain of [
    'Order 4711 stuck after payment retry (INC-2231). Again.',
    'It took 1.5 h, then 2.25 more.',
    'status is paid; 3:1 odds, 14:02',
    'C# and item #7',
  ])
    it(`stay as they are: ${plain}`, () => assert.equal(unlinked(plain), plain));

  it('keep their direction to themselves, whatever is in them', () => {
    assert.equal(harmless('abc\u202edef\u2069ghi'), '\u2068abcdefghi\u2069');
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const said = harmless(text);
        assert.equal(said.match(/[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]/g)?.join(''), '\u2068\u2069');
        assert.ok(!/:\/\/|[\p{L}\p{N}]\.\p{L}|@\S/u.test(said.replace(/\[[.:@#]\]/g, '')), said);
      }),
    );
  });

  it('open nothing in HTML and in Slack, and break no header', () =>
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.ok(!/[<>"']/.test(escapedHtml(text)));
        assert.ok(!/[<>]/.test(escapedSlack(text)));
        assert.ok(!/[\r\n\0]/.test(inHeader(text)));
      }),
    ));
});

describe('A webhook’s signature', () => {
  it('is that of the specification’s own libraries for the same call', () =>
    assert.deepEqual(
      signed(
        {
          id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
          at: new Date(1614265330 * 1000),
          body: '{"test": 2432232314}',
        },
        [new Secret('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw')],
      ),
      {
        'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
        'webhook-timestamp': '1614265330',
        'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
      },
    ));
});
