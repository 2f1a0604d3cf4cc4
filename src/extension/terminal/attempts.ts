import type { IssuedLease } from '../../contract/leases.ts';
import type { Secret } from '../../contract/secret.ts';
import { signingInAgain } from '../account/sign-in-again.ts';
import { Cancelled, newKey } from '../client/call.ts';
import type { AccountService, Log, Services } from '../services.ts';
import { Emitter } from '../state/event.ts';
import { isRefusal, Leases, type Asked } from './leases.ts';
import type { FolderRecord, Records } from './records.ts';
import { newPassword, verifierOf } from './scram.ts';

/** One intention to get a lease: every call for it is the very same call. */
export interface Attempt extends Asked {
  /** Of the record and the folder. */
  readonly name: string;
  readonly password: Secret;
}

export interface Purpose {
  /** An attempt whose answer was lost is taken up by the next one with the same id. */
  readonly id: string;
  readonly grantId: string;
  /** Somebody has just asked for it: where another sign-in is needed, their browser may open. */
  readonly pressed: boolean;
  /** Writes the call down before it is made. @returns the name of the record and the folder. @throws FolderTrouble */
  readonly writeDown: (asked: Asked) => Promise<string>;
  /** Nothing came of it, and the broker need not be told: what is left here is of no use. Never rejects. */
  readonly giveUp: (name: string) => Promise<void>;
}

/**
 * Attempts to get a lease and to make it usable here. Each ends in one of four ways: it is used; there is no lease;
 * there is one and it is ended at once; or nobody knows, and its record stays until that is found out.
 */
export class Attempts {
  /** Names of what is worked on here: it must not be settled meanwhile. */
  readonly busy = new Set<string>();
  readonly #leases: Leases;
  readonly #account: AccountService;
  readonly #records: Records;
  readonly #log: Log;
  readonly #lost: { readonly purpose: string; readonly attempt: Attempt }[] = [];
  readonly #unwanted = new Set<string>();
  readonly #finished = new Emitter<void>();

  constructor({ api, account, log }: Pick<Services, 'api' | 'account' | 'log'>, records: Records) {
    this.#leases = new Leases(api);
    this.#account = account;
    this.#records = records;
    this.#log = log;
  }

  /** An attempt has come to its end, whichever: something may be owed now. */
  readonly onDidFinish = this.#finished.event;

  /**
   * Gets a lease, remembers it, and hands it to `work`, which makes it usable. After a failure of `work` the lease is
   * ended; after a lost answer the next attempt for the same purpose gets the very same lease.
   * When `signal` is aborted the caller is free at once. The call is not broken off, since its answer is what tells
   * whether there is a lease to end.
   * @throws as `Api.call`, `Purpose.writeDown` and `work`; Cancelled
   */
  async lease<T>(
    purpose: Purpose,
    work: (attempt: Attempt, issued: IssuedLease) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const outcome = this.#lease(purpose, work, signal);
    if (!signal) return outcome;
    let cancel: (() => void) | undefined;
    const cancelled = new Promise<never>((_resolve, reject) => {
      cancel = () => reject(new Cancelled());
      signal.addEventListener('abort', cancel, { once: true });
    });
    try {
      return await Promise.race([outcome, cancelled]);
    } finally {
      if (cancel) signal.removeEventListener('abort', cancel);
    }
  }

  /** Whether the answer to an attempt was lost and the next one for its purpose will take it up. */
  isLost(name: string): boolean {
    return this.#lost.some(({ attempt }) => attempt.name === name);
  }

  /** Whether nobody waits for its lease any more although its record could not be made to say so. */
  isUnwanted(name: string): boolean {
    return this.#unwanted.has(name);
  }

  /** Nothing more is expected of an attempt. */
  abandon(name: string): void {
    const at = this.#lost.findIndex(({ attempt }) => attempt.name === name);
    if (at >= 0) this.#lost.splice(at, 1);
  }

  /** Ends what the record speaks of, a lease or a call whose answer was lost. @throws as `Api.call`; FolderTrouble */
  async endRecorded(name: string, { grantId, lease, asked }: FolderRecord): Promise<void> {
    this.abandon(name);
    if (grantId !== undefined && lease) await this.#leases.end(grantId, lease.id);
    else if (grantId !== undefined && asked) await this.#leases.findAndEnd(grantId, asked);
    await this.#records.add(name, { ended: true });
    this.#unwanted.delete(name);
  }

  async #lease<T>(
    purpose: Purpose,
    work: (attempt: Attempt, issued: IssuedLease) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const attempt = await this.#begin(purpose);
    try {
      const issued = await this.#ask(purpose, attempt, signal);
      return await this.#use(purpose, attempt, issued, work, signal);
    } finally {
      this.busy.delete(attempt.name);
      this.#finished.fire();
    }
  }

  /** The attempt whose answer was lost, taken so that nobody else takes it up, or a new one, written down. Busy. */
  async #begin({ id, writeDown }: Purpose): Promise<Attempt> {
    for (;;) {
      const lost = this.#lost.find(({ purpose }) => purpose === id)?.attempt;
      if (!lost) break;
      this.abandon(lost.name);
      this.busy.add(lost.name);
      // Another window may have found out meanwhile what became of it.
      const record = await this.#records.read(lost.name).catch(() => undefined);
      if (record && !record.ended) {
        await this.#records.add(lost.name, { createdAt: new Date().toISOString() }).catch(() => undefined);
        return lost;
      }
      this.busy.delete(lost.name);
    }
    const password = newPassword();
    const asked = { key: newKey(), verifier: await verifierOf(password) };
    const name = await writeDown(asked);
    this.busy.add(name);
    return { name, password, ...asked };
  }

  async #ask(purpose: Purpose, attempt: Attempt, signal: AbortSignal | undefined): Promise<IssuedLease> {
    const { name, key, verifier } = attempt;
    if (signal?.aborted) {
      await purpose.giveUp(name);
      throw new Cancelled();
    }
    const ask = (): Promise<IssuedLease> => this.#leases.ask(purpose.grantId, { key, verifier });
    try {
      return await (purpose.pressed ? signingInAgain(this.#account, ask) : ask());
    } catch (error) {
      if (isRefusal(error)) await purpose.giveUp(name);
      else if (signal?.aborted) await this.#leaveToKeeper(name);
      else this.#lost.push({ purpose: purpose.id, attempt });
      throw error;
    }
  }

  /** Remembers the lease and runs what needs the disk; a credential that cannot be used, or is not wanted, ends at once. */
  async #use<T>(
    purpose: Purpose,
    attempt: Attempt,
    issued: IssuedLease,
    work: (attempt: Attempt, issued: IssuedLease) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const { name } = attempt;
    const { id, expiresAt } = issued.lease;
    try {
      // Answered, the call is never repeated: its verifier is nothing to keep.
      await this.#records.add(name, { lease: { id, expiresAt }, asked: undefined });
      if (signal?.aborted) throw new Cancelled();
      const result = await work(attempt, issued);
      if (signal?.aborted) throw new Cancelled();
      return result;
    } catch (error) {
      await this.#records.folder(name).wipe();
      try {
        await this.#leases.end(purpose.grantId, id);
      } catch (cause) {
        this.#log.warn('A credential that cannot be used could not be ended yet.', cause);
        await this.#leaveToKeeper(name);
        throw error;
      }
      await this.#records.add(name, { ended: true }).catch(() => undefined);
      await purpose.giveUp(name);
      throw error;
    }
  }

  /** Its record stays, so that it is ended as soon as the broker answers. */
  async #leaveToKeeper(name: string): Promise<void> {
    this.#unwanted.add(name);
    await this.#records.add(name, { unwanted: true }).catch(() => undefined);
  }
}
