import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { request } from 'node:http';
import { promisify } from 'node:util';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { startProvider, type RunningProvider } from '../../src/sandbox/provider/provider.ts';

const run = promisify(execFile);
const broker = 'http://127.0.0.1:7420';

describe('the sandbox’s identity provider', () => {
  let provider: RunningProvider;
  before(async () => {
    provider = await startProvider({
      resource: broker,
      otherResources: ['http://127.0.0.1:1'],
      accessTokenTtl: 60,
    });
  });
  after(() => provider.close());

  const keys = () => createRemoteJWKSet(new URL(`${provider.issuer}/jwks`));
  const post = async (path: string, body: Record<string, string>) =>
    fetch(`${provider.issuer}${path}`, { method: 'POST', body: new URLSearchParams(body) });
  const refresh = (token: string) =>
    post('/token', { grant_type: 'refresh_token', client_id: 'daypass-vscode', refresh_token: token });

  it('signs access tokens for the broker that say who somebody is (RFC 9068)', async () => {
    const { accessToken, expiresInSeconds } = await provider.tokenFor('ana');
    const { payload, protectedHeader } = await jwtVerify(accessToken, keys(), {
      issuer: provider.issuer,
      audience: broker,
      typ: 'at+jwt',
    });
    assert.equal(protectedHeader.alg, 'ES256');
    assert.equal(expiresInSeconds, 60);
    const { sub, name, groups, acr, amr, client_id: client } = payload;
    assert.deepEqual(
      { sub, name, groups, acr, amr, client },
      {
        sub: 'ana',
        name: 'Ana Lima',
        groups: ['engineering', 'oncall'],
        acr: 'pwd',
        amr: ['pwd'],
        client: 'daypass-vscode',
      },
    );
    assert.ok(typeof payload['auth_time'] === 'number' && payload['auth_time'] <= Date.now() / 1000);
  });

  it('says so when a second factor was asked for, and keeps saying it after a refresh', async () => {
    const { refreshToken } = await provider.tokenFor('ben', { acrValues: 'mfa' });
    const answer = (await (await refresh(refreshToken)).json()) as { access_token: string };
    const { payload } = await jwtVerify(answer.access_token, keys());
    assert.equal(payload['acr'], 'mfa');
    assert.deepEqual(payload['amr'], ['pwd', 'otp', 'mfa']);
  });

  it('gives tokens for a code on another device to a client of its own', async () => {
    const { accessToken } = await provider.tokenFor('carol', { client: 'daypass-device' });
    const { payload } = await jwtVerify(accessToken, keys(), { audience: broker });
    assert.equal(payload['client_id'], 'daypass-device');
  });

  it('gives tokens for another resource only where it is known', async () => {
    const { accessToken } = await provider.tokenFor('ana', { resource: 'http://127.0.0.1:1' });
    await jwtVerify(accessToken, keys(), { audience: 'http://127.0.0.1:1' });
    await assert.rejects(provider.tokenFor('ana', { resource: 'http://127.0.0.1:2' }), /refused/);
  });

  it('rotates refresh tokens, and ends the sign-in when an old one is used again', async () => {
    const { refreshToken } = await provider.tokenFor('ana');
    const first = await refresh(refreshToken);
    assert.equal(first.status, 200);
    const { refresh_token: next } = (await first.json()) as { refresh_token: string };
    assert.notEqual(next, refreshToken);
    assert.equal((await refresh(refreshToken)).status, 400);
    assert.equal((await refresh(next)).status, 400);
  });

  it('revokes refresh tokens (RFC 7009)', async () => {
    const { refreshToken } = await provider.tokenFor('ana');
    assert.equal(
      (await post('/token/revocation', { client_id: 'daypass-vscode', token: refreshToken })).status,
      200,
    );
    assert.equal((await refresh(refreshToken)).status, 400);
  });

  it('leaves one person signed in when another signs in', async () => {
    const ana = await provider.tokenFor('ana');
    await provider.tokenFor('ben');
    assert.equal((await refresh(ana.refreshToken)).status, 200);
  });

  it('signs with new keys after a rotation, and loses nobody', async () => {
    const before = await provider.tokenFor('ana');
    provider.rotateKeys();
    const after = await provider.tokenFor('ana');
    const kid = (token: string) => decodeProtectedHeader(token).kid;
    assert.notEqual(kid(before.accessToken), kid(after.accessToken));
    await jwtVerify(before.accessToken, keys());
    assert.equal((await refresh(before.refreshToken)).status, 200);
    provider.rotateKeys({ retire: true });
    await assert.rejects(jwtVerify(before.accessToken, keys()), /no applicable key/);
  });

  it('always asks who somebody is, whatever cookies the browser brings', async () => {
    const query = new URLSearchParams({
      client_id: 'daypass-vscode',
      response_type: 'code',
      redirect_uri: 'http://127.0.0.1:50123/callback',
      scope: 'openid',
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
      code_challenge_method: 'S256',
    });
    const begin = () => fetch(`${provider.issuer}/auth?${query.toString()}`, { redirect: 'manual' });
    for (const response of [await begin(), await begin()]) {
      assert.match(response.headers.get('location') ?? '', /\/interaction\//);
      assert.ok(!response.headers.getSetCookie().some((cookie) => cookie.startsWith('_session')));
    }
  });

  it('refuses other hosts and other origins', async () => {
    const status = (headers: Record<string, string>) =>
      new Promise<number | undefined>((resolve, reject) => {
        request(`http://127.0.0.1:${provider.port}/jwks`, { headers }, (response) => {
          response.resume();
          resolve(response.statusCode);
        })
          .on('error', reject)
          .end();
      });
    const host = `localhost:${provider.port}`;
    assert.equal(await status({ host }), 200);
    assert.equal(await status({ host, origin: provider.issuer }), 200);
    assert.equal(await status({ host, origin: 'http://shop.example' }), 403);
    assert.equal(await status({ host, origin: 'null' }), 403);
    assert.equal(await status({ host: 'shop.example' }), 403);
  });

  it('refuses other users of this machine', async function () {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) this.skip();
    const script = `require('node:http').get('${provider.issuer}/jwks', (r) => { console.log(r.statusCode); r.resume(); })`;
    const statusAs = async (uid: number) =>
      (await run(process.execPath, ['-e', script], { uid, cwd: '/' })).stdout.trim();
    assert.equal(await statusAs(0), '200');
    assert.equal(await statusAs(65534), '403');
  });
});
