import assert from 'node:assert/strict';
import { generateKeyPairSync, randomUUID, sign as signWith } from 'node:crypto';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { SignJWT } from 'jose';
import { NotSignedIn } from '../../../src/broker/identity/failures.ts';
import { createVerifier } from '../../../src/broker/identity/verifier.ts';
import { problemType } from '../../../src/contract/problems.ts';
import { Liar } from '../support/liar.ts';
import { freePort } from '../support/postgres.ts';
import { startWorld, type World } from '../support/world.ts';
import { tokenAttacks, type Forge, type Sent, type TokenAttack } from './tokens.ts';

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/** With headers exactly as given, twice where they stand twice. */
async function send(url: string, sent: Exclude<Sent, string>): Promise<Answer> {
  const to = new URL(url);
  const length = sent.body === undefined ? [] : ['content-length', String(Buffer.byteLength(sent.body))];
  const lines = ['host', to.host, ...length, ...(sent.headers ?? [])];
  const call = request({
    host: to.hostname,
    port: to.port,
    path: sent.path ?? '/v1/me',
    method: sent.method ?? 'GET',
    headers: lines,
    agent: false,
  });
  call.end(sent.body);
  const [answer] = (await once(call, 'response')) as [IncomingMessage];
  let text = '';
  for await (const part of answer) text += String(part);
  return { status: answer.statusCode ?? 0, headers: answer.headers, text };
}

describe('Attacks on tokens, at a whole broker', function () {
  this.timeout(120_000);
  const provider = new Liar('');
  let world: World;
  let metrics: string;
  let forge: Forge;
  /** Everything secret that was sent, which must stand nowhere. */
  const secrets: string[] = [];

  before(async () => {
    await provider.start();
    const keys = { ec: provider.addKey('ec'), ec2: provider.addKey('ec'), rsa: provider.addKey('rsa') };
    const port = await freePort();
    metrics = `http://127.0.0.1:${port}/metrics`;
    world = await startWorld({ issuer: provider.issuer, configuration: `metrics: 127.0.0.1:${port}` });
    provider.audience = world.url;
    const token: Forge['token'] = (claims, header) =>
      provider.sign(keys.ec, { ...provider.claims(), ...claims }, header);
    forge = {
      provider,
      keys,
      get now() {
        return Math.floor(Date.now() / 1000);
      },
      good: () => token(),
      token,
    };
  });
  after(async () => {
    // Absent where the world itself did not start.
    await (world as World | undefined)?.stop();
    await provider.stop();
  });

  /** Calls that were not let in so far, by reason. */
  const refused = async (): Promise<Map<string, number>> => {
    const text = await (await fetch(metrics)).text();
    const lines = text.matchAll(/^daypass_refused_total\{reason="(.*)"\} (\d+)$/gm);
    return new Map([...lines].map(([, reason, count]) => [reason!, Number(count)]));
  };
  const written = () => world.log.join('');
  /** RFC 6750 section 3, RFC 9449 section 7.1, RFC 9728 section 5.1. */
  const challenge = (error: NonNullable<TokenAttack['error']> | 'invalid_token') => {
    const where = `resource_metadata="${world.url}/.well-known/oauth-protected-resource"`;
    return error.includes('dpop')
      ? `DPoP error="${error}", algs="ES256", ${where}`
      : `Bearer ${error === 'none' ? '' : `error="${error}", `}${where}, DPoP algs="ES256"`;
  };

  for (const { from, says, attack, forge: forged, expected, error = 'invalid_token' } of tokenAttacks)
    it(`${attack} (${from}): ${says}`, async () => {
      const before = await refused();
      const made = await forged(forge);
      const sent = typeof made === 'string' ? { headers: ['authorization', `Bearer ${made}`] } : made;
      const parts = JSON.stringify(sent).matchAll(/[\w-]{30,}/g);
      secrets.push(...[...parts].map(([part]) => part));
      const answer = await send(world.url, sent);
      const after = await refused();
      const counted = [...after].filter(([reason, count]) => count !== (before.get(reason) ?? 0));
      if (expected === 'counts') {
        assert.equal(answer.status, 200, answer.text);
        assert.deepEqual(counted, []);
        return;
      }
      const [status, kind] =
        error === 'invalid_request' ? ([400, 'invalid-request'] as const) : ([401, 'not-signed-in'] as const);
      assert.equal(answer.status, status, answer.text);
      const problem = JSON.parse(answer.text) as { type: string; instance: string };
      assert.equal(problem.type, problemType(kind));
      assert.equal(answer.headers['www-authenticate'], challenge(error));
      assert.equal('dpop-nonce' in answer.headers, error === 'use_dpop_nonce');
      const [[reason] = [''], ...others] = counted;
      assert.match(reason, expected);
      assert.deepEqual(others, []);
      assert.ok(!answer.text.includes(reason), 'why is for the log alone');
      for (const part of JSON.stringify(sent).match(/[\w-]{30,}/g) ?? [])
        assert.ok(!answer.text.includes(part), 'nothing of the token comes back');
      assert.equal(after.get(reason), (before.get(reason) ?? 0) + 1, 'recorded once');
      // The first few of a reason stand in the log one by one; all of them are counted.
      if (after.get(reason)! <= 5) {
        const line = world.log.find((one) => one.includes(problem.instance) && one.includes('"reason"'));
        assert.ok(line?.includes(JSON.stringify(reason).slice(1, -1)), 'recorded in the log');
      }
    });

  it('two subjects in one token are the last one, for everybody who reads it', async () => {
    const row = tokenAttacks.find(({ attack }) => attack.startsWith('two subjects'))!;
    const token = await row.forge(forge);
    assert.ok(typeof token === 'string');
    const headers = ['authorization', `Bearer ${token}`];
    const idOf = async (as: string[]) =>
      (JSON.parse((await send(world.url, { headers: as })).text) as { person: { id: string } }).person.id;
    const name = await idOf(headers);
    const last = ['authorization', `Bearer ${await forge.token({ sub: 'last' })}`];
    const other = await idOf(last);
    assert.equal(name, other);
  });

  it('left nothing of any token in the log, and had the broker fetch nothing but the published keys', () => {
    assert.ok(secrets.length > 200);
    for (const secret of secrets) assert.ok(!written().includes(secret), secret);
    assert.deepEqual(
      [...new Set(provider.asked)].sort(),
      ['/.well-known/openid-configuration', '/jwks'],
      'neither jku nor x5u',
    );
    assert.ok(provider.asked.length <= 12, `${provider.asked.length} questions for all of it`);
  });

  it('of the device flow: let in, and can neither decide nor revoke', async () => {
    const ana = await forge.token();
    const device = await forge.token({ sub: 'ben', client_id: 'daypass-device', groups: ['payments-leads'] });
    const call = async (token: string, method: string, path: string, body?: object) => {
      const answer = await send(world.url, {
        method,
        path,
        headers: [
          ...['authorization', `Bearer ${token}`, 'idempotency-key', randomUUID()],
          ...(body ? ['content-type', 'application/json'] : []),
        ],
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
      return {
        status: answer.status,
        body: JSON.parse(answer.text) as Record<string, string> & { detail: string },
      };
    };
    const list = (await call(ana, 'GET', '/v1/templates')).body as unknown as {
      templates: { id: string; digest: string }[];
    };
    const ask = (template: string, more: object = {}) =>
      call(ana, 'POST', '/v1/requests', {
        template,
        templateDigest: list.templates.find(({ id }) => id === template)?.digest,
        duration: 'PT10M',
        reason: 'Order 4711 is stuck',
        ...more,
      });
    const pending = (await ask('fix-status', { ticket: 'INC-1' })).body;
    const decided = await call(device, 'POST', `/v1/requests/${pending['id']}/decisions`, {
      verdict: 'approve',
      digest: pending['digest'],
    });
    assert.equal(decided.status, 403, JSON.stringify([pending, decided.body]));
    assert.match(decided.body.detail, /sign-in by code/);
    const open = (await ask('read-orders')).body;
    const revoked = await call(device, 'POST', `/v1/grants/${open['grantId']}/revoke`, {
      comment: 'That is enough',
    });
    assert.equal(revoked.status, 403);
    assert.match(revoked.body.detail, /sign-in by code/);
    assert.equal((await call(device, 'GET', `/v1/requests/${pending['id']}`)).body['state'], 'pending');
  });
});

describe('Keys that an identity provider publishes', () => {
  const publicUrl = 'http://127.0.0.1:8443';
  const jwk = (key: ReturnType<typeof generateKeyPairSync>['publicKey']) => key.export({ format: 'jwk' });
  const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const rsa1024 = generateKeyPairSync('rsa', { modulusLength: 1024 });

  const rows: readonly {
    from: string;
    what: string;
    /** The key as it is published. */
    key: object;
    alg: string;
    private: Parameters<SignJWT['sign']>[0] | Uint8Array;
  }[] = [
    {
      from: 'RFC 8725 3.5, RFC 7518 3.3',
      what: 'an RSA key of 1,024 bits',
      key: jwk(rsa1024.publicKey),
      alg: 'RS256',
      private: rsa1024.privateKey,
    },
    {
      from: 'RFC 8725 3.5',
      what: 'a shared secret',
      key: { kty: 'oct', k: Buffer.alloc(32, 1).toString('base64url') },
      alg: 'HS256',
      private: Buffer.alloc(32, 1),
    },
    {
      from: 'RFC 7517 4.2',
      what: 'a key for encryption',
      key: { ...jwk(p256.publicKey), use: 'enc' },
      alg: 'ES256',
      private: p256.privateKey,
    },
    {
      from: 'RFC 7517 4.3',
      what: 'a key that may only encrypt',
      key: { ...jwk(p256.publicKey), key_ops: ['encrypt'] },
      alg: 'ES256',
      private: p256.privateKey,
    },
    {
      from: 'RFC 7517 4.4',
      what: 'a key for another algorithm',
      key: { ...jwk(p256.publicKey), alg: 'ES384' },
      alg: 'ES256',
      private: p256.privateKey,
    },
    {
      from: 'RFC 7517 9.2',
      what: 'a private key, which everybody has by now',
      key: p256.privateKey.export({ format: 'jwk' }),
      alg: 'ES256',
      private: p256.privateKey,
    },
    {
      from: 'RFC 8725 3.4',
      what: 'a point that is not on its curve',
      key: {
        ...jwk(p256.publicKey),
        x: Buffer.alloc(32, 7).toString('base64url'),
        y: Buffer.alloc(32, 9).toString('base64url'),
      },
      alg: 'ES256',
      private: p256.privateKey,
    },
    {
      from: 'RFC 8725 3.4',
      what: 'a coordinate that is too short',
      key: { ...jwk(p256.publicKey), y: 'AA' },
      alg: 'ES256',
      private: p256.privateKey,
    },
  ];
  for (const { from, what, key, alg, private: secret } of rows)
    it(`${what} verifies nothing, and the good ones go on (${from})`, async () => {
      const provider = new Liar(publicUrl);
      await provider.start();
      try {
        const good = provider.addKey('ec');
        provider.published.unshift({ use: 'sig', ...key, kid: 'weak' });
        const verifier = createVerifier({
          identity: {
            issuer: provider.issuer,
            audience: publicUrl,
            clients: ['daypass-vscode'],
            groupsClaim: 'groups',
            nameClaim: 'name',
            scopes: [],
            algorithms: ['RS256', 'ES256', 'PS256', 'EdDSA'],
          },
          publicUrl,
        });
        // Signed as an attacker would who has the key: the library would not sign with all of them.
        const token = await new SignJWT(provider.claims())
          .setProtectedHeader({ alg, kid: 'weak', typ: 'at+jwt' })
          .sign(secret)
          .catch(() => weaklySigned(provider.claims(), alg));
        await assert.rejects(verifier.verify(`Bearer ${token}`), NotSignedIn);
        await verifier.verify(`Bearer ${await provider.sign(good, provider.claims())}`);
      } finally {
        await provider.stop();
      }
    });

  function weaklySigned(claims: object, alg: string): string {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const text = `${part({ alg, kid: 'weak', typ: 'at+jwt' })}.${part(claims)}`;
    return `${text}.${rsaSigned(text)}`;
  }
  function rsaSigned(text: string): string {
    return signWith('sha256', Buffer.from(text), rsa1024.privateKey).toString('base64url');
  }
});
