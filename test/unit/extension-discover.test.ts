import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createSecureServer } from 'node:https';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { selfMadeCertificates } from '../../src/sandbox/shop/certificates.ts';
import { brokerAddress } from '../../src/extension/client/address.ts';
import { discover } from '../../src/extension/client/discover.ts';
import { Clock } from '../../src/extension/state/clock.ts';
import { json, TestBroker } from './support/extension-broker.ts';

describe('The broker’s address', () => {
  const good: Record<string, string> = {
    'access.example.com': 'https://access.example.com',
    ' https://Access.Example.com/ ': 'https://access.example.com',
    'https://access.example.com:8443/daypass/': 'https://access.example.com:8443/daypass',
    '127.0.0.1:7070': 'http://127.0.0.1:7070',
    'localhost:7070': 'http://localhost:7070',
    'https://localhost:7070': 'https://localhost:7070',
    'http://[::1]:7070/': 'http://[::1]:7070',
  };
  for (const [typed, url] of Object.entries(good))
    it(`${typed} is ${url}`, () => assert.deepEqual(brokerAddress(typed), { url }));

  const bad: Record<string, RegExp> = {
    '': /Type the address/,
    'http://access.example.com': /Use https:\/\/access\.example\.com/,
    'http://localhost.example.com': /Use https/,
    'ftp://access.example.com': /not ftp/,
    'ana:secret@access.example.com': /no user name/,
    'access.example.com/?next=1': /before any/,
    'not an address': /not an address/,
    'https://': /not an address/,
  };
  for (const [typed, why] of Object.entries(bad))
    it(`“${typed}” is refused in words`, () => {
      const address = brokerAddress(typed);
      assert.match('problem' in address ? address.problem : '', why);
    });
});

describe('Looking who answers', () => {
  let broker: TestBroker;
  const clock = new Clock();
  const refused = async (why: RegExp, url = broker.url) =>
    assert.rejects(discover(url, clock), (error: Error) => {
      assert.match(error.message, why);
      return true;
    });

  beforeEach(async () => {
    broker = await TestBroker.start('https://id.example.com');
  });
  afterEach(() => broker.close());

  it('a broker is known, and its time as well', async () => {
    broker.aheadMs = 3_600_000;
    const here = new Clock();
    assert.equal((await discover(broker.url, here)).daypass_organisation, 'Shop');
    assert.ok(Math.abs(here.offsetMs - 3_600_000) < 2000);
  });

  it('a broker under a path is asked where the standard says', async () => {
    broker.metadata['resource'] = `${broker.url}/daypass`;
    await discover(`${broker.url}/daypass`, clock);
    assert.equal(broker.seen.at(-1)?.path, '/.well-known/oauth-protected-resource/daypass');
  });

  it('nobody there', async () => {
    const { url } = broker;
    await broker.close();
    await refused(/Nothing answers at 127\.0\.0\.1:\d+/, url);
    broker = await TestBroker.start();
  });

  it('an unknown host', () => refused(/^broker\.invalid cannot be found/, 'https://broker.invalid'));

  it('https where only http is spoken', () =>
    refused(/does not speak HTTPS/, broker.url.replace('http:', 'https:')));

  it('a certificate that this machine does not trust', async () => {
    const { key, certificate: cert } = selfMadeCertificates(['access.example.com'], ['127.0.0.1']);
    const server = createSecureServer({ key, cert }, (_request, response) => response.end());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    await refused(
      /does not trust the TLS certificate/,
      `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    );
    server.close();
  });

  it('something that is no HTTP at all', async () => {
    const server = createServer((socket) => socket.end('220 mail ready\r\n'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    await refused(
      /Cannot reach|broke the connection/,
      `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    );
    server.close();
  });

  it('a web site that is no broker', async () => {
    broker.intercept = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Welcome</h1>');
      return true;
    };
    await refused(/not a Daypass broker/);
  });

  it('a page that does not exist, and other protected resources', async () => {
    broker.intercept = (_request, response) => {
      json(response, 404, {});
      return true;
    };
    await refused(/not a Daypass broker/);
    broker.intercept = undefined;
    broker.metadata = { resource: broker.url, authorization_servers: ['https://id.example.com'] };
    await refused(/not a Daypass broker/);
  });

  it('a redirect is not followed', async () => {
    broker.intercept = (_request, response) => {
      response.writeHead(302, { location: 'https://evil.example.com/x' }).end();
      return true;
    };
    await refused(/sends visitors elsewhere \(https:\/\/evil\.example\.com\)/);
  });

  it('another major version, newer and older', async () => {
    broker.metadata['daypass_contract'] = 2;
    await refused(/newer than this extension\. Update/);
    broker.metadata['daypass_contract'] = 0;
    await refused(/older than this extension/);
  });

  it('metadata that names another resource is not used', async () => {
    broker.metadata['resource'] = 'https://access.other.example';
    await refused(/calls itself https:\/\/access\.other\.example/);
  });

  it('half of the metadata missing', async () => {
    delete broker.metadata['daypass_client_id'];
    await refused(/says nothing that makes sense/);
  });

  it('a provider over plain http elsewhere', async () => {
    broker.metadata['authorization_servers'] = ['http://id.example.com'];
    await refused(/plain http at id\.example\.com/);
  });

  it('a broker that cannot work yet', async () => {
    broker.intercept = (_request, response) => {
      json(response, 503, {});
      return true;
    };
    await refused(/cannot work at the moment/);
  });
});
