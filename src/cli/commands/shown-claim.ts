import { withoutMisleading } from '../../contract/plain-text.ts';

/** A claim as text that cannot disturb a terminal. */
export function shown(claim: unknown): string {
  if (claim === undefined) return 'not said';
  const text = Array.isArray(claim)
    ? claim.map(String).join(', ')
    : typeof claim === 'string'
      ? claim
      : 'not a text';
  return withoutMisleading(text.slice(0, 300).replace(/\s/gu, ' ')) || 'empty';
}
