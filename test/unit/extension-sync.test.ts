import assert from 'node:assert/strict';
import { Secret } from '../../src/contract/secret.ts';
import { ApiClient } from '../../src/extension/client/api.ts';
import { SignedOut, Unreachable } from '../../src/extension/client/call.ts';
import type { Access } from '../../src/extension/client/proof.ts';
import { Clock } from '../../src/extension/state/clock.ts';
import { withAccount } from '../../src/extension/state/learn.ts';
import { Store } from '../../src/extension/state/store.ts';
import { Sync } from '../../src/extension/state/sync.ts';
import { aGrant, ana, aRequest, ben, json, meFor, problem, TestBroker } from './support/extension-broker.ts';
import { until } from './support/extension-window.ts';

const quiet = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

describe('What a window knows', () => {
  let broker: TestBroker;
  let store: Store;
  let clock: Clock;
  let sync: Sync;
  let api: ApiClient;
  let token: { current: string; gives: () => Promise<Access> };
  let signedOut: number;

  const signIn = (person = ana) =>
    store.update(withAccount({ is: 'signed in', broker: broker.url, me: meFor(person) }));
  const connected = () => until(() => broker.streams.size === 1, 'the stream is open');
  const loaded = () => until(() => store.world.templates !== undefined, 'everything is read');
  const start = (silenceMs?: number) => {
    sync = new Sync({
      store,
      api,
      tokens: {
        access: (_caller, rejected) => {
          if (rejected?.reveal() === token.current) token.current += '+';
          return token.gives();
        },
      },
      clock,
      log: quiet,
      onSignedOut: () => signedOut++,
      stream: { pauses: { firstMs: 5, longestMs: 20 }, ...(silenceMs === undefined ? {} : { silenceMs }) },
    });
  };

  beforeEach(async () => {
    broker = await TestBroker.start();
    store = new Store();
    clock = new Clock();
    signedOut = 0;
    token = { current: 'token', gives: () => Promise.resolve({ token: new Secret(token.current) }) };
    api = new ApiClient({
      caller: () =>
        store.world.account.is === 'signed in'
          ? { broker: store.world.account.broker, who: store.world.account.me.person.id }
          : undefined,
      tokens: { access: () => token.gives() },
      clock,
      heard: (name, output) => sync.heard(name, output),
      pausesMs: [1],
    });
  });
  afterEach(async () => {
    sync.dispose();
    clock.dispose();
    await broker.close();
  });

  it('is everything once somebody is signed in, and nothing once nobody is', async () => {
    const [request, grant] = [aRequest(), aGrant()];
    broker.requests.set(request.id, request);
    broker.grants.set(grant.id, grant);
    start();
    signIn();
    await loaded();
    await until(() => store.world.grants.size === 1, 'the grant is there');
    assert.deepEqual(store.world.requests.get(request.id), request);
    store.update(withAccount({ is: 'signed out', broker: broker.url }));
    assert.equal(store.world.requests.size + store.world.grants.size, 0);
    await until(() => broker.streams.size === 0, 'the stream is closed');
  });

  it('follows what the stream says has changed, and reads nothing that it knows already', async () => {
    const request = aRequest();
    broker.requests.set(request.id, request);
    start();
    signIn();
    await loaded();
    await until(() => store.world.requests.size === 1, 'the request is there');
    broker.change('request', { ...request, state: 'approved', version: 2 });
    await until(() => store.world.requests.get(request.id)?.state === 'approved', 'the approval arrives');
    const reads = broker.count(`/v1/requests/${request.id}`);
    broker.send('changed', { resource: 'request', id: request.id, version: 2 });
    broker.change('grant', aGrant());
    await until(() => store.world.grants.size === 1, 'the next event arrives');
    assert.equal(broker.count(`/v1/requests/${request.id}`), reads);
  });

  it('ends at the latest version, however quickly changes follow each other', async () => {
    const grant = aGrant();
    broker.grants.set(grant.id, grant);
    start();
    signIn();
    await loaded();
    for (let version = 2; version <= 30; version++) broker.change('grant', { ...grant, version });
    await until(() => store.world.grants.get(grant.id)?.version === 30, 'version 30 is there');
    assert.ok(broker.count(`/v1/grants/${grant.id}`) < 30);
  });

  it('never goes back to an older version', async () => {
    const grant = aGrant({ version: 5, state: 'ended' });
    broker.grants.set(grant.id, aGrant({ id: grant.id, version: 4 }));
    start();
    signIn();
    sync.heard('endGrant', grant);
    await loaded();
    await sync.reload({ grant: grant.id });
    assert.equal(store.world.grants.get(grant.id)?.state, 'ended');
  });

  it('forgets what is not there any more, or not theirs to see', async () => {
    const [one, two] = [aRequest(), aRequest()];
    broker.requests.set(one.id, one);
    broker.requests.set(two.id, two);
    start();
    signIn();
    await until(() => store.world.requests.size === 2, 'both are there');
    broker.requests.delete(one.id);
    broker.send('changed', { resource: 'request', id: one.id, version: 2 });
    await until(() => !store.world.requests.has(one.id), 'one is gone');
    broker.requests.delete(two.id);
    await sync.refresh();
    assert.equal(store.world.requests.size, 0);
  });

  it('keeps what an answer brought while a list was on its way', async () => {
    start();
    signIn();
    await loaded();
    let release: (() => void) | undefined;
    broker.intercept = (request, response) => {
      if (request.url?.startsWith('/v1/requests?') !== true) return false;
      release = () => json(response, 200, { requests: [] });
      return true;
    };
    const refresh = sync.refresh();
    await until(() => release !== undefined, 'the list is asked for');
    const created = aRequest();
    sync.heard('createRequest', created);
    broker.intercept = undefined;
    release?.();
    await refresh;
    assert.ok(store.world.requests.has(created.id));
  });

  it('resumes a stream that was cut from where it stood, without reading everything again', async () => {
    start();
    signIn();
    await loaded();
    await connected();
    broker.send('templates', {}, '41');
    broker.send('changed', { resource: 'grant', id: aGrant().id, version: 1 }, '42');
    await until(() => broker.count('/v1/templates') === 2, 'the templates are read again');
    const lists = broker.count('/v1/requests');
    broker.cutStreams();
    await until(() => [...broker.streams][0]?.lastEventId === '42', 'it resumed at event 42');
    assert.equal(broker.count('/v1/requests'), lists);
    broker.send('reset', {});
    await until(() => broker.count('/v1/requests') === lists + 1, 'everything is read again');
  });

  it('shows nothing of a short cut, and says so when the broker stays away', async () => {
    start();
    signIn();
    await loaded();
    await connected();
    const told: string[] = [];
    store.onDidChange(({ now }) => told.push(now.stream.is));
    broker.cutStreams();
    await until(() => broker.count('/v1/events') === 2, 'it is back');
    await connected();
    assert.ok(!told.includes('disconnected'));
    broker.intercept = (_request, response) => {
      response.destroy();
      return true;
    };
    broker.cutStreams();
    await until(() => store.world.stream.is === 'disconnected', 'it says so');
    assert.match(
      store.world.stream.is === 'disconnected' ? store.world.stream.why : '',
      /broke the connection off/,
    );
    const grant = aGrant();
    broker.grants.set(grant.id, grant);
    broker.intercept = undefined;
    await until(() => store.world.stream.is === 'connected', 'it says that the broker is back');
    await until(() => store.world.grants.has(grant.id), 'what was missed is there');
  });

  it('goes on with the next token when the stream’s is at its end', async () => {
    start();
    signIn();
    await loaded();
    await connected();
    broker.send('token-expired', {});
    await until(
      () => [...broker.streams].some((stream) => stream.token === 'token+'),
      'the next token is used',
    );
    assert.equal(store.world.stream.is, 'connected');
    broker.accepts = (given) => (given === 'token++' ? ana : undefined);
    broker.cutStreams();
    await until(
      () => [...broker.streams].some((stream) => stream.token === 'token++'),
      'a refused one is exchanged',
    );
  });

  it('waits while no token can be had, and stops when the sign-in is at its end', async () => {
    start();
    signIn();
    await loaded();
    await connected();
    token.gives = () => Promise.reject(new Unreachable('id.example.com did not answer in time.'));
    broker.cutStreams();
    await until(() => store.world.stream.is === 'disconnected', 'it says so');
    assert.equal(signedOut, 0);
    token.gives = () => Promise.reject(new SignedOut());
    await until(() => signedOut === 1, 'the sign-in is at its end');
  });

  it('gives up a stream that has gone silent', async () => {
    start(50);
    signIn();
    await until(() => broker.count('/v1/events') >= 3, 'it is opened again and again');
  });

  it('leaves out events that it does not know', async () => {
    start();
    signIn();
    await loaded();
    await connected();
    broker.send('something-new', { resource: 'moon' });
    broker.send('changed', { resource: 'request', id: 'no-uuid', version: 'x' });
    broker.change('grant', aGrant());
    await until(() => store.world.grants.size === 1, 'the event after them arrives');
  });

  it('reads on where only streams are held up on the way', async () => {
    broker.intercept = (request, response) => {
      if (request.url !== '/v1/events') return false;
      problem(response, 'not-ready', 'Later.');
      return true;
    };
    start();
    signIn();
    await loaded();
    assert.equal(store.world.stream.is, 'disconnected');
  });

  it('shows live connections only while somebody looks', async () => {
    const grant = aGrant();
    broker.grants.set(grant.id, grant);
    const connection = {
      leaseId: grant.id,
      address: '10.0.0.7',
      program: 'psql',
      since: new Date().toISOString(),
    };
    broker.intercept = (request, response) => {
      if (request.url?.endsWith('/connections') !== true) return false;
      json(response, 200, { connections: [connection], asOf: new Date().toISOString() });
      return true;
    };
    start();
    signIn();
    await until(() => store.world.grants.size === 1, 'the grant is there');
    const looks = [sync.watchConnections(grant.id), sync.watchConnections(grant.id)];
    await until(
      () => store.world.connections.get(grant.id)?.connections.length === 1,
      'the connection is there',
    );
    assert.equal(broker.count(`/v1/grants/${grant.id}/connections`), 1);
    looks[0]?.dispose();
    looks[0]?.dispose();
    assert.ok(store.world.connections.has(grant.id));
    looks[1]?.dispose();
    assert.ok(!store.world.connections.has(grant.id));
  });

  it('belongs to one person: another’s sign-in begins with nothing', async () => {
    const request = aRequest();
    broker.requests.set(request.id, request);
    start();
    signIn();
    await until(() => store.world.requests.size === 1, 'the request is there');
    broker.requests.clear();
    signIn(ben);
    assert.equal(store.world.requests.size, 0);
    await loaded();
  });
});

describe('The store', () => {
  it('tells each change once, in order, and nothing that is none', () => {
    const store = new Store();
    const told: string[] = [];
    store.onDidChange(({ now }) => {
      told.push(`first ${now.account.is}`);
      if (now.account.is === 'no broker')
        store.update(withAccount({ is: 'signed out', broker: 'https://a.example' }));
    });
    store.onDidChange(({ now }) => told.push(`second ${now.account.is}`));
    store.update((world) => world);
    store.update(withAccount({ is: 'starting' }));
    store.update(withAccount({ is: 'no broker' }));
    assert.deepEqual(told, ['first no broker', 'second no broker', 'first signed out', 'second signed out']);
  });
});
