import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, randomUUID } from 'node:crypto';
import { inspect } from 'node:util';
import { decodeJwt, decodeProtectedHeader, SignJWT } from 'jose';
import type { IdentityConfig } from '../../src/broker/config/config.ts';
import { NotSignedIn, ProviderUnavailable } from '../../src/broker/identity/failures.ts';
import type { TokenHolder } from '../../src/broker/identity/token-holder.ts';
import { createVerifier, type Verifier, type VerifierOptions } from '../../src/broker/identity/verifier.ts';
import { macsWith } from '../../src/broker/integrity/macs.ts';
import { Secret } from '../../src/contract/secret.ts';
import { Liar } from './support/liar.ts';
import { Prover } from './support/prover.ts';
import { startProvider, type RunningProvider } from '../../src/sandbox/provider/provider.ts';

const publicUrl = 'http://127.0.0.1:8443';

function identity(issuer: string, more: Partial<IdentityConfig> = {}): IdentityConfig {
  return {
    issuer,
    audience: publicUrl,
    clients: ['daypass-vscode'],
    deviceClient: 'daypass-device',
    groupsClaim: 'groups',
    nameClaim: 'name',
    scopes: [],
    algorithms: ['RS256', 'ES256', 'PS256', 'EdDSA'],
    ...more,
  };
}

async function refusal(verifier: Verifier, token: string): Promise<NotSignedIn> {
  try {
    const caller = await verifier.verify(`Bearer ${token}`);
    assert.fail(`taken for ${caller.subject}`);
  } catch (error) {
    assert.ok(error instanceof NotSignedIn, inspect(error));
    const payload = token.split('.')[1] ?? '';
    if (payload.length > 9) assert.ok(!inspect(error, { depth: 9, showHidden: true }).includes(payload));
    return error;
  }
}

describe('access tokens of a real identity provider', () => {
  let provider: RunningProvider;
  let verifier: Verifier;

  before(async () => {
    provider = await startProvider({
      resource: publicUrl,
      otherResources: ['https://elsewhere.example/'],
      otherClients: ['another-app'],
    });
    verifier = createVerifier({ identity: identity(provider.issuer), publicUrl });
  });
  after(() => provider.close());

  it('say who calls', async () => {
    const { accessToken } = await provider.tokenFor('ana');
    const caller = await verifier.verify(`Bearer ${accessToken}`);
    const { exp, auth_time: at } = decodeJwt(accessToken);
    assert.deepEqual(caller, {
      issuer: provider.issuer,
      subject: 'ana',
      name: 'Ana Lima',
      groups: ['engineering', 'oncall'],
      clientId: 'daypass-vscode',
      mayDecide: true,
      signIn: { acr: ['pwd'], amr: ['pwd'], authenticatedAt: new Date(Number(at) * 1000), byCode: false },
      expiresAt: new Date((exp ?? 0) * 1000),
    } satisfies TokenHolder);
  });

  it('from a device code cannot decide', async () => {
    const { accessToken } = await provider.tokenFor('ben', { client: 'daypass-device' });
    const caller = await verifier.verify(`Bearer ${accessToken}`);
    assert.equal(caller.subject, 'ben');
    assert.equal(caller.mayDecide, false);
  });

  it('are not accepted for another audience', async () => {
    const { accessToken } = await provider.tokenFor('ana', { resource: 'https://elsewhere.example/' });
    assert.match((await refusal(verifier, accessToken)).message, /another audience/);
  });

  it('are not accepted from another client', async () => {
    const { accessToken } = await provider.tokenFor('ana', { client: 'another-app' });
    assert.match((await refusal(verifier, accessToken)).message, /client that is not configured/);
  });

  it('are not accepted from another issuer, even with the same people', async () => {
    const other = await startProvider({ resource: publicUrl });
    const { accessToken } = await other.tokenFor('ana').finally(() => other.close());
    assert.match((await refusal(verifier, accessToken)).message, /key that the provider does not publish/);
  });

  it('cannot be replaced by ID tokens', async () => {
    const { idToken } = await provider.tokenFor('ana');
    const lenient = createVerifier({
      identity: identity(provider.issuer, { audience: 'daypass-vscode' }),
      publicUrl,
    });
    assert.match((await refusal(verifier, idToken)).message, /another audience/);
    assert.match((await refusal(lenient, idToken)).message, /ID token/);
  });

  it('go on counting when the provider rotates its keys, and those of the new key count at once', async () => {
    const old = await provider.tokenFor('ana');
    provider.rotateKeys();
    const fresh = await provider.tokenFor('ana');
    assert.notEqual(decodeProtectedHeader(old.accessToken).kid, decodeProtectedHeader(fresh.accessToken).kid);
    assert.equal((await verifier.verify(`Bearer ${fresh.accessToken}`)).subject, 'ana');
    assert.equal((await verifier.verify(`Bearer ${old.accessToken}`)).subject, 'ana');
  });

  it('of a withdrawn key end with the next look at the keys', async () => {
    let elapsed = 0;
    const own = createVerifier({ identity: identity(provider.issuer), publicUrl, elapsed: () => elapsed });
    const old = await provider.tokenFor('ana');
    assert.equal((await own.verify(`Bearer ${old.accessToken}`)).subject, 'ana');
    provider.rotateKeys({ retire: true });
    const fresh = await provider.tokenFor('ana');
    elapsed += 11 * 60_000;
    assert.equal((await own.verify(`Bearer ${fresh.accessToken}`)).subject, 'ana');
    await refusal(own, old.accessToken);
  });
});

describe('access tokens of a real identity provider that are bound to a key', () => {
  const key = new Prover();
  let provider: RunningProvider;
  let seconds: number;
  const later = { now: () => new Date(Date.now() + seconds * 1000), elapsed: () => seconds * 1000 };
  const macs = () => macsWith([new Secret('one that all brokers have')]);
  const broker = (options: Partial<VerifierOptions> = {}) =>
    createVerifier({ identity: identity(provider.issuer), publicUrl, macs: macs(), ...later, ...options });
  const prove = (by = key) => ({ prove: (method: string, url: string) => by.proof(method, url) });
  /** A call of `GET /v1/me`, with what its proof says otherwise. */
  const call = async (at: Verifier, token: string, claims: Record<string, unknown> = {}) => {
    const proof = await key.sign({ ...key.claims('GET', `${publicUrl}/v1/me`, token), ...claims });
    return at.verify(`DPoP ${token}`, { method: 'GET', target: '/v1/me', proofs: [proof] });
  };
  /** What is asked of whoever calls with a clock that is wrong. */
  const nonceOf = async (at: Verifier, token: string) => {
    const wrong = { iat: Math.floor(Date.now() / 1000) - 3600 };
    const asked = await call(at, token, wrong).catch((error: unknown) => error);
    assert.ok(asked instanceof NotSignedIn && asked.nonce !== undefined, inspect(asked));
    return { nonce: asked.nonce, ...wrong };
  };

  before(async () => {
    provider = await startProvider({ resource: publicUrl, accessTokenTtl: 1_000 });
  });
  beforeEach(() => (seconds = 0));
  after(() => provider.close());

  it('count with a proof, in the browser’s way and by code, and say what they are bound to', async () => {
    for (const client of ['daypass-vscode', 'daypass-device']) {
      const { accessToken } = await provider.tokenFor('ana', { client, ...prove() });
      const holder = await call(broker(), accessToken);
      assert.deepEqual([holder.subject, holder.boundTo], ['ana', await key.thumbprint()]);
    }
  });

  it('are renewed for whoever has the key, and for nobody who stole the refresh token alone', async () => {
    const { refreshToken } = await provider.tokenFor('ana', prove());
    const url = `${provider.issuer}/token`;
    const renew = async (by?: Prover) => {
      const response = await fetch(url, {
        method: 'POST',
        headers: by ? { dpop: await by.proof('POST', url) } : {},
        body: new URLSearchParams({
          grant_type: 'refresh_token',
          client_id: 'daypass-vscode',
          refresh_token: refreshToken,
        }),
      });
      const { error } = (await response.json()) as { error?: string };
      return error ?? response.status;
    };
    assert.equal(await renew(), 'invalid_grant');
    assert.equal(await renew(new Prover()), 'invalid_grant');
    assert.equal(await renew(key), 200);
  });

  it('count with each proof once, for as long as it is a proof', async () => {
    const { accessToken } = await provider.tokenFor('ana', prove());
    const at = broker();
    const proof = await key.proof('GET', `${publicUrl}/v1/me`, accessToken);
    const send = () => at.verify(`DPoP ${accessToken}`, { method: 'GET', target: '/v1/me', proofs: [proof] });
    seconds = -9;
    await send();
    for (; seconds < 120; seconds++) await assert.rejects(send(), NotSignedIn, `after ${seconds} s`);
    await assert.rejects(send(), /not of this moment/);
  });

  it('count from a machine whose clock is wrong, with what the broker asks for, at each broker', async () => {
    const { accessToken } = await provider.tokenFor('ana', prove());
    const [one, two] = [broker(), broker()];
    const asked = await nonceOf(one, accessToken);
    assert.equal((await call(one, accessToken, asked)).subject, 'ana');
    assert.equal((await call(two, accessToken, asked)).subject, 'ana');
    const stranger = broker({ macs: macsWith([new Secret('another one')]) });
    await assert.rejects(call(stranger, accessToken, asked), /not of this moment/);
    seconds = 41;
    await assert.rejects(call(one, accessToken, asked), /not of this moment/);
    await call(one, accessToken, await nonceOf(two, accessToken));
  });
});

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('forged, broken and foreign access tokens', () => {
  const liar = new Liar(publicUrl);
  let ec: string;
  let rsa: string;
  let ed: string;
  let verifier: Verifier;

  before(async () => {
    await liar.start();
    ec = liar.addKey('ec');
    rsa = liar.addKey('rsa');
    ed = liar.addKey('ed25519');
    verifier = createVerifier({ identity: identity(liar.issuer), publicUrl });
  });
  after(() => liar.stop());

  it('of each accepted algorithm count', async () => {
    for (const kid of [ec, rsa, ed])
      assert.equal((await verifier.verify(`Bearer ${await liar.sign(kid, liar.claims())}`)).name, 'Ana Lima');
  });

  it('without a type, or with the plain one, count too', async () => {
    for (const typ of [undefined, 'JWT', 'application/at+jwt', 'AT+JWT'])
      await verifier.verify(`bearer ${await liar.sign(ec, liar.claims(), { typ })}`);
  });

  const now = () => Math.floor(Date.now() / 1000);
  const table: [what: string, forge: () => string | Promise<string>, reason: RegExp, words?: RegExp][] = [
    [
      'unsigned',
      () => `${encode({ alg: 'none', typ: 'at+jwt' })}.${encode(liar.claims())}.`,
      /accepted algorithm/,
    ],
    [
      'unsigned, with a signature that is something',
      () => `${encode({ alg: 'none' })}.${encode(liar.claims())}.AAAA`,
      /accepted algorithm/,
    ],
    [
      'signed with the public key as a shared secret',
      () => {
        const text = `${encode({ alg: 'HS256', kid: rsa, typ: 'at+jwt' })}.${encode(liar.claims())}`;
        const secret = JSON.stringify(liar.published[1]);
        return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
      },
      /accepted algorithm/,
    ],
    [
      'tampered with',
      async () => {
        const [header, , signature] = (await liar.sign(ec, liar.claims())).split('.');
        return `${header ?? ''}.${encode(liar.claims({ groups: ['payments-leads'] }))}.${signature ?? ''}`;
      },
      /signature is wrong/,
    ],
    [
      'signed by a key that came along',
      async () => {
        const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
        return new SignJWT(liar.claims())
          .setProtectedHeader({
            alg: 'ES256',
            typ: 'at+jwt',
            kid: ec,
            jwk: publicKey.export({ format: 'jwk' }),
          })
          .sign(privateKey);
      },
      /signature is wrong/,
    ],
    [
      'with a critical extension',
      () =>
        liar
          .sign(ec, liar.claims(), { crit: ['x'], x: 1 })
          .catch(
            () => `${encode({ alg: 'ES256', kid: ec, crit: ['x'], x: 1 })}.${encode(liar.claims())}.AAAA`,
          ),
      /cannot be used/,
    ],
    [
      'expired',
      () => liar.sign(ec, liar.claims({ exp: now() - 60 })),
      /expired/,
      /Your sign-in has ended. Sign in again/,
    ],
    ['without an end', () => liar.sign(ec, liar.claims({ exp: undefined })), /missing or wrong \(exp\)/],
    [
      'with an end that is no time',
      () => liar.sign(ec, liar.claims({ exp: 1e300 })),
      /expiry is no point in time/,
    ],
    [
      'not valid yet',
      () => liar.sign(ec, liar.claims({ nbf: now() + 600 })),
      /not valid yet/,
      /Try again in a moment/,
    ],
    ['of another issuer', () => liar.sign(ec, liar.claims({ iss: `${liar.issuer}/` })), /another issuer/],
    ['of no issuer', () => liar.sign(ec, liar.claims({ iss: undefined })), /another issuer/],
    [
      'for another audience',
      () => liar.sign(ec, liar.claims({ aud: 'https://mail.example' })),
      /another audience/,
    ],
    [
      'for an audience that begins alike',
      () => liar.sign(ec, liar.claims({ aud: `${publicUrl}/` })),
      /another audience/,
    ],
    ['for no audience', () => liar.sign(ec, liar.claims({ aud: undefined })), /another audience/],
    [
      'for a client too',
      () => liar.sign(ec, liar.claims({ aud: [publicUrl, 'daypass-vscode'] })),
      /ID token/,
    ],
    [
      'of another client',
      () => liar.sign(ec, liar.claims({ client_id: 'x' })),
      /client that is not configured/,
    ],
    ['of two clients', () => liar.sign(ec, liar.claims({ azp: 'x' })), /two different clients/],
    ['of no client', () => liar.sign(ec, liar.claims({ client_id: undefined })), /does not name its client/],
    [
      'of a program',
      () => liar.sign(ec, liar.claims({ sub: 'daypass-vscode' })),
      /belongs to a program/,
      /Access is for people/,
    ],
    ['of nobody', () => liar.sign(ec, liar.claims({ sub: undefined })), /missing or wrong \(sub\)/],
    [
      'of somebody invisible',
      () => liar.sign(ec, liar.claims({ sub: 'ana\u200b' })),
      /does not say who somebody is/,
    ],
    ['with the hash of another token', () => liar.sign(ec, liar.claims({ at_hash: 'x' })), /ID token/],
    ['with a nonce', () => liar.sign(ec, liar.claims({ nonce: 'x' }), { typ: 'JWT' }), /ID token/],
    [
      'that calls itself an ID token',
      () => liar.sign(ec, liar.claims({ typ: 'ID' }), { typ: 'JWT' }),
      /ID token/,
    ],
    ['of another type', () => liar.sign(ec, liar.claims(), { typ: 'logout+jwt' }), /another type/],
    ['bound to a key', () => liar.sign(ec, liar.claims({ cnf: { jkt: 'x' } })), /bound to a key/],
    [
      'with one group as a text',
      () => liar.sign(ec, liar.claims({ groups: 'engineering' })),
      /not a list of texts/,
      /does not list your groups in a form that can be read/,
    ],
    [
      'with groups that are none',
      () => liar.sign(ec, liar.claims({ groups: [{ name: 'x' }] })),
      /not a list of texts/,
    ],
    [
      'with too many groups',
      () => liar.sign(ec, { ...liar.claims(), groups: undefined, _claim_names: { groups: 'src1' } }),
      /leaves the groups out/,
      /left your groups out because they are too many/,
    ],
    [
      'cut off',
      async () => (await liar.sign(ec, liar.claims())).slice(0, -5),
      /signature is wrong|cannot be used|not written as it must be/,
    ],
    ['that are no JWT', () => 'gho_16C7e42F292c6912E7710c838347Ae178B4a', /not a bearer token/],
    ['that are encrypted', () => 'a.b.c.d.e', /not a bearer token/],
    ['that are JSON nonsense', () => `${Buffer.from('{').toString('base64url')}.e30.AAAA`, /not a JWT/],
    [
      'that are huge',
      async () => liar.sign(ec, liar.claims({ groups: ['x'.repeat(20_000)] })),
      /sensible size/,
    ],
  ];
  for (const [what, forge, reason, words = /sign(ing)? in/i] of table)
    it(`${what} do not count, and why is said without the token`, async () => {
      const error = await refusal(verifier, await forge());
      assert.match(error.message, reason);
      assert.match(error.words, words);
      assert.match(
        error.wwwAuthenticate,
        /^Bearer error="invalid_token", resource_metadata="http:\/\/127\.0\.0\.1:8443\/\.well-known\/oauth-protected-resource", DPoP algs="ES256"$/,
      );
    });

  it('do not come any other way than in the header', async () => {
    for (const header of [
      undefined,
      '',
      'Basic YTpi',
      'Bearer',
      'Bearer ',
      `DPoP ${await liar.sign(ec, liar.claims())}`,
    ])
      await assert.rejects(verifier.verify(header), NotSignedIn, header);
    await assert.rejects(verifier.verify(undefined), (error: NotSignedIn) => {
      assert.equal(error.words, 'Sign in first.');
      assert.doesNotMatch(error.wwwAuthenticate, /error/);
      return true;
    });
  });

  it('a little too old by a clock that is apart count still', async () => {
    await verifier.verify(`Bearer ${await liar.sign(ec, liar.claims({ exp: now() - 5 }))}`);
  });

  it('without groups are of somebody in no group', async () => {
    const caller = await verifier.verify(`Bearer ${await liar.sign(ec, liar.claims({ groups: undefined }))}`);
    assert.deepEqual(caller.groups, []);
  });

  const names: [written: unknown, shown: string][] = [
    ['Ana\u202eamiL', 'AnaamiL'],
    ['  Ana\n\tLima\u0000 ', 'Ana Lima'],
    ['Ana\u200b Lima', 'Ana Lima'],
    ['', 'ana'],
    ['\u2067', 'ana'],
    [undefined, 'ana'],
    [['Ben'], 'ana'],
    ['x'.repeat(500), 'x'.repeat(100)],
    ['Zoë 王', 'Zoë 王'],
  ];
  it('show a name that misleads nobody', async () => {
    for (const [written, shown] of names) {
      const token = await liar.sign(ec, { ...liar.claims(), name: written });
      assert.equal((await verifier.verify(`Bearer ${token}`)).name, shown);
    }
  });

  it('are read by the claims that the configuration names', async () => {
    const own = createVerifier({
      identity: identity(liar.issuer, {
        groupsClaim: 'https://shop.example/groups',
        nameClaim: 'display',
        personClaim: 'employee',
      }),
      publicUrl,
    });
    const claims = {
      ...liar.claims(),
      'https://shop.example/groups': ['oncall'],
      display: 'A. Lima',
      employee: 'e17',
    };
    const caller = await own.verify(`Bearer ${await liar.sign(ec, claims)}`);
    assert.deepEqual([caller.subject, caller.name, caller.groups], ['e17', 'A. Lima', ['oncall']]);
    assert.match((await refusal(own, await liar.sign(ec, liar.claims()))).message, /employee/);
  });

  it('signed with an algorithm that the configuration leaves out do not count', async () => {
    const own = createVerifier({ identity: identity(liar.issuer, { algorithms: ['ES256'] }), publicUrl });
    assert.match((await refusal(own, await liar.sign(rsa, liar.claims()))).message, /accepted algorithm/);
  });

  it('that name no key are tried with those that fit', async () => {
    liar.addKey('ec');
    const own = createVerifier({ identity: identity(liar.issuer), publicUrl });
    const token = await liar.sign(ec, liar.claims(), { kid: undefined });
    assert.equal((await own.verify(`Bearer ${token}`)).subject, 'ana');
  });
});

describe('an identity provider in trouble', () => {
  let liar: Liar;
  let kid: string;
  let elapsed: number;
  let verifier: Verifier;
  let said: string[];

  beforeEach(async () => {
    liar = new Liar(publicUrl);
    await liar.start();
    kid = liar.addKey('ec');
    elapsed = 0;
    said = [];
    verifier = createVerifier({
      identity: identity(liar.issuer),
      publicUrl,
      elapsed: () => elapsed,
      log: (message, error) => said.push(`${message} ${error instanceof Error ? error.message : ''}`),
    });
  });
  afterEach(() => liar.stop());

  const call = async () => verifier.verify(`Bearer ${await liar.sign(kid, liar.claims())}`);

  it('is asked once, however many calls come at once', async () => {
    await Promise.all(Array.from({ length: 50 }, call));
    assert.deepEqual(liar.asked, ['/.well-known/openid-configuration', '/jwks']);
  });

  it('is not stormed with unknown keys', async () => {
    await call();
    const storm = Array.from({ length: 200 }, async () =>
      refusal(verifier, await liar.sign(kid, liar.claims(), { kid: randomUUID() })),
    );
    await Promise.all(storm);
    for (let i = 0; i < 20; i++)
      await refusal(verifier, await liar.sign(kid, liar.claims(), { kid: `k${i}` }));
    assert.ok(liar.asked.filter((path) => path === '/jwks').length <= 4, liar.asked.join(' '));
    await call();
    elapsed += 61_000;
    const fresh = liar.addKey('ec');
    await verifier.verify(`Bearer ${await liar.sign(fresh, liar.claims())}`);
  });

  it('down at the start is tried again, and then counts', async () => {
    liar.answer = () => ({ status: 503, body: 'busy' });
    await verifier.prepare();
    assert.equal(verifier.ready, false);
    await assert.rejects(call(), (error: ProviderUnavailable) => {
      assert.ok(error instanceof ProviderUnavailable);
      assert.match(error.words, /identity provider cannot be reached/);
      return true;
    });
    assert.equal(liar.asked.length, 1, 'not asked again within a second');
    liar.answer = () => undefined;
    elapsed += 1_001;
    assert.equal((await call()).subject, 'ana');
    assert.equal(verifier.ready, true);
  });

  it('down later changes nothing for a day', async () => {
    await call();
    liar.answer = () => ({ status: 500, body: '' });
    elapsed += 23 * 3600_000;
    assert.equal((await call()).subject, 'ana');
    elapsed += 3600_001;
    await assert.rejects(call(), ProviderUnavailable);
  });

  it('down while it has a new key is told from a wrong token', async () => {
    await call();
    const fresh = liar.addKey('ec');
    liar.answer = () => ({ status: 500, body: '' });
    await assert.rejects(
      liar.sign(fresh, liar.claims()).then((token) => verifier.verify(`Bearer ${token}`)),
      ProviderUnavailable,
    );
  });

  it('that describes itself by RFC 8414 only counts', async () => {
    liar.answer = (path) => (path.endsWith('openid-configuration') ? { status: 404, body: '' } : undefined);
    assert.equal((await call()).subject, 'ana');
    assert.ok(liar.asked.includes('/.well-known/oauth-authorization-server'));
  });

  const nonsense: [what: string, answer: Liar['answer'], log: RegExp][] = [
    ['HTML', () => ({ body: '<html>' }), /not JSON/],
    [
      'another issuer',
      () => ({ body: { issuer: 'http://127.0.0.1:1', jwks_uri: 'http://127.0.0.1:1/' } }),
      /calls itself another issuer/,
    ],
    ['no keys', (path) => (path === '/jwks' ? { body: { keys: [] } } : undefined), /holds no key/],
    [
      'a list instead of keys',
      (path) => (path === '/jwks' ? { body: [] } : undefined),
      /does not hold a key set/,
    ],
    [
      'only a shared secret',
      (path) => (path === '/jwks' ? { body: { keys: [{ kty: 'oct', k: 'AAAA' }] } } : undefined),
      /holds no key/,
    ],
    [
      'a million keys',
      (path) => (path === '/jwks' ? { body: { keys: new Array(1e5).fill({ kty: 'RSA' }) } } : undefined),
      /more than 512 KB/,
    ],
    [
      'an address that is none',
      () => ({ body: { issuer: liar.issuer, jwks_uri: 'file:///etc/passwd' } }),
      /does not describe an identity provider/,
    ],
    ['a redirect', () => ({ status: 302, body: '' }), /status 302|cannot be reached/],
  ];
  for (const [what, answer, log] of nonsense)
    it(`that answers with ${what} lets nobody in, and the log says why`, async () => {
      liar.answer = answer;
      await assert.rejects(call(), ProviderUnavailable);
      assert.match(said.join('\n'), log);
    });

  it('with one broken key among good ones goes on with the good ones', async () => {
    liar.published.unshift(
      { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA', kid: 'broken', use: 'sig' },
      5 as never,
    );
    assert.equal((await call()).subject, 'ana');
    await refusal(verifier, await liar.sign(kid, liar.claims(), { kid: 'broken' }));
  });

  it('that never answers is not waited for', async () => {
    liar.answer = () => 'never';
    // As if the time were over at once: what is asked is that the wait is bounded and ends in these words.
    const impatient = createVerifier({
      identity: identity(liar.issuer),
      publicUrl,
      log: (message, error) => said.push(`${message} ${error instanceof Error ? error.message : ''}`),
      fetch: (input, init) => {
        assert.ok(init?.signal, 'the wait is bounded');
        return fetch(input, { ...init, signal: AbortSignal.timeout(20) });
      },
    });
    await assert.rejects(
      impatient.verify(`Bearer ${await liar.sign(kid, liar.claims())}`),
      ProviderUnavailable,
    );
    assert.match(said.join('\n'), /did not answer within 5 s/);
  });
});
