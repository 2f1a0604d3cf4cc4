import { newKey } from '../../client/call.ts';
import { ticketIn, type Draft } from './flow.ts';

/** A draft with everything that a request needs. */
export type Complete = Draft & Required<Pick<Draft, 'template' | 'duration' | 'reason'>>;

/** The same words get the same `Idempotency-Key` for as long as the flow lasts: a second press sends nothing twice. */
export class Keys {
  readonly #keys = new Map<string, string>();

  for(body: unknown): string {
    const words = JSON.stringify(body);
    const key = this.#keys.get(words) ?? newKey();
    this.#keys.set(words, key);
    return key;
  }
}

export function bodyOf({ template, duration, reason, ticket }: Complete) {
  const named = ticket ?? ticketIn(reason, template);
  return {
    template: template.id,
    templateDigest: template.digest,
    duration,
    reason,
    ...(named === undefined ? {} : { ticket: named }),
  };
}
