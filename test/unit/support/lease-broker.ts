import { randomUUID } from 'node:crypto';
import type { ConnectionDetails, Lease } from '../../../src/contract/leases.ts';
import { problems, problemType, type Problem, type ProblemKind } from '../../../src/contract/problems.ts';
import {
  ProblemError,
  Unreachable,
  type Api,
  type Input,
  type Output,
} from '../../../src/extension/client/call.ts';
import type { Services } from '../../../src/extension/services.ts';
import { Clock } from '../../../src/extension/state/clock.ts';
import { Store } from '../../../src/extension/state/store.ts';
import type { AccessRequest, Grant } from '../../../src/extension/state/world.ts';
import type { RouteName } from '../../../src/contract/routes.ts';
import { ana, grant, world } from './samples.ts';

/** Leases as a broker keeps them, and the store of one window that knows of them. */
export class LeaseBroker implements Api {
  readonly store = new Store();
  readonly leases = new Map<string, Lease & { readonly verifier: string; readonly key: string }>();
  readonly calls: string[] = [];
  /** The next calls for a lease go through and their answers are lost. */
  loses = 0;
  /** The next call for a lease is refused. */
  refuses: ProblemKind | undefined;
  /** Calls for a lease need a second factor until somebody has been in the browser. */
  needsSecondFactor = false;
  visits = 0;
  /** Nothing reaches it; that is known after `until`. */
  down = false;
  /** Calls for a lease are answered, or lost, only after this. */
  until: Promise<void> = Promise.resolve();
  /** Its clock minus this machine's, in ms. */
  readonly aheadMs: number;
  connection: ConnectionDetails = {
    kind: 'postgresql',
    host: '127.0.0.1',
    port: 5432,
    database: 'shop',
    user: 'daypass_x',
    tls: 'off',
  };

  constructor(aheadMs = 0) {
    this.aheadMs = aheadMs;
  }

  /** An access of Ana's that runs for so long. */
  allow(more: Partial<Grant> = {}, forMs = 600_000): Grant {
    const now = Date.now() + this.aheadMs;
    const one = grant({
      createdAt: new Date(now).toISOString(),
      activateBy: new Date(now + 3600_000).toISOString(),
      activatedAt: new Date(now).toISOString(),
      expiresAt: new Date(now + forMs).toISOString(),
      ...more,
    });
    this.change(one);
    return one;
  }

  change(one: Grant): void {
    const leases = [...this.leases.values()].filter((lease) => lease.grantId === one.id);
    this.store.update((before) => ({
      ...before,
      account: world(ana).account,
      grants: new Map(before.grants).set(one.id, { ...one, leases }),
    }));
  }

  learn(request: AccessRequest): void {
    this.store.update((before) => ({
      ...before,
      account: world(ana).account,
      requests: new Map(before.requests).set(request.id, request),
    }));
  }

  /** Changes a lease and lets the window know. */
  lease(id: string, more: Partial<Lease>): void {
    const lease = this.leases.get(id)!;
    this.leases.set(id, { ...lease, ...more });
    this.change(this.store.world.grants.get(lease.grantId)!);
  }

  call<N extends RouteName>(name: N, ...[input]: [input?: Input<N>]): Promise<Output<N>> {
    this.calls.push(name);
    const answer = this.#answer(name, input as Loose);
    return answer as Promise<Output<N>>;
  }

  async #answer(name: RouteName, { params, key = '', body }: Loose): Promise<unknown> {
    await Promise.resolve();
    if (this.down) {
      await this.until;
      throw new Unreachable('Nothing answers.');
    }
    const one = this.store.world.grants.get(params['id'] ?? '');
    if (!one) throw refusal('not-found');
    if (name === 'grant') return one;
    if (name === 'createLease') return this.#issue(one, key, body?.verifier ?? '');
    if (name !== 'endLease') throw new Error(`${name} is not played here.`);
    const id = params['lease'] ?? '';
    if (!this.leases.has(id)) throw refusal('not-found');
    if (this.leases.get(id)?.state === 'issued')
      this.lease(id, { state: 'closing', closeReason: 'terminal closed' });
    return this.leases.get(id);
  }

  async #issue(one: Grant, key: string, verifier: string): Promise<unknown> {
    const { refuses } = this;
    this.refuses = undefined;
    if (refuses) throw refusal(refuses);
    if (this.needsSecondFactor) throw refusal('step-up-needed', { challenge: { acrValues: ['mfa'] } });
    const known = [...this.leases.values()].find((lease) => lease.key === key);
    if (known && known.verifier !== verifier) throw refusal('key-reused');
    const lease = known ?? {
      id: randomUUID(),
      grantId: one.id,
      state: 'issued' as const,
      role: 'daypass_x',
      createdAt: new Date().toISOString(),
      expiresAt: one.expiresAt ?? new Date(Date.now() + this.aheadMs + 600_000).toISOString(),
      verifier,
      key,
    };
    this.leases.set(lease.id, lease);
    this.change({ ...one, state: 'active' });
    await this.until;
    if (this.loses-- > 0) throw new Unreachable('No answer.');
    return { lease, connection: this.connection };
  }
}

interface Loose {
  readonly params: Readonly<Record<string, string>>;
  readonly key?: string;
  readonly body?: { readonly verifier: string };
}

export function refusal(kind: ProblemKind, more: Partial<Problem> = {}): ProblemError {
  const { title, status } = problems[kind];
  return new ProblemError(kind, { type: problemType(kind), title, status, detail: `${title}.`, ...more });
}

/** What one window gives to its terminals, with this broker behind it. */
export function servicesOf(broker: LeaseBroker, storage: string): Services {
  const never = () => Promise.reject(new Error('Not played here.'));
  const silent = () => undefined;
  const signInAgain = () => {
    broker.visits += 1;
    broker.needsSecondFactor = false;
    return Promise.resolve('visited' as const);
  };
  const clock = new Clock();
  clock.observe(Date.now() + broker.aheadMs, clock.mark(), clock.mark());
  return {
    store: broker.store,
    clock,
    api: broker,
    account: { ensureSignedIn: never, mark: undefined, signInAgain, signOut: never },
    sync: {
      refresh: () => Promise.resolve(),
      reload: () => Promise.resolve(),
      watchConnections: () => ({ dispose: silent }),
    },
    log: { debug: silent, info: silent, warn: silent, error: silent },
    places: { extension: process.cwd(), storage },
  };
}
