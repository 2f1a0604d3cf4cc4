import type { IssuedLease } from '../../contract/leases.ts';
import { ProblemError, type Api } from '../client/call.ts';

/** A call for a lease: made again with the same key and verifier, it is the very same call. */
export interface Asked {
  readonly key: string;
  readonly verifier: string;
}

/** Asks the broker for leases and tells it of their ends. */
export class Leases {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  /** @throws as `Api.call`; see `isRefusal` */
  ask(grantId: string, { key, verifier }: Asked): Promise<IssuedLease> {
    return this.#api.call('createLease', {
      params: { id: grantId },
      key,
      body: { kind: 'postgresql', verifier },
    });
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

  /** Finds out what became of a call that was never answered, and ends the lease that it made. @throws as `Api.call` */
  async findAndEnd(grantId: string, asked: Asked): Promise<void> {
    try {
      // The first lease sets the access going: before it goes there is none, and asking again would make one.
      const { state } = await this.#api.call('grant', { params: { id: grantId } });
      if (state !== 'active') return;
      const { lease } = await this.ask(grantId, asked);
      await this.end(grantId, lease.id);
    } catch (error) {
      if (!isRefusal(error)) throw error;
    }
  }
}

/** What the broker answers where the same call may have another answer later. */
const passing: readonly string[] = [
  'in-progress',
  'not-ready',
  'not-signed-in',
  'too-many-calls',
  'unexpected',
] satisfies readonly ProblemError['kind'][];

/** Whether the broker's word is final: no lease came of the call, and repeating it changes nothing. */
export function isRefusal(error: unknown): error is ProblemError {
  return error instanceof ProblemError && !passing.includes(error.kind);
}
