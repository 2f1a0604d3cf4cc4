import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request as httpsRequest } from 'node:https';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import type { Caller } from '../../src/broker/http/caller.ts';
import { healthRoutes } from '../../src/broker/http/health.ts';
import { createMetrics, serveMetrics } from '../../src/broker/http/metrics.ts';
import { openApiRoute } from '../../src/broker/http/openapi.ts';
import { Refusal } from '../../src/broker/http/problem.ts';
import { buildServer, handle, type ServerParts } from '../../src/broker/http/server.ts';
import { NotSignedIn, ProviderUnavailable } from '../../src/broker/identity/failures.ts';
import { openLog } from '../../src/broker/log.ts';
import { Problem, problems } from '../../src/contract/problems.ts';
import { routes } from '../../src/contract/routes.ts';
import { selfMadeCertificates } from './support/certificates.ts';
import { quiet } from './support/store.ts';

const ana: Caller = {
  id: randomUUID(),
  subject: 'ana',
  name: 'Ana',
  groups: ['engineering'],
  mayDecide: true,
  signIn: { acr: [], amr: [], byCode: false },
  audits: false,
  expiresAt: new Date(Date.now() + 3600_000),
};
const challenge = 'Bearer resource_metadata="https://daypass.example/.well-known/oauth-protected-resource"';
const token = 'a-token-that-nobody-may-read';
const verifier = `SCRAM-SHA-256$4096:${'A'.repeat(22)}==$${'B'.repeat(43)}=:${'C'.repeat(43)}=`;

const verify: ServerParts['verify'] = (authorization) => {
  if (authorization === `Bearer ${token}`) return Promise.resolve(ana);
  if (authorization === 'Bearer away') return Promise.reject(new ProviderUnavailable('no keys'));
  return Promise.reject(new NotSignedIn('No token came.', 'Sign in first.', challenge));
};

const echo = {
  method: 'POST',
  path: '/v1/echo/{id}',
  summary: 'For this test',
  idempotent: true,
  params: z.object({ id: z.uuid() }),
  query: z.object({ which: z.enum(['one', 'two']).default('one') }),
  body: z.object({ text: z.string().max(40_000), verifier: z.string().optional() }).strict(),
  status: 201,
  response: z.object({ text: z.string(), inner: z.object({ id: z.string() }) }),
  problems: ['invalid-request'],
} as const;
const fail = {
  method: 'POST',
  path: '/v1/fail',
  summary: 'For this test',
  body: z.object({ how: z.string() }),
  status: 200,
  response: z.object({ number: z.number() }),
  problems: [],
} as const;

interface Frame {
  readonly app: FastifyInstance;
  readonly url: string;
  readonly log: () => string;
  /** What the handler of `echo` was given last. */
  readonly given: () => { key: string; which: string } | undefined;
}

async function startFrame(parts: Partial<ServerParts> = {}): Promise<Frame> {
  const lines: string[] = [];
  const to = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  const app = buildServer({ verify, log: openLog({ level: 'trace', to }), ...parts });
  let given: { key: string; which: string } | undefined;
  handle(app, echo, ({ params, query, body, key, caller }) => {
    given = { key, which: query.which };
    const more = { secret: 'not in the schema' };
    return Promise.resolve({
      text: `${caller.name}: ${body.text}`,
      inner: { id: params.id, ...more },
      ...more,
    });
  });
  handle(app, fail, ({ body }) => {
    if (body.how === 'refuse') throw new Refusal('too-late', 'It is over already.');
    if (body.how === 'database') throw Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
    if (body.how === 'wrong') return Promise.resolve({ number: 'a secret value' as unknown as number });
    throw Object.assign(new Error('the secret inner workings'), { detail: 'Key (email)=(mia@example.test)' });
  });
  handle(app, routes.health, () => Promise.resolve({ status: 'ok' as const }));
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  return { app, url: `http://127.0.0.1:${port}`, log: () => lines.join(''), given: () => given };
}

const json = { 'content-type': 'application/json', authorization: `Bearer ${token}` };

describe('Every call to the broker', () => {
  let frame: Frame;
  before(async () => {
    frame = await startFrame();
  });
  after(() => frame.app.close());

  const call = (path: string, init: RequestInit = {}) => fetch(`${frame.url}${path}`, init);
  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    call(path, {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
      headers: { ...json, ...headers },
    });
  const echoTo = (body: unknown, headers: Record<string, string> = {}, id: string = randomUUID()) =>
    post(`/v1/echo/${id}`, body, { 'idempotency-key': 'k'.repeat(16), ...headers });
  /** The problem that came, held to its schema, with the status that it says. */
  const problemOf = async (response: Response): Promise<Problem & { kind: string }> => {
    assert.equal(response.headers.get('content-type'), 'application/problem+json');
    const problem = Problem.strict().parse(await response.json());
    assert.equal(problem.status, response.status);
    assert.match(problem.instance ?? '', /^urn:uuid:[0-9a-f-]{36}$/);
    const kind = problem.type.slice('https://daypass.dev/problems/'.length) as keyof typeof problems;
    assert.equal(problem.title, problems[kind].title);
    return { ...problem, kind };
  };

  it('is answered with what the schema names and nothing else', async () => {
    const id = randomUUID();
    const response = await echoTo({ text: 'hello' }, {}, id);
    assert.equal(response.status, 201);
    assert.equal(response.headers.get('content-type'), 'application/json; charset=utf-8');
    assert.deepEqual(await response.json(), { text: 'Ana: hello', inner: { id } });
    assert.deepEqual(frame.given(), { key: 'k'.repeat(16), which: 'one' });
  });

  it('carries the broker’s time and closes what browsers might do with it, whatever the answer is', async () => {
    for (const response of [
      await call('/healthz'),
      await call('/nowhere'),
      await call('/v1/echo/x', { method: 'POST' }),
    ]) {
      const age = Date.now() - Date.parse(response.headers.get('daypass-time') ?? '');
      assert.ok(age >= -5 && age < 60_000);
      assert.equal(response.headers.get('cache-control'), 'no-store');
      assert.equal(response.headers.get('x-content-type-options'), 'nosniff');
      assert.equal(response.headers.get('referrer-policy'), 'no-referrer');
      assert.match(response.headers.get('content-security-policy') ?? '', /frame-ancestors 'none'/);
      assert.equal(response.headers.get('access-control-allow-origin'), null);
    }
    const preflight = await call('/v1/fail', {
      method: 'OPTIONS',
      headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' },
    });
    assert.equal(preflight.status, 404);
    assert.equal(preflight.headers.get('access-control-allow-origin'), null);
  });

  it('is refused without a token before its body is looked at, and says where to sign in', async () => {
    const response = await call(`/v1/echo/${randomUUID()}`, {
      method: 'POST',
      body: 'not json',
      headers: { 'content-type': 'application/json' },
    });
    assert.equal(response.headers.get('www-authenticate'), challenge);
    assert.equal((await problemOf(response)).kind, 'not-signed-in');
  });

  it('says so when the identity provider is away', async () => {
    const response = await call('/v1/fail', { method: 'POST', headers: { authorization: 'Bearer away' } });
    assert.equal((await problemOf(response)).kind, 'not-ready');
    assert.ok(response.headers.get('retry-after'));
  });

  it('names every field that is wrong, and what is wrong with it', async () => {
    const problem = await problemOf(await echoTo({ text: 7, verifier: [], more: 1 }));
    assert.equal(problem.kind, 'invalid-request');
    assert.deepEqual(problem.errors?.map(({ path }) => path).sort(), ['', 'text', 'verifier']);
    assert.match(problem.detail, /text: /);
    const query = await problemOf(await post(`/v1/echo/${randomUUID()}?which=three`, { text: 'x' }));
    assert.deepEqual(
      query.errors?.map(({ path }) => path),
      ['which'],
    );
  });

  it('finds nothing under an id that cannot be one', async () => {
    assert.equal((await problemOf(await echoTo({ text: 'x' }, {}, 'nonsense'))).kind, 'not-found');
  });

  for (const [what, key] of Object.entries({
    none: undefined,
    'a short one': 'short',
    'one with spaces': 'k k k k k k k k k k',
  })) {
    it(`needs an Idempotency-Key where the contract says so: ${what}`, async () => {
      const headers = { ...json, ...(key === undefined ? {} : { 'idempotency-key': key }) };
      const init = { method: 'POST', body: JSON.stringify({ text: 'x' }), headers };
      const problem = await problemOf(await call(`/v1/echo/${randomUUID()}`, init));
      assert.equal(problem.kind, 'invalid-request');
      assert.deepEqual(
        problem.errors?.map(({ path }) => path),
        ['Idempotency-Key'],
      );
    });
  }

  for (const [what, body, headers, kind] of [
    ['broken JSON', '{"text": ', {}, 'invalid-request'],
    ['no body', '', {}, 'invalid-request'],
    ['a form', 'text=x', { 'content-type': 'application/x-www-form-urlencoded' }, 'invalid-request'],
    ['plain text', 'x', { 'content-type': 'text/plain' }, 'invalid-request'],
    ['a poisoned prototype', '{"__proto__": {"text": "x"}, "text": "x"}', {}, 'invalid-request'],
    ['65 KB', JSON.stringify({ text: 'x'.repeat(65 * 1024) }), {}, 'too-large'],
  ] as const) {
    it(`is refused with ${what}`, async () => {
      assert.equal((await problemOf(await echoTo(body, headers))).kind, kind);
    });
  }

  it('to nowhere finds nothing, whoever calls', async () => {
    assert.equal((await problemOf(await call('/v2/requests'))).kind, 'not-found');
    assert.equal((await problemOf(await call('/%E0%A4%A'))).kind, 'not-found');
    assert.equal((await problemOf(await call('/healthz', { method: 'DELETE' }))).kind, 'not-found');
  });

  it('is answered with the refusal that a rule gave', async () => {
    const problem = await problemOf(await post('/v1/fail', { how: 'refuse' }));
    assert.deepEqual([problem.kind, problem.detail], ['too-late', 'It is over already.']);
  });

  it('says that the database is away, rather than that something went wrong', async () => {
    const problem = await problemOf(await post('/v1/fail', { how: 'database' }));
    assert.equal(problem.kind, 'not-ready');
    assert.match(problem.detail, /database/);
  });

  for (const how of ['throw', 'wrong']) {
    it(`tells nothing of an error within (${how}), and names it as the log does`, async () => {
      const problem = await problemOf(await post('/v1/fail', { how }));
      assert.equal(problem.kind, 'unexpected');
      assert.doesNotMatch(JSON.stringify(problem), /secret|at .*\.ts|Error/);
      const line = frame
        .log()
        .split('\n')
        .find((one) => one.includes(problem.instance!) && one.includes('"level":"error"'));
      assert.match(line ?? '', /"stack":/);
      assert.doesNotMatch(line ?? '', /mia@example\.test/);
    });
  }

  it('stands in the log by route and person, without token, verifier or address in the path', async () => {
    const id = randomUUID();
    await echoTo({ text: 'x', verifier }, {}, id);
    await call(`/v1/fail?token=${token}`, { method: 'POST', headers: json });
    const lines = frame
      .log()
      .split('\n')
      .filter((line) => line.includes('"answered"'));
    assert.ok(
      lines.some(
        (line) =>
          line.includes('"route":"/v1/echo/:id"') && line.includes(ana.id) && line.includes('"status":201'),
      ),
    );
    for (const secret of [token, verifier, verifier.slice(30), id])
      assert.ok(!frame.log().includes(secret), secret);
  });

  it('that is not HTTP is answered with a problem too', async () => {
    const socket = connect(Number(new URL(frame.url).port), '127.0.0.1');
    await once(socket, 'connect');
    socket.write('this is not HTTP\r\n\r\n');
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    assert.match(
      text,
      /^HTTP\/1\.1 400 .*application\/problem\+json.*"type":"https:\/\/daypass\.dev\/problems\/invalid-request"/s,
    );
  });

  it('with headers beyond measure is too large', async () => {
    const response = await call('/healthz', { headers: { authorization: `Bearer ${'x'.repeat(30_000)}` } });
    assert.equal((await problemOf(response)).kind, 'too-large');
  });
});

describe('The broker’s own calls', () => {
  it('say that it lives, and whether it can work', async () => {
    const app = buildServer({ verify, log: quiet });
    let missing: string[] = [];
    healthRoutes(app, {
      warnings: () => ['The log is not protected.'],
      waitingFor: () => Promise.resolve(missing),
      looksEveryMs: 0,
    });
    openApiRoute(app, { version: '1.2.3', publicUrl: 'https://daypass.example' });
    try {
      assert.deepEqual((await app.inject('/healthz')).json(), { status: 'ok' });
      const ready = await app.inject('/readyz');
      assert.deepEqual(ready.json(), {
        ready: true,
        warnings: ['The log is not protected.'],
        waitingFor: [],
      });
      missing = ['the database'];
      const waiting = await app.inject('/readyz');
      assert.equal(waiting.statusCode, 503);
      assert.match(waiting.json<Problem>().detail, /waits for: the database/);
      assert.equal((await app.inject('/healthz')).statusCode, 200);
      assert.match((await app.inject('/openapi.json')).json<{ openapi: string }>().openapi, /^3\.1/);
    } finally {
      await app.close();
    }
  });

  it('count what was answered, on a listener of their own', async () => {
    const metrics = createMetrics({
      streams: () => 3,
      leases: () => Promise.resolve(new Map([['closing', 2]] as const)),
      owed: () => Promise.resolve(1),
    });
    const frame = await startFrame({ answered: (call) => metrics.answered(call) });
    const listener = await serveMetrics(metrics, { host: '127.0.0.1', port: 0 }, quiet);
    try {
      await fetch(`${frame.url}/healthz`);
      await fetch(`${frame.url}/never/${randomUUID()}`);
      metrics.cut(0.004);
      const text = await (await fetch(`http://127.0.0.1:${listener.port}/metrics`)).text();
      assert.match(text, /daypass_calls_total\{route="\/healthz",method="GET",status="200"\} 1/);
      assert.match(text, /daypass_calls_total\{route="none",method="GET",status="404"\} 1/);
      assert.match(text, /daypass_streams 3/);
      assert.match(text, /daypass_leases\{state="closing"\} 2/);
      assert.match(text, /daypass_cut_seconds_count 1/);
      assert.match(text, /daypass_glass_owed 1/);
      assert.equal((await fetch(`${frame.url}/metrics`)).status, 404);
      assert.equal((await fetch(`http://127.0.0.1:${listener.port}/v1/me`)).status, 404);
    } finally {
      await listener.close();
      await frame.app.close();
    }
  });
});

describe('The broker with certificate files', () => {
  it('speaks TLS, takes a renewed certificate while it runs, and keeps the old one where the new one is broken', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'daypass-test-tls-'));
    const files = { certificate: join(folder, 'server.crt'), key: join(folder, 'server.key') };
    const install = async () => {
      const made = selfMadeCertificates(['localhost'], ['127.0.0.1']);
      await writeFile(files.key, made.key);
      await writeFile(files.certificate, made.certificate);
      return made.certificateAuthority;
    };
    const first = await install();
    const frame = await startFrame({ tls: files });
    const ask = (ca: string) =>
      new Promise<Record<string, unknown>>((resolve, reject) => {
        const url = `${frame.url.replace('http:', 'https:')}/healthz`;
        httpsRequest(url, { ca, agent: false }, (response) => resolve(response.resume().headers))
          .on('error', reject)
          .end();
      });
    try {
      assert.match(String((await ask(first))['strict-transport-security']), /max-age=/);
      await writeFile(files.certificate, 'nonsense');
      await logged(frame, 'the one before stays in use');
      await ask(first);
      const second = await install();
      await logged(frame, 'The certificate was read again');
      await ask(second);
      await assert.rejects(ask(first));
    } finally {
      await frame.app.close();
      await rm(folder, { recursive: true });
    }
  });
});

async function logged(frame: Frame, words: string): Promise<void> {
  const end = Date.now() + 30_000;
  while (!frame.log().includes(words)) {
    if (Date.now() > end) throw new Error(`Not in the log: ${words}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
