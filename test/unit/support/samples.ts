import { randomUUID } from 'node:crypto';
import type { Lease } from '../../../src/contract/leases.ts';
import type { Receipt } from '../../../src/contract/receipts.ts';
import {
  emptyWorld,
  type AccessRequest,
  type Grant,
  type Template,
  type World,
} from '../../../src/extension/state/world.ts';

/** The broker's time in these samples, unless a test says otherwise. */
export const now = Date.parse('2026-03-01T02:14:00.000Z');
export const inMs = (ms: number): string => new Date(now + ms).toISOString();
export const minutes = (n: number): number => n * 60_000;
/** A clock that is right, in a zone where local time is UTC plus nothing the tests depend on. */
export const toLocal = (brokerMs: number): number => brokerMs;

export const ana = { id: '00000000-0000-4000-8000-00000000000a', name: 'Ana Lima' };
export const ben = { id: '00000000-0000-4000-8000-00000000000b', name: 'Ben Roth' };

export function template(more: Partial<Template> = {}): Template {
  return {
    id: 'shop-fix-order-status',
    title: 'Fix one order’s status',
    summary: 'Update the status of orders, read orders. Nothing else.',
    allows: ['update orders.status and orders.updated_at', 'read orders'],
    access: 'write',
    target: {
      id: 'shop',
      title: 'shop',
      kind: 'postgresql',
      host: '127.0.0.1',
      port: 5432,
      tls: 'verify-full',
    },
    documentation: 'https://docs.shop.example/runbooks/stuck-orders',
    duration: { default: 'PT30M', longest: 'PT1H' },
    terminals: 3,
    approval: { needed: 1, from: ['payments-leads'] },
    digest: 'a'.repeat(64),
    ...more,
  };
}

export function request(more: Partial<AccessRequest> = {}): AccessRequest {
  return {
    id: randomUUID(),
    state: 'pending',
    requester: ana,
    template: template(),
    duration: 'PT30M',
    reason: 'Order 4711 stuck after payment retry (INC-2231)',
    digest: 'b'.repeat(64),
    createdAt: inMs(-minutes(1)),
    answerBy: inMs(minutes(60)),
    decisions: [],
    askedOf: ['Ben Roth'],
    stillNeeded: [{ number: 1, by: ['payments-leads'] }],
    messages: [],
    openOnTarget: { own: [], others: 0 },
    version: 1,
    may: { withdraw: true, decide: false, approve: false, write: true },
    ...more,
  };
}

/** Active, with so much left of its 30 minutes. */
export function grant(more: Partial<Grant> = {}, leftMs = minutes(24)): Grant {
  return {
    id: randomUUID(),
    requestId: randomUUID(),
    state: 'active',
    holder: ana,
    template: template(),
    duration: 'PT30M',
    reason: 'Order 4711 stuck after payment retry',
    approvedBy: [ben],
    createdAt: inMs(leftMs - minutes(31)),
    activateBy: inMs(leftMs + minutes(60)),
    activatedAt: inMs(leftMs - minutes(30)),
    expiresAt: inMs(leftMs),
    leases: [],
    settled: false,
    version: 1,
    may: { openTerminal: true, end: true, revoke: false, review: false },
    ...more,
  };
}

/** Approved, nobody has opened a terminal. */
export function unopened(more: Partial<Grant> = {}): Grant {
  const { activatedAt: _at, expiresAt: _until, ...rest } = grant();
  return { ...rest, state: 'approved', ...more };
}

export function lease(of: Pick<Grant, 'id'>, more: Partial<Lease> = {}): Lease {
  return {
    id: randomUUID(),
    grantId: of.id,
    state: 'issued',
    role: 'daypass_x_y',
    createdAt: inMs(-minutes(6)),
    expiresAt: inMs(minutes(24)),
    ...more,
  };
}

export function receipt(more: Partial<Receipt> = {}): Receipt {
  return {
    leaseId: randomUUID(),
    role: 'daypass_x_y',
    closedAt: inMs(0),
    connectionsEnded: 1,
    quietForMs: 500,
    probe: { at: inMs(100), sqlstate: '28000', routine: 'InitializeSessionUserId' },
    replicas: [],
    standbys: [],
    cleaned: [],
    gone: { at: inMs(200), roleAbsent: true, ownsNothing: true },
    remains: [],
    ...more,
  };
}

/** What the window of a person knows. */
export function world(
  me: { readonly id: string; readonly name: string },
  has: {
    readonly grants?: readonly Grant[];
    readonly requests?: readonly AccessRequest[];
    readonly templates?: readonly Template[];
  } & Partial<Pick<World, 'stream' | 'connections'>> = {},
): World {
  const byId = <T extends { readonly id: string }>(items: readonly T[] = []) =>
    new Map(items.map((item) => [item.id, item]));
  return {
    ...emptyWorld,
    isRead: true,
    ...(has.stream ? { stream: has.stream } : {}),
    ...(has.connections ? { connections: has.connections } : {}),
    account: {
      is: 'signed in',
      broker: 'https://access.shop.example',
      me: {
        person: me,
        groups: ['engineering'],
        organisation: { name: 'Shop' },
        decides: false,
        audits: false,
        signedInUntil: inMs(minutes(60)),
      },
    },
    templates: { templates: [...(has.templates ?? [template()])] },
    requests: byId(has.requests),
    grants: byId(has.grants),
  };
}
