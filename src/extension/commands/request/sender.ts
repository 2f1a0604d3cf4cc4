import type { ProblemKind } from '../../../contract/problems.ts';
import { Cancelled, ProblemError, Unreachable, type Api } from '../../client/call.ts';
import type { Log } from '../../services.ts';
import type { AccessRequest } from '../../state/world.ts';
import { bodyOf, Keys, type Complete } from './body.ts';

export interface SenderParts {
  readonly api: Api;
  readonly log: Log;
  /** Tells the person what became of something that they had turned away from. */
  readonly tell: (message: string) => void;
}

type Body = ReturnType<typeof bodyOf>;

/** Said where the broker does not answer: nobody can know. */
export const mayHaveBeenSent = 'The broker does not answer. It may have been sent: see Requests.';
export const takenBack = 'Withdrawn. Nothing was opened.';

/**
 * Sends the requests of one flow. A call that was cancelled, or whose answer was lost, may have arrived: it is
 * remembered until its fate is known, and taken back if the person turns away before that.
 */
export class Sender {
  readonly #parts: SenderParts;
  readonly #keys = new Keys();
  readonly #unknown = new Map<string, Body>();

  constructor(parts: SenderParts) {
    this.#parts = parts;
  }

  /** The very same words are the very same call. @throws what `Api.call` throws */
  async send(draft: Complete, signal: AbortSignal): Promise<AccessRequest> {
    const body = bodyOf(draft);
    const key = this.#keys.for(body);
    try {
      const request = await this.#parts.api.call('createRequest', { body, key, signal });
      this.#unknown.delete(key);
      return request;
    } catch (error) {
      if (mayHaveArrived(error)) this.#unknown.set(key, body);
      else if (isRefusal(error)) this.#unknown.delete(key);
      throw error;
    }
  }

  /**
   * The flow is over: whatever it may have left at the broker is taken back. Never rejects; nobody has to wait for it.
   * The same call again, with the same key, tells what became of the first, or makes what is withdrawn at once.
   */
  async leave(): Promise<void> {
    const unknown = [...this.#unknown];
    this.#unknown.clear();
    for (const [key, body] of unknown)
      try {
        const request = await this.#parts.api.call('createRequest', { body, key });
        if (await this.#takeBack(request)) this.#parts.tell(takenBack);
      } catch (error) {
        this.#parts.log.warn('What became of a request that was given up is not known.', error);
        if (!isRefusal(error)) this.#parts.tell(mayHaveBeenSent);
      }
  }

  /** @returns whether there was something to take back */
  async #takeBack(request: AccessRequest): Promise<boolean> {
    const { api } = this.#parts;
    if (request.state === 'pending')
      try {
        await api.call('withdrawRequest', { params: { id: request.id } });
        return true;
      } catch (error) {
        if (!(error instanceof ProblemError) || error.kind !== 'too-late') throw error;
        // Somebody was quicker.
        request = await api.call('request', { params: { id: request.id } });
      }
    if (request.state !== 'approved' || request.grantId === undefined) return false;
    await api.call('endGrant', { params: { id: request.grantId } });
    return true;
  }
}

/** The broker answered, but not what became of the call. */
const unsettled: readonly ProblemKind[] = ['in-progress', 'unexpected', 'not-ready'];
/** It did not even look at the call. */
const unheard: readonly ProblemKind[] = ['not-signed-in', 'too-many-calls'];

function mayHaveArrived(error: unknown): boolean {
  if (error instanceof Cancelled || error instanceof Unreachable) return !error.nothingSent;
  return error instanceof ProblemError && unsettled.includes(error.kind);
}

/** A clear no: the broker has nothing of this call. */
function isRefusal(error: unknown): boolean {
  return error instanceof ProblemError && ![...unsettled, ...unheard].includes(error.kind);
}
