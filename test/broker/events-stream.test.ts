import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { append, appendAll } from '../../src/broker/audit/append.ts';
import { followSequence } from '../../src/broker/audit/follow.ts';
import { startSequencer } from '../../src/broker/audit/sequence.ts';
import { audienceOf, type Audience } from '../../src/broker/events/audience.ts';
import { createHub, type Hub } from '../../src/broker/events/hub.ts';
import { eventIds } from '../../src/broker/events/id.ts';
import type { Caller } from '../../src/broker/http/caller.ts';
import { eventRoute } from '../../src/broker/http/events.ts';
import { buildServer } from '../../src/broker/http/server.ts';
import { NotSignedIn } from '../../src/broker/identity/failures.ts';
import { eventsAfter } from '../../src/broker/store/audit-number.ts';
import type { Store } from '../../src/broker/store/connect.ts';
import { eventKey } from '../../src/broker/store/installation.ts';
import { insertRequest } from '../../src/broker/store/request.ts';
import type { StreamEvent } from '../../src/contract/events.ts';
import { eventually } from './support/eventually.ts';
import { integrity, quiet, startStore } from './support/store.ts';
import { openStream, type OpenStream } from './support/event-stream.ts';

const inAnHour = () => new Date(Date.now() + 3600_000);

/** One broker as far as events are concerned. */
interface EventBroker {
  readonly url: string;
  readonly hub: Hub;
  readonly app: FastifyInstance;
  /** How often somebody was asked whether a person may be told of an event. */
  readonly asked: () => number;
  close(): Promise<void>;
}

async function startEventBroker(store: Store, people: ReadonlyMap<string, Caller>): Promise<EventBroker> {
  let asked = 0;
  const audience: Audience = async (events) => {
    const { may, whose } = await audienceOf(store.db, ['auditors'])(events);
    return {
      may(who, event) {
        asked++;
        return may(who, event);
      },
      whose,
    };
  };
  const hub = createHub({
    ids: eventIds(await eventKey(store.db)),
    audience,
    read: (after, limit) => eventsAfter(store.db, after, limit),
    log: quiet,
    aliveEveryMs: 200,
    settledMs: 2_000,
  });
  const sequencer = await startSequencer(store, quiet);
  const follower = await followSequence(store, quiet, hub);
  const app = buildServer({
    log: quiet,
    verify: (authorization) => {
      const caller = people.get(authorization?.replace('Bearer ', '') ?? '');
      return caller
        ? Promise.resolve(caller)
        : Promise.reject(new NotSignedIn('no', 'Sign in first.', 'Bearer'));
    },
  });
  eventRoute(app, hub);
  await app.listen({ host: '127.0.0.1', port: 0 });
  return {
    url: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`,
    hub,
    app,
    asked: () => asked,
    async close() {
      await app.close();
      await follower.stop();
      await sequencer.stop();
    },
  };
}

describe('The event stream', () => {
  let world: Awaited<ReturnType<typeof startStore>>;
  let store: Store;
  let broker: EventBroker;
  let others: EventBroker[];
  const people = new Map<string, Caller>();
  const streams: OpenStream[] = [];

  before(async () => {
    world = await startStore();
    store = world.open();
    for (const [name, groups] of [
      ['ana', ['engineering']],
      ['ben', ['leads']],
      ['carol', ['auditors']],
      ['dan', ['newcomers']],
    ] as const) {
      const id = randomUUID();
      people.set(name, {
        id,
        subject: name,
        name,
        groups,
        mayDecide: true,
        signIn: { acr: [], amr: [], byCode: false },
        audits: name === 'carol',
        expiresAt: inAnHour(),
      });
      await store.write('person known', (db) =>
        db
          .insertInto('person')
          .values({ id, issuer: 'test', subject: name, name, groups: [...groups] })
          .execute(),
      );
    }
  });
  after(() => world.stop());
  beforeEach(async () => {
    others = [];
    broker = await startEventBroker(store, people);
  });
  afterEach(async () => {
    for (const one of streams.splice(0)) one.close();
    for (const one of [broker, ...others]) await one.close();
  });

  const open = async (name: string, lastEventId?: string, at = broker) => {
    const stream = await openStream(at.url, name, lastEventId);
    streams.push(stream);
    return stream;
  };
  const caller = (name: string) => people.get(name)!;

  /** A request, and with it the event of its creation. */
  const request = async (by: string, approvers: string[] = ['leads']): Promise<string> => {
    const id = randomUUID();
    const text = (value: unknown) => JSON.stringify(value);
    await store.transaction('request made', (trx) =>
      insertRequest(trx, integrity.macs, {
        id,
        requester: caller(by).id,
        template_id: 'read-orders',
        template: text({}),
        scope: text({}),
        target: 'shop',
        duration_s: 60,
        reason: 'because of a test',
        ticket: null,
        digest: 'd',
        approve_by: approvers,
        revoke_by: [],
        quorum: 1,
        demands: { needs: [{ by: approvers, number: 1 }], never: [] },
        state: 'pending',
        answer_by: inAnHour(),
      }),
    );
    return id;
  };
  const changes = (requestId: string, versions: number[]) =>
    store.transaction('request made', (trx) =>
      appendAll(
        trx,
        versions.map((version) => ({
          action: 'request approved',
          actor: null,
          resource: 'request',
          resourceId: requestId,
          version,
          requestId,
          target: 'shop',
          detail: {},
        })),
      ),
    );
  const changed = (id: string, version = 1): StreamEvent => ({
    type: 'changed',
    resource: 'request',
    id,
    version,
  });

  it('says at once and again that it lives, with the broker’s time, and nothing may hold it back', async () => {
    const stream = await open('ana');
    assert.equal(stream.status, 200);
    assert.match(stream.headers.get('content-type') ?? '', /^text\/event-stream/);
    assert.match(stream.headers.get('cache-control') ?? '', /no-transform/);
    assert.equal(stream.headers.get('x-accel-buffering'), 'no');
    assert.ok(Date.parse(stream.headers.get('daypass-time') ?? ''));
    const first = await stream.nextOf('alive');
    assert.equal(stream.heard[0], first);
    assert.ok(first.id);
    await stream.nextOf('alive');
  });

  it('asks who calls', async () => {
    const response = await fetch(`${broker.url}/v1/events`);
    assert.equal(response.status, 401);
    assert.equal(response.headers.get('content-type'), 'application/problem+json');
  });

  it('tells those who have a part in a thing, and nobody else', async () => {
    const [ana, ben, carol, dan] = await Promise.all(
      ['ana', 'ben', 'carol', 'dan'].map((name) => open(name)),
    );
    const of = await request('ana');
    for (const stream of [ana!, ben!, carol!]) assert.deepEqual((await stream.next()).event, changed(of));
    const danOwn = await request('dan', []);
    assert.deepEqual((await dan!.next()).event, changed(danOwn), 'the first that Dan hears of');
    assert.deepEqual((await carol!.next()).event, changed(danOwn));
    const anaNext = await request('ana', []);
    assert.deepEqual((await ana!.next()).event, changed(anaNext), 'nothing of Dan in between');
  });

  it('tells whoever asked first and all others some at a time, and does other work in between', async () => {
    const hub = createHub({
      ids: eventIds(await eventKey(store.db)),
      audience: audienceOf(store.db, []),
      read: () => Promise.resolve([]),
      log: quiet,
    });
    const of = await request('ana');
    const event = await eventually(async () =>
      (await eventsAfter(store.db, 0, 10_000)).find((one) => one.requestId === of),
    );
    hub.begin(event.number - 1);
    const inTurns = async (names: readonly string[], has: string, tell: () => void) => {
      const told: { who: string; turn: number }[] = [];
      let turn = 0;
      const leaving = names.map((name) =>
        hub.join({
          who: caller(name),
          tokenEnds: inAnHour(),
          lastEventId: undefined,
          write(text) {
            if (text.includes(has)) told.push({ who: name, turn });
            return true;
          },
          end: () => undefined,
          drop: () => undefined,
        }),
      );
      const counting = setInterval(() => (turn += 1), 1);
      tell();
      await eventually(() => (told.length === names.length ? true : undefined));
      clearInterval(counting);
      for (const leave of leaving) leave();
      const inOneTurn = new Map<number, number>();
      for (const one of told) inOneTurn.set(one.turn, (inOneTurn.get(one.turn) ?? 0) + 1);
      return { who: told.map(({ who }) => who), together: [...inOneTurn.values()] };
    };
    const bens = Array.from({ length: 50 }, () => 'ben');
    assert.deepEqual(await inTurns([...bens, 'ana'], of, () => void hub.take([event])), {
      who: ['ana', ...bens],
      together: [1, 20, 20, 10],
    });
    const templates = await inTurns(bens, 'event: templates', () => hub.templatesChanged());
    assert.deepEqual(templates.together, [20, 20, 10]);
    hub.close();
  });

  it('shows a lease’s change as one of its grant', async () => {
    const stream = await open('ana');
    const requestId = await request('ana');
    await stream.next();
    const [lease, grantId] = [randomUUID(), randomUUID()];
    await store.transaction('request made', (trx) =>
      append(trx, {
        action: 'lease issued',
        actor: null,
        resource: 'lease',
        resourceId: lease,
        version: 3,
        requestId,
        grantId,
        target: 'shop',
        detail: {},
      }),
    );
    assert.deepEqual((await stream.next()).event, {
      type: 'changed',
      resource: 'grant',
      id: grantId,
      version: 3,
    });
  });

  it('goes on where it was cut, with what was missed told once for each thing', async () => {
    const before = await open('ana');
    const first = await request('ana');
    const { id } = await before.next();
    before.close();
    const second = await request('ana');
    await changes(first, [2, 3]);
    const third = await request('dan', []);
    const probe = await open('carol');
    await eventually(async () =>
      (await eventsAfter(store.db, 0, 10_000)).some((one) => one.requestId === third) ? true : undefined,
    );
    const after = await open('ana', id);
    assert.deepEqual(
      [(await after.next()).event, (await after.next()).event],
      [changed(second), changed(first, 3)],
    );
    assert.equal(after.heard[0]?.event.type, 'alive');
    const live = await request('ana');
    assert.deepEqual((await after.next()).event, changed(live));
    probe.close();
  });

  it('goes on from a sign of life too, and at another broker', async () => {
    const before = await open('ana');
    const { id } = await before.nextOf('alive');
    before.close();
    const missed = await request('ana');
    const other = await startEventBroker(world.open(), people);
    others.push(other);
    await eventually(async () =>
      (await eventsAfter(store.db, 0, 10_000)).some((one) => one.requestId === missed) ? true : undefined,
    );
    const after = await open('ana', id, other);
    assert.deepEqual((await after.next()).event, changed(missed));
  });

  it('authorises what it replays by the groups of today', async () => {
    const ben = await open('ben');
    const { id } = await ben.nextOf('alive');
    ben.close();
    await request('ana');
    people.set('ben, demoted', { ...caller('ben'), groups: ['engineering'] });
    const own = await request('ben', []);
    await eventually(async () =>
      (await eventsAfter(store.db, 0, 10_000)).some((one) => one.requestId === own) ? true : undefined,
    );
    const demoted = await open('ben, demoted', id);
    assert.deepEqual((await demoted.next()).event, changed(own));
  });

  for (const [what, id] of [
    ['made up', 'AAAAAAAAAAAAAAAAAAAAAA'],
    ['nonsense', '42'],
    ['endless', 'x'.repeat(4000)],
  ] as const) {
    it(`asks to read everything again where the id is ${what}`, async () => {
      const stream = await open('ana', id);
      const reset = await stream.next();
      assert.equal(reset.event.type, 'reset');
      const next = await request('ana');
      assert.deepEqual((await stream.next()).event, changed(next));
    });
  }

  it('asks to read everything again where the id is of a future that this database has not had', async () => {
    const stream = await open('ana', eventIds(await eventKey(store.db)).encode(1_000_000));
    assert.equal((await stream.next()).event.type, 'reset');
  });

  it('asks to read everything again where too much was missed', async () => {
    const stream = await open('ana');
    const { id } = await stream.nextOf('alive');
    const busy = await request('ana');
    for (let version = 2; version < 5_200; version += 400)
      await changes(
        busy,
        Array.from({ length: 400 }, (_, index) => version + index),
      );
    await eventually(() =>
      stream.heard.some(({ event }) => event.type === 'changed' && event.version >= 5_200) ? true : undefined,
    );
    const after = await open('ana', id);
    assert.equal((await after.next()).event.type, 'reset');
  });

  it('has ids that tell nothing: two of the same position differ', async () => {
    const [one, two] = await Promise.all([open('ana'), open('ana')]);
    const [first, second] = [(await one.nextOf('alive')).id, (await two.nextOf('alive')).id];
    assert.match(first ?? '', /^[A-Za-z0-9_-]{22}$/);
    assert.notEqual(first, second);
  });

  it('ends with its token and says so', async () => {
    people.set('brief', { ...caller('ana'), expiresAt: new Date(Date.now() + 300) });
    const stream = await open('brief');
    assert.equal((await stream.nextOf('token-expired')).id, undefined);
    await stream.ended;
    assert.equal(broker.hub.count(), 0);
  });

  it('tells everybody that templates changed', async () => {
    const all = await Promise.all(['ana', 'dan'].map((name) => open(name)));
    broker.hub.templatesChanged();
    for (const stream of all) assert.equal((await stream.next()).event.type, 'templates');
  });

  it('ends every stream when the broker closes, which does not wait for clients', async () => {
    const stream = await open('ana');
    await stream.nextOf('alive');
    await broker.app.close();
    await stream.ended;
  });

  it('forgets a client that went away', async () => {
    const stream = await open('ana');
    await stream.nextOf('alive');
    assert.equal(broker.hub.count(caller('ana').id), 1);
    stream.close();
    await eventually(() => (broker.hub.count() === 0 ? true : undefined));
  });

  it('drops a client that does not read, and the others hear on', async () => {
    const deaf = connect(Number(new URL(broker.url).port), '127.0.0.1');
    await once(deaf, 'connect');
    deaf.pause();
    deaf.write('GET /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer dan\r\n\r\n');
    await eventually(() => (broker.hub.count(caller('dan').id) === 1 ? true : undefined));
    const ana = await open('ana');
    for (let told = 1_000; broker.hub.count(caller('dan').id) === 1; told += 1_000) {
      for (let index = 0; index < 1_000; index++) broker.hub.templatesChanged();
      await ana.heardAtLeast(told);
    }
    deaf.destroy();
    const next = await request('ana');
    assert.deepEqual((await ana.nextOf('changed')).event, changed(next));
  });

  it('lets nobody open streams without end: the newest is refused until the oldest has stood for a while', async () => {
    const all: OpenStream[] = [];
    for (let index = 0; index < 50; index++) all.push(await open('dan'));
    assert.ok(all.every(({ status }) => status === 200));
    const refused = await fetch(`${broker.url}/v1/events`, { headers: { authorization: 'Bearer dan' } });
    assert.equal(refused.status, 429);
    assert.match(refused.headers.get('retry-after') ?? '', /^[12]$/);
    assert.equal(
      ((await refused.json()) as { type: string }).type,
      'https://daypass.dev/problems/too-many-calls',
    );
    assert.equal((await open('ana')).status, 200, 'nobody else is refused');
    const newest = await eventually(async () => {
      const one = await open('dan');
      return one.status === 200 ? one : undefined;
    });
    await all[0]!.ended;
    assert.equal(broker.hub.count(caller('dan').id), 50);
    const own = await request('dan', []);
    for (const one of [all[1]!, newest]) assert.deepEqual((await one.next()).event, changed(own));
  });

  it('asks once for each person, however many windows they have', async () => {
    const windows = await Promise.all(
      ['ana', 'ben', 'dan'].flatMap((name) => Array.from({ length: 20 }, () => open(name))),
    );
    const before = broker.asked();
    const id = await request('ana');
    const hearing = windows.slice(0, 40);
    assert.deepEqual(
      (await Promise.all(hearing.map((stream) => stream.next()))).map(({ event }) => event),
      hearing.map(() => changed(id)),
    );
    assert.equal(broker.asked() - before, 3);
  });
});
