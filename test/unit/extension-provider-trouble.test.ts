import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Secret } from '../../src/contract/secret.ts';
import { ProviderFailure, type ProviderTrouble } from '../../src/extension/account/failures.ts';
import { IdentityProvider } from '../../src/extension/account/provider.ts';
import { Clock } from '../../src/extension/state/clock.ts';

/** An identity provider that answers whatever a test wants. */
describe('An identity provider in trouble', () => {
  let server: Server;
  let issuer: string;
  let metadata: Record<string, unknown>;
  let onMetadata: (response: ServerResponse) => void;
  let onToken: (response: ServerResponse) => void;
  const clock = new Clock();

  const json = (response: ServerResponse, status: number, body: unknown) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  const audience = () => ({
    issuer,
    clientId: 'daypass-vscode',
    resource: 'https://a.example',
    scopes: ['openid'],
  });
  const fails = async (call: () => Promise<unknown>, trouble: ProviderTrouble, words: RegExp) => {
    const error: unknown = await call().then(
      () => assert.fail('It should have failed.'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof ProviderFailure, String(error));
    assert.equal(error.trouble, trouble, error.message);
    assert.match(error.message, words);
    assert.ok(!JSON.stringify([error.message, String(error.cause)]).includes('secret-refresh-token'));
  };
  const find = () => IdentityProvider.find(audience(), clock, 0.3);
  const refresh = async () => (await find()).refresh(new Secret('secret-refresh-token'));

  beforeEach(async () => {
    server = createServer((request, response) => {
      if (request.url === '/token') onToken(response);
      else onMetadata(response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    metadata = {
      issuer,
      authorization_endpoint: `${issuer}/auth`,
      token_endpoint: `${issuer}/token`,
      device_authorization_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/jwks`,
    };
    onMetadata = (response) => json(response, 200, metadata);
    onToken = (response) => json(response, 200, { access_token: 'a', token_type: 'bearer', expires_in: 60 });
  });
  afterEach(async () => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  });

  it('is fine when nothing is wrong', async () => {
    assert.equal((await refresh()).accessToken.reveal(), 'a');
  });

  it('down', async () => {
    server.close();
    server.closeAllConnections();
    await fails(find, 'unreachable', /Nothing answers at 127\.0\.0\.1/);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });

  it('slow', async () => {
    onMetadata = () => undefined;
    await fails(find, 'unreachable', /did not answer in time/);
    onMetadata = (response) => json(response, 200, metadata);
    onToken = () => undefined;
    await fails(refresh, 'unreachable', /did not answer in time/);
  });

  it('overloaded', async () => {
    onMetadata = (response) => response.writeHead(503).end('busy');
    await fails(find, 'unreachable', /cannot work at the moment/);
    onMetadata = (response) => json(response, 200, metadata);
    for (const status of [500, 502, 429]) {
      onToken = (response) => response.writeHead(status).end('<html>');
      await fails(refresh, 'unreachable', /cannot work at the moment/);
    }
    onToken = (response) => json(response, 400, { error: 'temporarily_unavailable' });
    await fails(refresh, 'unreachable', /cannot work at the moment/);
  });

  it('talking nonsense', async () => {
    const nonsense: ((response: ServerResponse) => void)[] = [
      (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Welcome</h1>'),
      (response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"issuer":'),
      (response) => response.writeHead(404).end(),
      (response) => response.writeHead(302, { location: 'https://evil.example.com' }).end(),
      (response) => json(response, 200, { ...metadata, issuer: 'https://evil.example.com' }),
    ];
    for (const answer of nonsense) {
      onMetadata = answer;
      await fails(find, 'nonsense', /makes no sense for a sign-in/);
    }
    onMetadata = (response) => json(response, 200, metadata);
    for (const answer of [
      nonsense[0]!,
      nonsense[1]!,
      nonsense[3]!,
      (response: ServerResponse) => json(response, 200, { token_type: 'bearer' }),
      (response: ServerResponse) => json(response, 200, { access_token: 7, token_type: 'bearer' }),
      (response: ServerResponse) => json(response, 200, ['a']),
    ]) {
      onToken = answer;
      await fails(refresh, 'nonsense', /makes no sense for a sign-in/);
    }
  });

  it('sending people to pages that are not https', async () => {
    onToken = (response) =>
      json(response, 200, {
        device_code: 'd',
        user_code: 'AAAA-BBBB',
        verification_uri: 'http://evil.example.com/device',
        expires_in: 60,
      });
    await fails(async () => (await find()).deviceCode(), 'nonsense', /makes no sense/);
    metadata['authorization_endpoint'] = 'javascript:alert(1)';
    await fails(
      async () => (await find()).attempt('http://127.0.0.1:1/callback'),
      'nonsense',
      /makes no sense/,
    );
  });

  it('that does not know this program', async () => {
    onToken = (response) => json(response, 401, { error: 'invalid_client' });
    await fails(refresh, 'misconfigured', /as it is set up \(invalid_client\)/);
    onToken = (response) =>
      json(response, 400, { error: 'invalid_target\u202e <b>', error_description: 'no' });
    await fails(refresh, 'misconfigured', /for a reason it does not name/);
  });

  it('that has ended the sign-in', async () => {
    onToken = (response) => json(response, 400, { error: 'invalid_grant' });
    await fails(refresh, 'ended', /come to its end/);
  });
});
