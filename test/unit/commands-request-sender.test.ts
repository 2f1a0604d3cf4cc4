import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Secret } from '../../src/contract/secret.ts';
import { ApiClient } from '../../src/extension/client/api.ts';
import type { Complete } from '../../src/extension/commands/request/body.ts';
import { mayHaveBeenSent, Sender, takenBack } from '../../src/extension/commands/request/sender.ts';
import { Clock } from '../../src/extension/state/clock.ts';
import type { AccessRequest, Grant } from '../../src/extension/state/world.ts';
import { ana, aGrant, aRequest, json, problem, template, TestBroker } from './support/extension-broker.ts';
import { until } from './support/extension-window.ts';

const draft: Complete = { template, duration: 'PT30M', reason: 'order 4711 is stuck' };
const silent = { debug: () => 0, info: () => 0, warn: () => 0, error: () => 0 };

describe('A request that somebody turns away from while it is sent', () => {
  let broker: TestBroker;
  let made: Map<string, AccessRequest>;
  let grants: Map<string, Grant>;
  let told: string[];
  let sender: Sender;
  /** What happens to a call for a new request on its way; true: it does not arrive. */
  let road: (call: number, response: ServerResponse) => boolean;
  let approvesAtOnce: boolean;
  let calls: number;

  /** As the broker does it: one request for each key, and its state as it is now to whoever repeats the call. */
  const answer = (request: IncomingMessage, response: ServerResponse): boolean => {
    const path = request.url ?? '';
    const key = String(request.headers['idempotency-key']);
    if (request.method === 'POST' && path === '/v1/requests') {
      if (road(++calls, response)) return true;
      let one = made.get(key);
      if (!one) {
        const grant = aGrant({ state: 'approved' });
        one = aRequest(approvesAtOnce ? { state: 'approved', grantId: grant.id } : {});
        made.set(key, one);
        broker.requests.set(one.id, one);
        if (approvesAtOnce) grants.set(grant.id, grant);
      }
      if (!response.writableEnded && !response.destroyed)
        json(response, 201, broker.requests.get(one.id) ?? one);
      return true;
    }
    const [, , collection, id = '', deed] = path.split('/');
    if (deed === 'withdraw') {
      const one = broker.requests.get(id)!;
      if (one.state !== 'pending') problem(response, 'too-late', 'Ben approved it already.');
      else {
        broker.requests.set(id, { ...one, state: 'withdrawn', version: one.version + 1 });
        json(response, 200, broker.requests.get(id)!);
      }
      return true;
    }
    if (collection === 'grants' && deed === 'end') {
      const one = grants.get(id)!;
      grants.set(id, { ...one, state: 'ended', version: one.version + 1 });
      json(response, 200, grants.get(id)!);
      return true;
    }
    return false;
  };
  const states = () => [...broker.requests.values()].map(({ state }) => state);
  const cancelled = async () => {
    const stop = new AbortController();
    const sending = sender.send(draft, stop.signal);
    sending.catch(() => undefined);
    await until(() => calls > 0, 'the call has arrived');
    stop.abort();
    await assert.rejects(sending, { name: 'Cancelled' });
  };

  beforeEach(async () => {
    broker = await TestBroker.start();
    broker.intercept = answer;
    made = new Map();
    grants = new Map();
    told = [];
    calls = 0;
    road = () => false;
    approvesAtOnce = false;
    const caller = { broker: broker.url, who: ana.id };
    const api = new ApiClient({
      caller: () => caller,
      tokens: { access: () => Promise.resolve({ token: new Secret('token') }) },
      clock: new Clock(),
      heard: () => undefined,
      pausesMs: [1, 1],
    });
    sender = new Sender({ api, log: silent, tell: (message) => told.push(message) });
  });
  afterEach(() => broker.close());

  it('is withdrawn, also where the broker comes to it only after the cancellation', async () => {
    const first: { create?: () => void } = {};
    road = (call, response) => {
      if (call > 1) return false;
      // It lies there unanswered; by the time it is done, nobody listens any more.
      first.create = () => {
        response.destroy();
        const one = aRequest();
        made.set(String(broker.seen[0]!.headers['idempotency-key']), one);
        broker.requests.set(one.id, one);
      };
      return true;
    };
    await cancelled();
    first.create?.();
    await sender.leave();
    assert.deepEqual(states(), ['withdrawn']);
    assert.deepEqual(told, [takenBack]);
  });

  it('is ended where it needed nobody’s approval', async () => {
    approvesAtOnce = true;
    road = (call) => call === 1;
    await cancelled();
    await sender.leave();
    assert.deepEqual(
      [...grants.values()].map(({ state }) => state),
      ['ended'],
    );
    assert.deepEqual(told, [takenBack]);
  });

  it('is ended where somebody approved it in between', async () => {
    road = (call) => call === 1;
    await cancelled();
    const grant = aGrant({ state: 'approved' });
    const withdraw = broker.intercept!;
    broker.intercept = (request, response) => {
      if (request.url?.endsWith('/withdraw')) {
        const [one] = [...broker.requests.values()];
        grants.set(grant.id, grant);
        broker.requests.set(one!.id, { ...one!, state: 'approved', grantId: grant.id, version: 2 });
      }
      return withdraw(request, response);
    };
    await sender.leave();
    assert.equal(grants.get(grant.id)?.state, 'ended');
  });

  it('is said to be uncertain where the broker does not answer any more', async () => {
    road = () => true;
    await cancelled();
    road = (_call, response) => {
      response.destroy();
      return true;
    };
    await sender.leave();
    assert.deepEqual(told, [mayHaveBeenSent]);
  });

  it('was never there where the broker refuses it', async () => {
    road = (call, response) => {
      if (call > 1) problem(response, 'too-many-pending', 'You wait for three answers.');
      return true;
    };
    await cancelled();
    await sender.leave();
    assert.deepEqual(told, []);
  });

  it('is not sent at all where it was cancelled before', async () => {
    await assert.rejects(sender.send(draft, AbortSignal.abort()), { name: 'Cancelled' });
    await sender.leave();
    assert.equal(calls, 0);
    assert.deepEqual(told, []);
  });

  it('is taken back too where its answer was lost and nobody tried again', async () => {
    road = (call, response) => {
      if (call > 3) return false;
      response.destroy();
      return true;
    };
    await assert.rejects(sender.send(draft, new AbortController().signal), { name: 'Unreachable' });
    await sender.leave();
    assert.deepEqual(states(), ['withdrawn']);
  });

  it('is not taken for one that never arrived because only the last attempt did not', async () => {
    road = (_call, response) => {
      void broker.close();
      response.destroy();
      return true;
    };
    await assert.rejects(sender.send(draft, new AbortController().signal), {
      name: 'Unreachable',
      message: /Nothing answers/,
    });
    await sender.leave();
    assert.deepEqual(told, [mayHaveBeenSent]);
    broker = await TestBroker.start();
  });

  it('stays where it was answered', async () => {
    await sender.send(draft, new AbortController().signal);
    await sender.leave();
    assert.deepEqual([states(), told, calls], [['pending'], [], 1]);
  });

  it('leaves nothing to ask about where the broker was never reached', async () => {
    await broker.close();
    await assert.rejects(sender.send(draft, new AbortController().signal), { name: 'Unreachable' });
    await sender.leave();
    assert.deepEqual(told, []);
    broker = await TestBroker.start();
  });
});
