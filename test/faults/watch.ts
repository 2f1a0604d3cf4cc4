import { eventsAfter, leaseRolesAt } from './found.ts';
import type { Held, Ledger, Unanswered } from './ledger.ts';
import type { Mark } from './log-stream.ts';
import { Logins } from './logins.ts';
import { brokerNames, targetNames } from './schedule.ts';
import type { World } from './world.ts';

/** After its time a login is tried so much later, in ms: the clocks are the same one, its reading is not. */
const afterTimeMs = 200;
/**
 * How long an open connection may live on after its time, in ms, once a broker that runs can reach the target and the
 * store: longer than the longest wait for an answer and the pause until the next try.
 */
export const cutWithinMs = 30_000;
/** The end of a connection is heard so much after the target has ended it, in ms. */
const afterProofMs = 1_000;
const lookEveryMs = 500;

/** Looks from outside, while everything goes wrong, at what must hold all the time. */
export class Watch {
  readonly #world: World;
  readonly #ledger: Ledger;
  readonly #withinMs: number;
  readonly #violations: string[] = [];
  readonly #logins: Logins;
  readonly #open = new Set<Held>();
  #known = 0;
  readonly #found = new Set<Unanswered>();
  /** Ids of the events that had a number already, in order. */
  readonly #numbered: string[] = [];
  /** What it was told, each time, of how far the audit events are logged. */
  readonly marks: Mark[] = [];
  readonly #strangers = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();

  /** @param withinMs how long a connection may live on */
  constructor(world: World, ledger: Ledger, withinMs = cutWithinMs) {
    this.#world = world;
    this.#ledger = ledger;
    this.#withinMs = withinMs;
    this.#logins = new Logins(world.targets);
  }

  get violations(): readonly string[] {
    return [...this.#violations, ...this.#logins.violations];
  }

  begin(): void {
    this.#looking = this.#look().finally(() => {
      this.#timer = setTimeout(() => this.begin(), lookEveryMs);
    });
  }

  /** Looks once more, and no more then. */
  async end(): Promise<void> {
    await this.#looking;
    clearTimeout(this.#timer);
    await this.#look();
    await this.#logins.tryAll();
    await this.#checkNumbers();
  }

  async #look(): Promise<void> {
    const { held } = this.#ledger;
    for (; this.#known < held.length; this.#known += 1) {
      const one = held[this.#known];
      if (one) this.#open.add(one);
    }
    // A server that is away is looked at the next time.
    await this.#lookForUnanswered().catch(() => undefined);
    await this.#readEnds().catch(() => undefined);
    for (const one of [...this.#open]) this.#lookAt(one);
    await this.#logins.tryDue();
    await this.#lookForStrangers().catch(() => undefined);
    await this.#readNumbers().catch(() => undefined);
    await this.#readMark().catch(() => undefined);
  }

  /** Who was not answered with a lease may still have one, and has its password. */
  async #lookForUnanswered(): Promise<void> {
    const unknown = this.#ledger.unanswered.filter((one) => !this.#found.has(one));
    const rows = await this.#world.store.query<Pick<Held, 'leaseId' | 'role' | 'dueAt'> & { key: string }>(
      `select id as "leaseId", role, due_at as "dueAt", idempotency_key as key
         from daypass.lease where idempotency_key = any($1) and due_at is not null`,
      [unknown.map(({ key }) => key)],
    );
    for (const { key, ...lease } of rows) {
      const one = unknown.find((each) => each.key === key);
      if (!one) continue;
      this.#found.add(one);
      this.#open.add({ ...one, ...lease });
    }
  }

  async #readEnds(): Promise<void> {
    const rows = await this.#world.store.query<{ id: string }>(
      `select lease_id as id from daypass.receipt where lease_id = any($1)
        union select id from daypass.lease where id = any($1) and state in ('closed', 'failed')`,
      [[...this.#open].map(({ leaseId }) => leaseId)],
    );
    const over = new Set(rows.map(({ id }) => id));
    for (const held of this.#open) if (over.has(held.leaseId)) held.overAt ??= new Date();
  }

  #lookAt(held: Held): void {
    const now = Date.now();
    const { dueAt, endedAt, overAt } = held;
    if (overAt !== undefined || now > dueAt.getTime() + afterTimeMs) this.#logins.add(held);
    if (!held.socket) {
      // Where it broke for another reason, or was cut before, this says nothing.
      if (held.refused) this.#open.delete(held);
      return;
    }
    const sinceOver = now - (overAt?.getTime() ?? now);
    const since = now - Math.min(dueAt.getTime(), endedAt?.getTime() ?? Infinity);
    const reachable = performance.now() - this.#reachableSince(held);
    if (sinceOver > afterProofMs)
      this.#stillOpen(held, `${sinceOver} ms after its lease was seen to be over`);
    else if (Math.min(since, reachable) > this.#withinMs)
      this.#stillOpen(
        held,
        `${since} ms after its time, ${Math.round(reachable)} ms of which the target could be reached`,
      );
  }

  #stillOpen(held: Held, when: string): void {
    this.#violations.push(`The connection of lease ${held.leaseId} is open ${when}.`);
    this.#open.delete(held);
  }

  /** Since when some broker runs that nothing keeps from this target and from the store; Infinity: none does. */
  #reachableSince({ target }: Held): number {
    const { brokers, links, targets, store } = this.#world;
    const well = brokerNames.map((name) => {
      const { store: toStore, [target]: toTarget } = links[name];
      return Math.max(brokers[name].wellSince, toStore.freeSince, toTarget.freeSince);
    });
    return Math.max(Math.min(...well), targets[target].upSince, store.upSince);
  }

  /** A login of a lease's at a target has a row with a due time in the store, whenever one looks. */
  async #lookForStrangers(): Promise<void> {
    const { targets, store } = this.#world;
    for (const name of targetNames) {
      const roles = await leaseRolesAt(targets[name]);
      for (const role of roles) this.#ledger.seen.add(role);
      const rows = await store.query<{ role: string; open: boolean; story: string }>(
        `select role, state in ('issuing', 'issued', 'closing') as open,
                concat_ws(', ', state, 'made ' || created_at, 'issued ' || issued_at, 'over ' || closed_at, obstacle) as story
           from daypass.lease where role = any($1) and due_at is not null`,
        [roles],
      );
      const accounted = new Set(rows.map(({ role }) => role));
      for (const role of roles.filter((one) => !accounted.has(one)))
        this.#stranger(role, `At ${name}, no lease with a due time accounts for the login ${role}.`);
      const over = rows.filter(({ open }) => !open);
      if (over.length === 0) continue;
      // It may have been removed, and its lease called over, since the first look; not since this one.
      const still = new Set(await leaseRolesAt(targets[name]));
      for (const { role, story } of over)
        if (still.has(role))
          this.#stranger(role, `At ${name}, the lease of the login ${role} is over: ${story}.`);
    }
  }

  #stranger(role: string, said: string): void {
    if (this.#strangers.has(role)) return;
    this.#strangers.set(role, Date.now());
    this.#violations.push(said);
  }

  /** Reads on where it stopped, so that a number that changes later shows. */
  async #readNumbers(): Promise<void> {
    for (const { number, id } of await eventsAfter(this.#world.store, this.#numbered.length)) {
      if (number !== this.#numbered.length + 1)
        this.#violations.push(`After number ${this.#numbered.length} came ${number}.`);
      this.#numbered.push(id);
    }
  }

  async #readMark(): Promise<void> {
    const [row] = await this.#world.store.query<{ number: number }>(
      'select number::int as number from daypass.audit_logged',
    );
    this.marks.push({ at: Date.now(), number: row?.number ?? 0 });
  }

  /** What had a number has it still. */
  async #checkNumbers(): Promise<void> {
    const now = await eventsAfter(this.#world.store, 0);
    this.#numbered.forEach((id, at) => {
      if (now[at]?.id !== id) this.#violations.push(`Number ${at + 1} was another event before: ${id}`);
    });
  }
}
