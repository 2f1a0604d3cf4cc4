import type { IssuedLease } from '../../contract/leases.ts';
import type { Secret } from '../../contract/secret.ts';
import { newKey, ProblemError, type Api } from '../client/call.ts';
import type { FolderRecord, Records } from './records.ts';
import { newPassword, verifierOf } from './scram.ts';

/** One intention to get a lease: every call for it is the very same call. */
export interface Attempt {
  /** Of the record and the folder. */
  readonly name: string;
  readonly password: Secret;
  readonly verifier: string;
  readonly key: string;
}

/**
 * Asks the broker for leases and tells it of their ends. An attempt whose answer was lost is kept, so that the next one
 * for the same purpose gets the very same lease; its record lets a later window find out what became of it.
 */
export class Leases {
  readonly #api: Api;
  readonly #records: Records;
  readonly #attempts = new Map<string, Attempt>();

  constructor(api: Api, records: Records) {
    this.#api = api;
    this.#records = records;
  }

  /** The attempt for a purpose: the one whose answer was lost, or a new one, written down. @throws FolderTrouble */
  async attempt(
    purpose: string,
    writeDown: (asked: { key: string; verifier: string }) => Promise<string>,
  ): Promise<Attempt> {
    const lost = this.#attempts.get(purpose);
    if (lost) return lost;
    const password = newPassword();
    const asked = { key: newKey(), verifier: await verifierOf(password) };
    const attempt = { name: await writeDown(asked), password, ...asked };
    this.#attempts.set(purpose, attempt);
    return attempt;
  }

  /** Nothing more is expected of an attempt. */
  abandon(name: string): void {
    for (const [purpose, attempt] of this.#attempts)
      if (attempt.name === name) this.#attempts.delete(purpose);
  }

  /** Whether the answer to an attempt was lost, so that its lease may or may not exist. */
  isOpen(name: string): boolean {
    return [...this.#attempts.values()].some((attempt) => attempt.name === name);
  }

  /** @throws as `Api.call`; after a refusal (`ProblemError`) the attempt is abandoned: there is no lease */
  async ask(attempt: Attempt, grantId: string, signal?: AbortSignal): Promise<IssuedLease> {
    try {
      return await this.#api.call('createLease', {
        params: { id: grantId },
        key: attempt.key,
        body: { kind: 'postgresql', verifier: attempt.verifier },
        ...(signal ? { signal } : {}),
      });
    } catch (error) {
      if (isRefusal(error)) this.abandon(attempt.name);
      throw error;
    }
  }

  /** Tells the broker that a lease is to end. @throws as `Api.call`, except where there is nothing to end */
  async end(grantId: string, leaseId: string): Promise<void> {
    try {
      await this.#api.call('endLease', { params: { id: grantId, lease: leaseId } });
    } catch (error) {
      if (!(error instanceof ProblemError) || (error.kind !== 'not-found' && error.kind !== 'too-late'))
        throw error;
    }
  }

  /** Ends the lease of a record and remembers that. @throws as `end`; FolderTrouble */
  async endRecorded(name: string, { grantId, lease }: FolderRecord): Promise<void> {
    if (grantId !== undefined && lease) await this.end(grantId, lease.id);
    await this.#records.add(name, { ended: true });
  }

  /** Repeats a call that was never answered, and ends the lease that it names. @throws as `Api.call`; FolderTrouble */
  async findAndEnd(name: string, { grantId, asked }: FolderRecord): Promise<void> {
    this.abandon(name);
    if (grantId !== undefined && asked)
      try {
        const { lease } = await this.#api.call('createLease', {
          params: { id: grantId },
          key: asked.key,
          body: { kind: 'postgresql', verifier: asked.verifier },
        });
        await this.end(grantId, lease.id);
      } catch (error) {
        if (!isRefusal(error)) throw error;
      }
    await this.#records.add(name, { ended: true });
  }
}

/** Whether the broker's word is final: no lease came of the call, and repeating it changes nothing. */
function isRefusal(error: unknown): boolean {
  return (
    error instanceof ProblemError &&
    error.kind !== 'in-progress' &&
    error.kind !== 'unexpected' &&
    error.kind !== 'not-ready'
  );
}
