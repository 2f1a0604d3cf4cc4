import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import { Admission, network, type Knock } from '../../src/broker/http/admission.ts';
import { Buckets } from '../../src/broker/http/buckets.ts';
import type { Caller } from '../../src/broker/http/caller.ts';
import { ConnectionBounds } from '../../src/broker/http/connections.ts';
import { healthRoutes } from '../../src/broker/http/health.ts';
import { Lanes } from '../../src/broker/http/lanes.ts';
import { createListener } from '../../src/broker/http/listener.ts';
import { Refusal } from '../../src/broker/http/problem.ts';
import { RefusedCalls } from '../../src/broker/http/refused.ts';
import { buildServer, handle, type ServerParts } from '../../src/broker/http/server.ts';
import { NotSignedIn, ProviderUnavailable } from '../../src/broker/identity/failures.ts';
import { openLog } from '../../src/broker/log.ts';
import { selfMadeCertificates } from './support/certificates.ts';
import { quiet } from './support/store.ts';

const person = (name: string): Caller => ({
  id: name,
  subject: name,
  name,
  groups: [],
  mayDecide: true,
  signIn: { acr: [], amr: [], byCode: false },
  audits: false,
  expiresAt: new Date(Date.now() + 3600_000),
});

/** `Bearer ana` is Ana; `Bearer away`: the provider is away; everything else does not count. */
const verify: Knock['verify'] = (authorization) => {
  const name = /^Bearer (ana|ben|ana-anew)$/.exec(authorization ?? '')?.[1];
  if (name) return Promise.resolve(person(name.replace('-anew', '')));
  if (authorization === 'Bearer away') return Promise.reject(new ProviderUnavailable('away'));
  return Promise.reject(new NotSignedIn('The token is not a JWT.', 'Sign in again.', 'Bearer'));
};

/** How many there are of each. */
function countsOf(all: readonly (string | number)[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const one of all) counts[one] = (counts[one] ?? 0) + 1;
  return counts;
}

function logged(): { log: ReturnType<typeof openLog>; lines: () => Record<string, unknown>[] } {
  const chunks: string[] = [];
  const to = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk.toString());
      done();
    },
  });
  return {
    log: openLog({ to }),
    lines: () =>
      chunks
        .join('')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}

describe('How many calls are let in', () => {
  it('is so many at once, then as many as come back with time', () => {
    let now = 0;
    const buckets = new Buckets(60, () => now);
    const taken = () =>
      Array.from({ length: 100 }, () => buckets.take('ana')).filter((one) => one === undefined);
    assert.equal(taken().length, 60);
    assert.equal(buckets.take('ana'), 1);
    assert.equal(buckets.take('ben'), undefined);
    now += 10_000;
    assert.equal(taken().length, 10);
    now += 3600_000;
    assert.equal(taken().length, 60, 'no more after a long pause');
  });

  let now: number;
  let verified: number;
  let admission: Admission;
  let whose: Knock['verify'];
  beforeEach(() => {
    now = verified = 0;
    whose = verify;
    admission = new Admission({ limits: { person: 60, address: 60 }, elapsed: () => now });
  });
  const knock = (authorization: string, { ends = false, address = '192.0.2.7' } = {}) =>
    admission.admit({
      authorization,
      address,
      ends,
      verify: (credential) => {
        verified++;
        return whose(credential);
      },
    });
  const outcome = async (...call: Parameters<typeof knock>): Promise<string> => {
    try {
      return (await knock(...call)).name;
    } catch (error) {
      if (error instanceof Refusal) return `${error.kind}, ${error.retryAfterSeconds ?? '?'} s`;
      return error instanceof Error ? error.name : '';
    }
  };
  const flood = async (...call: Parameters<typeof knock>) => {
    return countsOf(await Promise.all(Array.from({ length: 1_000 }, () => outcome(...call))));
  };

  it('counts a person wherever they call from, refuses a flood unverified, and delays nobody else', async () => {
    await knock('Bearer ana');
    const counts = await flood('Bearer ana', { address: '192.0.2.8' });
    assert.deepEqual(counts, { ana: 59, 'too-many-calls, 1 s': 941 });
    assert.equal(verified, 60, 'a refused call costs no signature');
    assert.equal(await outcome('Bearer ana-anew'), 'too-many-calls, 1 s', 'nor does a new sign-in help');
    assert.equal(await outcome('Bearer ben'), 'ben');
    const ends = await flood('Bearer ana', { ends: true });
    assert.deepEqual(ends, { ana: 600, 'too-many-calls, 1 s': 400 }, 'what ends access, far more often');
    now += 2_000;
    assert.equal(await outcome('Bearer ana'), 'ana');
  });

  it('counts an address for false sign-ins only, and those whose sign-in is known there go on', async () => {
    await knock('Bearer ana');
    const counts = await flood('Bearer forged');
    assert.deepEqual(counts, { NotSignedIn: 60, 'too-many-calls, 1 s': 940 });
    assert.equal(verified, 61);
    assert.equal(await outcome('Bearer ana'), 'ana', 'her sign-in counted before');
    assert.equal(await outcome('Bearer ben'), 'too-many-calls, 1 s', 'a new one waits');
    assert.equal(await outcome('Bearer ben', { ends: true }), 'ben', 'unless it ends access');
    assert.equal(
      await outcome('Bearer forged', { ends: true }),
      'NotSignedIn',
      'and it must count there too',
    );
    assert.equal(await outcome('Bearer forged', { address: '198.51.100.1' }), 'NotSignedIn');
  });

  it('looks at false sign-ins that would end access for a while longer, and not without bound', async () => {
    await flood('Bearer forged');
    const counts = await flood('Bearer forged', { ends: true });
    assert.deepEqual(counts, { NotSignedIn: 600, 'too-many-calls, 1 s': 400 });
    assert.equal(verified, 660);
  });

  describe('to end access, while false sign-ins come from the same address without end', () => {
    const issuer = 'https://id.example';
    let made = 0;
    const token = (claims: unknown, signature = 'forged') => {
      const part = Buffer.from(JSON.stringify(claims)).toString('base64url');
      return `Bearer ${made++}.${part}.${signature}`;
    };
    const renewed = (sub: string) => token({ iss: issuer, sub }, 'good');
    const refused = 'too-many-calls, 1 s';
    beforeEach(async () => {
      whose = (authorization = '') => {
        const [, part = '', signature] = authorization.split('.');
        if (signature !== 'good') return verify('Bearer forged');
        const { sub } = JSON.parse(Buffer.from(part, 'base64url').toString()) as { sub: string };
        return Promise.resolve(person(sub));
      };
      admission = new Admission({
        limits: { person: 60, address: 60 },
        elapsed: () => now,
        refuseAfterMs: 0,
      });
      assert.equal(await outcome(renewed('ana')), 'ana');
      assert.equal(await outcome(renewed('ben')), 'ben');
      await flood('Bearer forged', { ends: true });
      assert.equal(await outcome('Bearer forged', { ends: true }), refused);
    });

    it('a renewed sign-in of somebody who signed in lately is looked at', async () => {
      const hers = renewed('ana');
      assert.equal(await outcome(hers), refused, 'only to end access');
      assert.equal(await outcome(hers, { ends: true }), 'ana');
      assert.equal(await outcome(hers), 'ana', 'then it is known');
      assert.equal(await outcome(renewed('eve'), { ends: true }), refused, 'who has not been seen');
    });

    it('who names her has sign-ins looked at for a while, and stands in nobody else’s way', async () => {
      verified = 0;
      const names = Array.from({ length: 1_000 }, () =>
        outcome(token({ iss: issuer, sub: 'ana' }), { ends: true }),
      );
      assert.deepEqual(countsOf(await Promise.all(names)), { NotSignedIn: 60, [refused]: 940 });
      assert.equal(verified, 60, 'a refused call costs no signature');
      assert.equal(await outcome(renewed('ana'), { ends: true }), refused);
      assert.equal(await outcome(renewed('ben'), { ends: true }), 'ben');
      assert.equal(await outcome(renewed('ana'), { ends: true, address: '198.51.100.1' }), 'ana');
    });

    it('what names nobody, or cannot be read, is refused as ever', async () => {
      for (const claims of [
        null,
        [],
        'ana',
        {},
        { iss: issuer },
        { sub: 'ana' },
        { iss: 'https://other.example', sub: 'ana' },
        { iss: issuer, sub: ['ana'] },
        { iss: [issuer], sub: 'ana' },
        { iss: issuer, sub: 'ana', much: 'x'.repeat(20_000) },
      ])
        assert.equal(await outcome(token(claims, 'good'), { ends: true }), refused, JSON.stringify(claims));
      for (const part of ['', '!', 'x', Buffer.from('['.repeat(12_000)).toString('base64url')])
        assert.equal(await outcome(`Bearer x.${part}.good`, { ends: true }), refused);
      assert.equal(await outcome('', { ends: true }), refused);
    });
  });

  it('charges no address for a thousand people behind it, nor for a provider that is away', async () => {
    for (let index = 0; index < 1_000; index++)
      assert.equal(await outcome('Bearer away'), 'ProviderUnavailable');
    assert.equal(await outcome('Bearer ben'), 'ben');
  });

  it('takes all addresses of one IPv6 network for one', () => {
    for (const [written, counted] of [
      ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
      ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
      ['2001:db8::1', '2001:db8:0:0::/64'],
      ['::1', '0:0:0:0::/64'],
      ['fe80::1%eth0', 'fe80:0:0:0::/64'],
      ['::ffff:192.0.2.7', '192.0.2.7'],
      ['192.0.2.7', '192.0.2.7'],
    ] as const)
      assert.equal(network(written), counted);
  });
});

describe('What a person asks for at once', () => {
  it('is worked on in turn, and neither another’s nor what ends access waits for it', async () => {
    const lanes = new Lanes();
    let working = 0;
    let most = 0;
    const releases: (() => void)[] = [];
    const work = async () => {
      most = Math.max(most, ++working);
      await new Promise<void>((resolve) => releases.push(resolve));
      working--;
    };
    const all = Array.from({ length: 300 }, () =>
      lanes.in('ana', 'read', work).then(
        () => 'done',
        (error: unknown) => (error instanceof Refusal ? error.kind : 'failed'),
      ),
    );
    assert.equal(await lanes.in('ben', 'read', () => Promise.resolve('Ben’s')), 'Ben’s');
    assert.equal(await lanes.in('ana', 'end', () => Promise.resolve('ended')), 'ended');
    assert.equal(await lanes.in('ana', 'change', () => Promise.resolve('changed')), 'changed');
    let over = false;
    const outcomes = Promise.all(all).finally(() => (over = true));
    while (!over) {
      releases.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual(countsOf(await outcomes), { done: 203, 'too-many-calls': 97 });
    assert.equal(most, 3);
  });

  it('goes on after work that failed', async () => {
    const lanes = new Lanes();
    for (let index = 0; index < 10; index++)
      await assert.rejects(
        lanes.in('ana', 'read', () => Promise.reject(new Error('away'))),
        /away/,
      );
    assert.equal(await lanes.in('ana', 'read', () => Promise.resolve(1)), 1);
  });
});

describe('A broker under a flood', () => {
  const routes = {
    ask: { method: 'GET', path: '/v1/ask', summary: '', status: 200, response: z.object({}), problems: [] },
    end: {
      method: 'POST',
      path: '/v1/end',
      summary: '',
      ends: true,
      status: 200,
      response: z.object({}),
      problems: [],
    },
  } as const;
  let app: FastifyInstance;
  let lines: () => Record<string, unknown>[];
  let url: string;
  let reasons: string[];
  const start = async (more: Partial<ServerParts> = {}) => {
    const { log, lines: read } = logged();
    lines = read;
    reasons = [];
    app = buildServer({
      verify,
      log,
      limits: { person: 60, address: 60 },
      notLetIn: (reason) => reasons.push(reason),
      ...more,
    });
    handle(app, routes.ask, () => Promise.resolve({}));
    handle(app, routes.end, () => Promise.resolve({}));
    await app.listen({ host: '127.0.0.1', port: 0 });
    url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  };
  afterEach(() => app.close());
  const get = (token: string, headers: Record<string, string> = {}) =>
    fetch(`${url}/v1/ask`, { headers: { authorization: `Bearer ${token}`, ...headers } });
  const statuses = async (count: number, call: () => Promise<Response>) => {
    return countsOf(await Promise.all(Array.from({ length: count }, async () => (await call()).status)));
  };

  it('says when to come back, and ends access all the same', async () => {
    await start();
    const counted = await statuses(200, () => get('ana'));
    // While the calls come, some of what they may come back with has come back.
    assert.ok(
      counted['200']! >= 60 && counted['200']! < 100 && counted['429']! > 100,
      JSON.stringify(counted),
    );
    // Meanwhile one or two more have come back.
    const more = await Promise.all(Array.from({ length: 10 }, () => get('ana')));
    const refused = more.find(({ status }) => status === 429);
    assert.ok(refused, 'none is refused');
    assert.equal(refused.headers.get('retry-after'), '1');
    const problem = (await refused.json()) as { type: string; detail: string };
    assert.equal(problem.type, 'https://daypass.dev/problems/too-many-calls');
    assert.match(problem.detail, /What ends access still works. Try again in 1 s/);
    const ended = await fetch(`${url}/v1/end`, { method: 'POST', headers: { authorization: 'Bearer ana' } });
    assert.equal(ended.status, 200);
    assert.equal((await get('ben')).status, 200);
  });

  it('is written down in a few lines that tell how large it was, with nothing that the caller wrote', async () => {
    await start();
    const counted = await statuses(500, () => get('forged-"\\n-evil'));
    assert.ok(counted['401']! >= 60 && counted['429']! > 300, JSON.stringify(counted));
    await app.close();
    const about = lines().filter(({ reason }) => reason !== undefined);
    assert.ok(about.length <= 12, `${about.length} lines`);
    const whole = about.filter(({ calls }) => calls !== undefined);
    assert.deepEqual(
      whole.map(({ reason, calls, addresses }) => [reason, calls, addresses]),
      [
        ['The token is not a JWT.', counted['401'], 1],
        ['Too many false sign-ins from one address.', counted['429'], 1],
      ],
    );
    assert.equal(reasons.length, 500, 'each is counted');
    const [first] = about;
    assert.deepEqual([first?.['address'], first?.['route']], ['127.0.0.1', '/v1/ask']);
    assert.match(String(first?.['instance']), /^urn:uuid:/);
    assert.ok(!JSON.stringify(lines()).includes('evil'));
    const ofCalls = lines().filter(({ route, reason }) => route !== undefined || reason !== undefined);
    assert.equal(ofCalls.length, about.length, 'nothing else is written for a call that was not let in');
  });

  it('believes nobody about where a call comes from but the proxies that are trusted', async () => {
    // So few that none comes back while a slow machine answers.
    const limits = { person: 60, address: 2 };
    await start({ limits });
    const from = (address: string) => () => get('forged', { 'x-forwarded-for': address });
    await statuses(150, from('203.0.113.1'));
    assert.equal((await from('203.0.113.2')()).status, 429, 'one address');
    const told = lines().filter(({ msg }) => String(msg).includes('X-Forwarded-For'));
    assert.equal(told.length, 1);
    await app.close();

    await start({ limits, trustedProxies: ['127.0.0.0/8'] });
    await statuses(150, from('203.0.113.1'));
    assert.equal((await from('203.0.113.1')()).status, 429);
    assert.equal((await from('203.0.113.2')()).status, 401);
    assert.equal((await from('203.0.113.2, 203.0.113.1')()).status, 429, 'what the proxy added counts');
    assert.ok(lines().some(({ address }) => address === '203.0.113.1'));
  });

  it('asks its database no more often for everybody who asks whether it is ready', async () => {
    await start();
    let looks = 0;
    const other = buildServer({ verify, log: quiet });
    healthRoutes(other, {
      warnings: () => [],
      waitingFor: () => {
        looks++;
        return Promise.resolve([]);
      },
    });
    const all = await Promise.all(Array.from({ length: 500 }, () => other.inject('/readyz')));
    await other.close();
    assert.ok(all.every(({ statusCode }) => statusCode === 200));
    assert.ok(looks <= 4, `${looks} looks`);
  });
});

describe('What was not let in', () => {
  it('is summed up once in a while, and begins anew', () => {
    const { log, lines } = logged();
    const refused = new RefusedCalls(log, 3600_000);
    const note = (count: number, reason: string) => {
      for (let index = 0; index < count; index++)
        refused.note({ reason, address: `192.0.2.${index % 200}`, instance: randomUUID(), route: '/v1/me' });
    };
    note(1_000_000, 'One reason.');
    note(3, 'Another.');
    assert.equal(lines().length, 8);
    refused.sum();
    assert.deepEqual(
      lines()
        .slice(8)
        .map(({ reason, calls, addresses }) => [reason, calls, addresses]),
      [['One reason.', 1_000_000, 200]],
    );
    note(1, 'One reason.');
    refused.close();
    assert.equal(lines().length, 10);
  });
});

describe('Connections', () => {
  it('on which calls are sent without waiting for answers are closed', async () => {
    let worked = 0;
    const server = createServer(() => {
      worked += 1;
    });
    new ConnectionBounds([]).bound(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.on('error', () => undefined);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    const call = 'GET / HTTP/1.1\r\nhost: x\r\n\r\n';
    socket.write(call.repeat(10));
    await once(server, 'request');
    assert.equal(socket.destroyed, false);
    socket.write(call.repeat(100_000));
    await closed;
    // What came in the same piece as the last call had been read already.
    assert.ok(worked < 5_000, String(worked));
    server.close();
  });

  const made = selfMadeCertificates(['localhost'], ['127.0.0.1']);
  const folder = join(tmpdir(), `daypass-test-limits-${randomUUID()}`);
  const tls = { certificate: join(folder, 'server.crt'), key: join(folder, 'server.key') };
  before(() => {
    mkdirSync(folder, { mode: 0o700 });
    writeFileSync(tls.certificate, made.certificate);
    writeFileSync(tls.key, made.key);
  });
  after(() => rmSync(folder, { recursive: true }));

  const open: Socket[] = [];
  afterEach(() => {
    for (const socket of open.splice(0)) socket.destroy();
  });
  /** Keeps its connection, and calls over it: the status, or 0 where it was closed. */
  const client = (port: number, encrypted: boolean) => {
    const socket = encrypted
      ? connectTls({ port, host: '127.0.0.1', ca: made.certificateAuthority })
      : connect(port, '127.0.0.1');
    open.push(socket);
    socket.on('error', () => undefined);
    const closed = new Promise<Buffer>((resolve) => socket.once('close', () => resolve(Buffer.of())));
    return async (path: '/open' | '/mine', name = 'nobody'): Promise<number> => {
      const answer = new Promise<Buffer>((resolve) => socket.once('data', resolve));
      socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${name}\r\n\r\n`);
      return Number(/^HTTP\/1.1 (\d+)/.exec((await Promise.race([answer, closed])).toString())?.[1] ?? 0);
    };
  };
  for (const encrypted of [false, true])
    for (const [whose, trustedProxies, room] of [
      ['one address', [], 10],
      ['a proxy that is trusted, and all together,', ['127.0.0.1'], 12],
    ] as const)
      it(`of ${whose} are bounded${encrypted ? ' with TLS' : ''}: those of strangers make room, the oldest first`, async () => {
        const app = buildServer({
          verify,
          log: quiet,
          trustedProxies,
          connectionLimits: { inAll: 12, fromOneAddress: 10 },
          ...(encrypted ? { tls } : {}),
        });
        app.get('/open', { config: { open: true } }, () => 'read');
        app.get('/mine', () => 'read');
        await app.listen({ host: '127.0.0.1', port: 0 });
        const { port } = app.server.address() as AddressInfo;
        try {
          const strangers = [];
          for (let index = 0; index < room; index++) {
            const stranger = client(port, encrypted);
            assert.equal(await stranger('/open'), 200);
            strangers.push(stranger);
          }
          const [first, second, third] = strangers;
          assert.equal(await first?.('/mine', 'forged'), 401);
          const ana = client(port, encrypted);
          assert.equal(await ana('/mine', 'ana'), 200, 'who comes when all are taken');
          assert.equal(await first?.('/open'), 0, 'the oldest made room, and a false sign-in keeps none');
          assert.equal(await second?.('/mine', 'ben'), 200);
          for (let index = 0; index < 3 * room; index++)
            assert.equal(await client(port, encrypted)('/open'), 200);
          assert.equal(await ana('/mine', 'ana'), 200, 'hers outlasts them all');
          assert.equal(await second?.('/mine', 'ben'), 200, 'however old');
          assert.equal(await third?.('/open'), 0);

          for (let index = 2; index < room; index++)
            assert.equal(await client(port, encrypted)('/mine', 'ana'), 200);
          assert.equal(await client(port, encrypted)('/mine', 'ana'), 0, 'where all are signed in on');
          const closed = new Promise((resolve) => open[room]?.once('close', resolve));
          open[room]?.end();
          await closed;
          const until = Date.now() + 5_000;
          let status = 0;
          while (status === 0 && Date.now() < until) status = await client(port, encrypted)('/mine', 'ben');
          assert.equal(status, 200, 'one that was closed makes room');
        } finally {
          await app.close();
        }
      });

  it('that never agree on keys are closed long before a minute', async () => {
    const server = createListener((_request, response) => response.end(), tls, quiet, 300);
    // As Fastify does: who is answered here would be kept until the answer is sent.
    server.on('clientError', (_error, socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
      open.push(socket);
      socket.on('error', () => undefined);
      await once(socket, 'close', { signal: AbortSignal.timeout(5_000) });
    } finally {
      server.close();
    }
  });

  it('that are slow, in their headers, their body or in reading, are not kept for ever', async () => {
    const app = buildServer({ verify, log: quiet });
    app.post('/body', { config: { open: true } }, () => 'read');
    app.get('/much', { config: { open: true } }, () => 'x'.repeat(64 * 1024 * 1024));
    const { server } = app;
    assert.ok(server.headersTimeout <= 10_000 && server.requestTimeout <= 20_000 && server.timeout <= 60_000);
    assert.ok(server.headersTimeout > 0 && server.requestTimeout > 0 && server.timeout > 0);
    // Looked at by Node every two seconds.
    server.headersTimeout = 200;
    server.requestTimeout = 400;
    server.timeout = 1_000;
    await app.listen({ host: '127.0.0.1', port: 0 });
    const { port } = server.address() as AddressInfo;
    const trickle = (sent: string, more: string) =>
      new Promise<string>((resolve) => {
        const socket = connect(port, '127.0.0.1');
        let answer = '';
        socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
        socket.on('error', () => undefined);
        socket.write(sent);
        const timer = setInterval(() => socket.write(more), 50);
        socket.once('close', () => {
          clearInterval(timer);
          resolve(answer);
        });
      });
    try {
      const dropped = new Promise((resolve) =>
        server.once('connection', (socket: Socket) => socket.once('close', resolve)),
      );
      const deaf = connect(port, '127.0.0.1');
      deaf.on('error', () => undefined);
      deaf.pause();
      deaf.write('GET /much HTTP/1.1\r\nhost: x\r\n\r\n');
      await once(server, 'request');
      const answers = await Promise.all([
        trickle('GET /much HTTP/1.1\r\n', 'x: y\r\n'),
        trickle(
          'POST /body HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 50000\r\n\r\n',
          ' ',
        ),
      ]);
      for (const answer of answers) assert.match(answer, /^HTTP\/1\.1 4\d\d [^]*came too slowly/);
      await dropped;
      deaf.destroy();
    } finally {
      await app.close();
    }
  });
});
