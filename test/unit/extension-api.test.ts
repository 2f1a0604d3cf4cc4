import assert from 'node:assert/strict';
import { Secret } from '../../src/contract/secret.ts';
import { ApiClient } from '../../src/extension/client/api.ts';
import { newKey, type ProblemError } from '../../src/extension/client/call.ts';
import { Clock } from '../../src/extension/state/clock.ts';
import { ana, aGrant, aRequest, json, problem, template, TestBroker } from './support/extension-broker.ts';

describe('Calling the broker', () => {
  let broker: TestBroker;
  let tokens: string[];
  let caller: { broker: string; who: string } | undefined;
  let api: ApiClient;
  const heard: string[] = [];
  const body = {
    template: template.id,
    templateDigest: template.digest,
    duration: 'PT30M',
    reason: 'Order 4711',
  };

  beforeEach(async () => {
    broker = await TestBroker.start();
    tokens = ['first-token', 'second-token'];
    caller = { broker: broker.url, who: 'ana' };
    heard.length = 0;
    api = new ApiClient({
      caller: () => caller,
      tokens: {
        access: (_caller, rejected) => {
          if (rejected?.reveal() === tokens[0]) tokens.shift();
          return Promise.resolve({ token: new Secret(tokens[0] ?? 'no-token') });
        },
      },
      clock: new Clock(),
      heard: (name) => heard.push(name),
      pausesMs: [1, 1, 1],
    });
  });
  afterEach(() => broker.close());

  it('gives what the contract says, and tells it first', async () => {
    const grant = aGrant();
    broker.grants.set(grant.id, grant);
    assert.deepEqual(await api.call('grant', { params: { id: grant.id } }), grant);
    assert.deepEqual(heard, ['grant']);
    assert.equal(broker.seen.at(-1)?.headers.authorization, 'Bearer first-token');
    assert.ok(!broker.seen.at(-1)?.path.includes('token'));
  });

  it('exchanges a refused token once, and no more than once', async () => {
    broker.accepts = (token) => (token === 'second-token' ? ana : undefined);
    assert.equal((await api.call('me')).person.name, 'Ana Lima');
    broker.accepts = () => undefined;
    const before = broker.count('/v1/me');
    await assert.rejects(api.call('me'), (error: ProblemError) => error.kind === 'not-signed-in');
    assert.equal(broker.count('/v1/me') - before, 2);
  });

  it('says what the broker said', async () => {
    broker.intercept = (_request, response) => {
      problem(response, 'too-long', 'Longest for this template: 1 h.');
      return true;
    };
    await assert.rejects(api.call('createRequest', { body, key: newKey() }), (error: ProblemError) => {
      assert.equal(error.kind, 'too-long');
      assert.equal(error.message, 'Longest for this template: 1 h.');
      return true;
    });
  });

  it('exchanges no token where another sign-in is needed: it would say the same', async () => {
    let calls = 0;
    broker.intercept = (_request, response) => {
      calls++;
      problem(response, 'step-up-needed', 'This needs a sign-in with a second factor.');
      return true;
    };
    const call = api.call('createRequest', { body, key: newKey() });
    await assert.rejects(call, (error: ProblemError) => error.kind === 'step-up-needed');
    assert.deepEqual([calls, tokens[0]], [1, 'first-token']);
  });

  it('repeats a call with its key when the answer was lost, or the first is still worked on', async () => {
    const request = aRequest();
    let calls = 0;
    broker.intercept = (_request, response) => {
      calls++;
      if (calls === 1) response.destroy();
      else if (calls === 2) problem(response, 'in-progress', 'Still working.');
      else json(response, 201, request);
      return true;
    };
    const key = newKey();
    assert.deepEqual(await api.call('createRequest', { body, key }), request);
    assert.deepEqual(
      broker.seen.map(({ headers }) => headers['idempotency-key']),
      [key, key, key],
    );
  });

  it('waits as long as a busy broker asks, and not for ever', async () => {
    const hurried = new ApiClient({
      caller: () => caller,
      tokens: { access: () => Promise.resolve({ token: new Secret('token') }) },
      clock: new Clock(),
      heard: () => undefined,
      hurryBy: 0.05,
    });
    let busyFor = 2;
    const at: number[] = [];
    let asked = '2';
    broker.intercept = (_request, response) => {
      at.push(performance.now());
      if (busyFor-- <= 0) return false;
      response.setHeader('retry-after', asked);
      problem(response, 'too-many-calls', 'Try again in 2 s.');
      return true;
    };
    assert.equal((await hurried.call('me')).person.name, 'Ana Lima');
    assert.equal(at.length, 3);
    for (const [index, time] of at.entries())
      if (index > 0) assert.ok(time - at[index - 1]! >= 95, 'a twentieth of 2 s at least');
    const isTooMany = (error: ProblemError) => error.kind === 'too-many-calls';
    busyFor = 1_000;
    at.length = 0;
    await assert.rejects(hurried.call('me'), isTooMany);
    assert.equal(at.length, 4, 'then they are told');
    at.length = 0;
    asked = '60';
    await assert.rejects(hurried.call('me'), isTooMany);
    assert.equal(at.length, 1, 'nobody waits a minute unasked');
  });

  it('does not repeat what has no key', async () => {
    broker.intercept = (_request, response) => {
      response.destroy();
      return true;
    };
    await assert.rejects(api.call('withdrawRequest', { params: { id: aRequest().id } }), {
      name: 'Unreachable',
    });
    assert.equal(broker.seen.length, 1);
  });

  it('tells an answer that is none from one that is', async () => {
    const answers: [number, string, RegExp][] = [
      [200, '{"person":', /does not understand/],
      [200, '{"person":{"id":"no-uuid","name":"Ana"}}', /does not understand/],
      [302, '', /Something other than the broker answered/],
      [407, '<html>', /Something other than the broker answered/],
      [502, '<html>Bad gateway', /cannot work at the moment \(502\)/],
    ];
    for (const [status, text, why] of answers) {
      broker.intercept = (_request, response) => {
        response.writeHead(status, { location: 'https://portal.example.com/' }).end(text);
        return true;
      };
      await assert.rejects(api.call('me'), { name: 'Unreachable', message: why });
    }
    assert.deepEqual(heard, []);
  });

  it('can be cancelled, while it waits and between attempts', async () => {
    broker.intercept = () => true;
    const abort = new AbortController();
    const call = api.call('createRequest', { body, key: newKey(), signal: abort.signal });
    setImmediate(() => abort.abort());
    await assert.rejects(call, { name: 'Cancelled' });
    await assert.rejects(api.call('me', { signal: abort.signal }), { name: 'Cancelled' });
  });

  it('sends nothing where the broker or the person changed while the token was fetched', async () => {
    const elsewhere = await TestBroker.start();
    const ways: Record<string, typeof caller> = {
      'another broker': { broker: elsewhere.url, who: 'ana' },
      'another person': { broker: broker.url, who: 'ben' },
      nobody: undefined,
    };
    for (const [what, next] of Object.entries(ways)) {
      caller = { broker: broker.url, who: 'ana' };
      const late = new ApiClient({
        caller: () => caller,
        tokens: {
          access: () => {
            caller = next;
            return Promise.resolve({ token: new Secret('token-of-ana') });
          },
        },
        clock: new Clock(),
        heard: () => undefined,
      });
      await assert.rejects(late.call('me'), { name: 'SignedOut' }, what);
    }
    await elsewhere.close();
    assert.deepEqual([broker.seen, elsewhere.seen], [[], []]);
  });

  it('keeps an answer from whoever signed in meanwhile', async () => {
    broker.intercept = (_request, response) => {
      caller = { broker: broker.url, who: 'ben' };
      json(response, 200, { requests: [aRequest()] });
      return true;
    };
    await assert.rejects(api.call('requests'), { name: 'SignedOut' });
    assert.deepEqual(heard, []);
    caller = undefined;
    await assert.rejects(api.call('requests'), { name: 'SignedOut' });
  });

  it('hangs no token on its errors', async () => {
    await broker.close();
    const error: unknown = await api.call('me').catch((reason: unknown) => reason);
    const { inspect } = await import('node:util');
    assert.match(inspect(error, { depth: 10 }), /Nothing answers at 127\.0\.0\.1/);
    assert.ok(!inspect(error, { depth: 10, showHidden: true }).includes('first-token'));
    broker = await TestBroker.start();
  });
});
