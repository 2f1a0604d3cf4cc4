import type { TemplateList } from '../../contract/templates.ts';
import { emptyWorld, type Account, type AccessRequest, type Grant, type Me, type World } from './world.ts';

/** Changes of the world, each a pure function that returns the same world where nothing is new. */
export type Learn = (world: World) => World;

/** What is known about others' business belongs to who is signed in, so it goes when that changes. */
export function withAccount(account: Account): Learn {
  return (world) => {
    if (JSON.stringify(account) === JSON.stringify(world.account)) return world;
    return sameSignIn(world.account, account) ? { ...world, account } : { ...emptyWorld, account };
  };
}

export function withMe(me: Me): Learn {
  return (world) =>
    world.account.is === 'signed in' && world.account.me.person.id === me.person.id
      ? withAccount({ ...world.account, me })(world)
      : world;
}

export const connected: Learn = (world) =>
  world.stream.is === 'connected' ? world : { ...world, stream: { is: 'connected' } };

/** @param now the broker's time, ms; the first moment stays */
export function disconnected(now: number, why: string): Learn {
  return (world) => {
    const { stream } = world;
    if (stream.is === 'connected') return { ...world, stream: { is: 'disconnected', since: now, why } };
    return stream.why === why ? world : { ...world, stream: { ...stream, why } };
  };
}

export function withTemplates(templates: TemplateList): Learn {
  return (world) =>
    JSON.stringify(templates) === JSON.stringify(world.templates) ? world : { ...world, templates };
}

export function withRequest(request: AccessRequest): Learn {
  return (world) => {
    const requests = put(world.requests, request);
    return requests === world.requests ? world : { ...world, requests };
  };
}

export function withGrant(grant: Grant): Learn {
  return (world) => {
    const grants = put(world.grants, grant);
    return grants === world.grants ? world : { ...world, grants };
  };
}

/** It is not there any more, or not ours to see. */
export function without(which: 'requests' | 'grants', id: string): Learn {
  return (world) => {
    if (!world[which].has(id)) return world;
    const rest = new Map<string, AccessRequest | Grant>(world[which]);
    rest.delete(id);
    return { ...world, [which]: rest };
  };
}

/**
 * A whole list was read. What was known when it was asked for (`before`) and is not in it has gone; what was learnt
 * since, from an answer or an event, is newer than the list and stays.
 */
export function withLists(
  before: World,
  read: { readonly requests: readonly AccessRequest[]; readonly grants: readonly Grant[] },
): Learn {
  return (world) => {
    const requests = merged(before.requests, world.requests, read.requests);
    const grants = merged(before.grants, world.grants, read.grants);
    return requests === world.requests && grants === world.grants && world.isRead
      ? world
      : { ...world, isRead: true, requests, grants };
  };
}

interface Versioned {
  readonly id: string;
  readonly version: number;
}

function put<T extends Versioned>(known: ReadonlyMap<string, T>, item: T): ReadonlyMap<string, T> {
  return isNews(known, item) ? new Map(known).set(item.id, item) : known;
}

function isNews<T extends Versioned>(known: ReadonlyMap<string, T>, item: T): boolean {
  const old = known.get(item.id);
  return !old || (old.version <= item.version && JSON.stringify(old) !== JSON.stringify(item));
}

/** One copy however long the list is, none where it holds nothing new. */
function merged<T extends Versioned>(
  before: ReadonlyMap<string, T>,
  known: ReadonlyMap<string, T>,
  read: readonly T[],
): ReadonlyMap<string, T> {
  const listed = new Set(read.map(({ id }) => id));
  const gone = [...known.keys()].filter((id) => !listed.has(id) && before.get(id) === known.get(id));
  const news = read.filter((item) => isNews(known, item));
  if (gone.length + news.length === 0) return known;
  const now = new Map(known);
  for (const id of gone) now.delete(id);
  for (const item of news) now.set(item.id, item);
  return now;
}

function sameSignIn(a: Account, b: Account): boolean {
  return (
    a.is === 'signed in' && b.is === 'signed in' && a.broker === b.broker && a.me.person.id === b.me.person.id
  );
}
