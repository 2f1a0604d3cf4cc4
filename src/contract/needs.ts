import type { ApprovalNeed, Template } from './templates.ts';

/** Who must approve under a template, all of them; empty: nobody. */
export function needsOf({ approval: { needed, from, needs } }: Pick<Template, 'approval'>): ApprovalNeed[] {
  return needs ?? (needed > 0 ? [{ number: needed, by: from }] : []);
}

/** `2 of sre and one of payments-leads or security`: in the middle of a sentence. */
export function needWords(
  needs: readonly { readonly number: number; readonly by: readonly string[] }[],
): string {
  return needs
    .map(({ number, by }) => `${number === 1 ? 'one' : String(number)} of ${by.join(' or ')}`)
    .join(' and ');
}
