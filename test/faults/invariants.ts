/** What must hold of what was found. Pure; each returns violations. */
import { nobody, type Found, type FoundEvent } from './found.ts';
import type { Ledger } from './ledger.ts';

/** What must hold when the faults are over and everything has settled. */
export function violationsOf(found: Found, ledger: Ledger): string[] {
  return [
    ...violationsAtAnyTime(found, ledger),
    ...ends(found),
    ...denied(found, ledger),
    ...atTargets(found),
    ...nothingLost(found, ledger),
  ];
}

/** What must hold in every moment, also while leases are on their way to their end. */
export function violationsAtAnyTime(found: Found, ledger: Ledger): string[] {
  return [
    ...audit(found),
    ...order(found),
    ...states(found),
    ...onceOnly(found, ledger),
    ...unaccounted(found),
    ...leftBehind(found),
  ];
}

/** No login is at a target that no lease with a due time accounts for. */
export function unaccounted({ roles, leases }: Found): string[] {
  const due = new Set(leases.filter(({ dueAt }) => dueAt).map(({ role }) => role));
  return [...roles].flatMap(([target, names]) =>
    names
      .filter((role) => !due.has(role))
      .map((role) => `At ${target}, no lease with a due time accounts for the login ${role}.`),
  );
}

/** Nothing outlives the login that it belonged to. */
function leftBehind({ connections, ownerless }: Found): string[] {
  return [
    ...[...connections].flatMap(([target, names]) =>
      names.filter((name) => name === nobody).map(() => `At ${target}, a connection outlived its login.`),
    ),
    ...[...ownerless].flatMap(([target, names]) => names.map((what) => `At ${target}, ${what} is nobody's.`)),
  ];
}

/** Numbers are 1 to n without a gap, each event has one, none has two. */
export function audit({ events, unnumbered }: Pick<Found, 'events' | 'unnumbered'>): string[] {
  const wrong = unnumbered.map((id) => `The event ${id} has no number.`);
  const seen = new Set<string>();
  events.forEach(({ number, id, action }, at) => {
    if (number !== at + 1 && events[at - 1]?.number !== number - 1)
      wrong.push(`After number ${events[at - 1]?.number ?? 0} comes ${number}.`);
    if (seen.has(id)) wrong.push(`The event ${id} has two numbers.`);
    if ((action as string | null) === null) wrong.push(`Number ${number} has no event.`);
    seen.add(id);
  });
  return wrong;
}

/** What happened to one thing is in the order of its versions. */
function order({ events }: Found): string[] {
  const last = new Map<string, FoundEvent>();
  return events.flatMap((event) => {
    if (event.thing === null || event.version === null) return [];
    const before = last.get(event.thing);
    last.set(event.thing, event);
    return before && (before.version ?? 0) > event.version
      ? [`Number ${event.number} (${event.action}) stands after a later version of ${event.thing}.`]
      : [];
  });
}

const lastWords: Readonly<Record<string, string>> = {
  pending: 'request created',
  approved: 'request approved',
  denied: 'request denied',
  withdrawn: 'request withdrawn',
  expired: 'request expired',
};
/** What may happen to a request any number of times and moves it nowhere. */
const meanwhile = /^request (claimed|released|discussed|partly approved|told|not told)$/;
const lifeOfALease = ['lease issuing', 'lease issued', 'lease closing', 'lease closed'];

/** Every state has its events, each once, in order. */
function states({ requests, grants, leases, events }: Found): string[] {
  const byResource = new Map<string, string[]>();
  for (const { resourceId, action } of events)
    if (resourceId !== null) byResource.set(resourceId, [...(byResource.get(resourceId) ?? []), action]);
  const told = (id: string) => byResource.get(id) ?? [];
  const wrong: string[] = [];
  for (const { id, state } of requests) {
    const actions = told(id).filter((one) => !meanwhile.test(one));
    const expected = state === 'pending' ? ['request created'] : ['request created', lastWords[state] ?? ''];
    if (actions.join() !== expected.join())
      wrong.push(`The request ${id} is ${state}, and its events are ${actions.join(', ') || 'none'}.`);
  }
  for (const { id, state } of grants) {
    const actions = told(id);
    const last = state === 'active' ? 'grant activated' : `grant ${state}`;
    const reached = actions.at(-1) === last || (state === 'approved' && actions.at(-1) === 'grant not begun');
    const once = actions.filter((one) => one === 'grant approved').length === 1;
    const overOnce = actions.filter((one) => /^grant (lapsed|ended|expired|revoked)$/.test(one)).length < 2;
    if (!reached || !once || !overOnce)
      wrong.push(`The grant ${id} is ${state}, and its events are ${actions.join(', ') || 'none'}.`);
  }
  for (const { id, state } of leases) {
    const actions = told(id).filter((one) => one !== 'lease unconfirmed');
    const expected =
      state === 'failed'
        ? ['lease issuing', 'lease failed']
        : lifeOfALease
            .slice(0, lifeOfALease.indexOf(`lease ${state}`) + 1)
            // Whoever never knew that it was there closes it without having said so.
            .filter((one) => one !== 'lease issued' || state === 'issued' || actions.includes(one));
    if (actions.join() !== expected.join())
      wrong.push(`The lease ${id} is ${state}, and its events are ${actions.join(', ') || 'none'}.`);
  }
  return wrong;
}

/** Every lease is over: with its receipt, or in words why there is none. */
function ends({ leases, grants, events }: Found): string[] {
  const absent = new Map(
    events.flatMap((one) => (one.absent === null ? [] : [[one.resourceId, one.absent]])),
  );
  return [
    ...leases.flatMap(({ id, state, hasReceipt, obstacle }) => {
      if (state === 'failed') return hasReceipt ? [`The lease ${id} failed and has a receipt.`] : [];
      if (state !== 'closed') return [`The lease ${id} is still ${state}: ${obstacle ?? 'nobody says why'}`];
      const saysWhy = obstacle !== null && absent.get(id) === obstacle;
      if (hasReceipt === saysWhy) return [`The lease ${id} is closed without a receipt or a word why.`];
      return [];
    }),
    ...grants.flatMap(({ id, state }) => (state === 'active' ? [`The grant ${id} is still active.`] : [])),
  ];
}

/** What somebody was given, or what was seen at its target, is not called never created: its end has a receipt. */
function denied({ leases }: Found, { acknowledgements, seen }: Ledger): string[] {
  return leases
    .filter(({ state, hasReceipt }) => (state === 'closed' || state === 'failed') && !hasReceipt)
    .flatMap(({ id, role, state }) => [
      ...(acknowledgements.has(`lease issued ${id}`)
        ? [`The lease ${id} is ${state} without a receipt, and somebody was given it.`]
        : []),
      ...(seen.has(role)
        ? [`The lease ${id} is ${state} without a receipt, and its login was seen at its target.`]
        : []),
    ]);
}

/** At the targets nothing is left. */
function atTargets({ roles, connections }: Found): string[] {
  return [
    ...[...roles].flatMap(([target, names]) =>
      names.map((role) => `At ${target}, the login ${role} is still there.`),
    ),
    ...[...connections].flatMap(([target, names]) =>
      names.map((role) => `At ${target}, there is a connection of ${role}.`),
    ),
  ];
}

/** One call has one effect, however often it was made. */
function onceOnly({ requests, grants, leases }: Found, ledger: Ledger): string[] {
  return [
    ...[...ledger.answers].flatMap(([call, ids]) =>
      ids.size > 1 ? [`One call got several answers: ${call}: ${[...ids].join(', ')}`] : [],
    ),
    ...doubled(
      'reason',
      requests.map(({ reason }) => reason),
    ),
    ...doubled(
      'grant of request',
      grants.map(({ requestId }) => requestId),
    ),
    ...doubled(
      'lease of grant and key',
      leases.map(({ grantId, key }) => `${grantId} ${key}`),
    ),
  ];
}

function doubled(what: string, all: readonly string[]): string[] {
  const seen = new Set<string>();
  return all.flatMap((one) => {
    if (seen.has(one)) return [`Twice the same ${what}: ${one}`];
    seen.add(one);
    return [];
  });
}

/** What somebody was told stands in the store, and in the audit log. */
function nothingLost({ requests, grants, leases, events }: Found, ledger: Ledger): string[] {
  const there = new Set([...requests, ...grants, ...leases].map(({ id }) => id));
  const told = new Set(events.map(({ action, resourceId }) => `${action} ${resourceId ?? ''}`));
  return [
    ...[...ledger.answers].flatMap(([call, ids]) =>
      [...ids].filter((id) => !there.has(id)).map((id) => `Gone is what was answered to ${call}: ${id}`),
    ),
    ...[...ledger.acknowledgements].flatMap((one) =>
      told.has(one) ? [] : [`Acknowledged and not in the audit log: ${one}`],
    ),
  ];
}
