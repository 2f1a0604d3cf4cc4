import { misleads } from '../../../contract/plain-text.ts';
import type { Template } from '../../state/world.ts';
import { lowerFirst } from '../../views/words.ts';
import type { Remark } from '../quickInput.ts';
import { isTicket, ticketIn } from './flow.ts';

/** As in the contract, whose schemas are too heavy for every key; a test holds these against them. */
export const limits = {
  reason: { min: 8, max: 500 },
  comment: { min: 3, max: 500 },
  ticket: { min: 1, max: 64 },
} as const;

/** What is wrong with a text that others will read; undefined if nothing is. */
export function checkText(text: string, { min, max }: { min: number; max: number }): Remark | undefined {
  if (misleads(text))
    return {
      text: 'Plain text on one line, please: it has a line break or an invisible character.',
      kind: 'error',
    };
  const { length } = text.trim();
  if (length < min)
    return {
      text: length === 0 ? 'A few words, please.' : `A few more words, please: at least ${min} characters.`,
      kind: 'error',
    };
  if (length > max)
    return { text: `Shorter, please: at most ${max} characters, this has ${length}.`, kind: 'error' };
  return undefined;
}

/** Says by the way which ticket was found in the reason. */
export function checkReason(text: string, template: Template): Remark | undefined {
  const remark = checkText(text, limits.reason);
  if (remark || !template.ticket) return remark;
  const ticket = ticketIn(text, template);
  return ticket === undefined ? undefined : { text: `Ticket: ${ticket}`, kind: 'info' };
}

export function checkTicket(text: string, template: Template): Remark | undefined {
  const remark = checkText(text, limits.ticket);
  if (remark) return remark;
  if (isTicket(text.trim(), template)) return undefined;
  const { ticket } = template;
  return {
    text: ticket?.hint
      ? `Name ${lowerFirst(ticket.hint)}.`
      : `A ticket here matches ${ticket?.pattern ?? ''}.`,
    kind: 'error',
  };
}
