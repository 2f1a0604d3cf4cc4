import type { Lease } from '../../contract/leases.ts';
import type { Receipt } from '../../contract/receipts.ts';
import type { Grant } from '../state/world.ts';
import { endOf, unconfirmedOf } from './standing.ts';
import { quoted, timeOfDay } from './words.ts';

/** The broker's time as this machine's: see `ReadableClock.toLocal`. */
export type ToLocal = (brokerMs: number) => number;

/** Why and when a grant came to its end, one sentence: `Ended at 02:44, as planned.` */
export function howItEnded(grant: Grant, toLocal: ToLocal): string {
  const at = timeOfDay(toLocal(endOf(grant)));
  switch (grant.state) {
    case 'revoked': {
      const by = grant.endedBy ? ` by ${grant.endedBy.name}` : '';
      return `Revoked at ${at}${by}${grant.comment === undefined ? '.' : `: ${quoted(grant.comment)}.`}`;
    }
    case 'ended':
      return `Ended at ${at}, by you.`;
    case 'lapsed':
      return `Lapsed at ${at}: no terminal was opened in time.`;
    case 'approved':
    case 'active':
    case 'expired':
      return `Ended at ${at}, as planned.`;
  }
}

/** What the receipts of a grant prove: `Login closed, 1 connection ended, nothing left behind.` Undefined until all are there. */
export function whatWasProven(leases: readonly Lease[]): string | undefined {
  const closed = leases.filter((lease) => lease.state !== 'failed');
  const receipts = closed.flatMap((lease) => lease.receipt ?? []);
  if (receipts.length === 0 || receipts.length < closed.length) return undefined;
  const ended = receipts.reduce((sum, receipt) => sum + receipt.connectionsEnded, 0);
  const logins = receipts.length === 1 ? 'Login closed' : `${receipts.length} logins closed`;
  const connections =
    ended === 0 ? 'no connection was open' : `${ended} connection${ended === 1 ? '' : 's'} ended`;
  const remains = receipts.flatMap((receipt) => receipt.remains);
  return remains.length
    ? `${logins}, ${connections}. Left behind: ${remains.join('; ')}`
    : `${logins}, ${connections}, nothing left behind.`;
}

/** The whole story of a grant that is over, in at most two sentences, for a card or a notification. */
export function ending(grant: Grant, toLocal: ToLocal): string {
  return `${howItEnded(grant, toLocal)} ${proofOrWait(grant, toLocal)}`.trim();
}

function proofOrWait(grant: Grant, toLocal: ToLocal): string {
  const target = grant.template.target.title;
  const proven = whatWasProven(grant.leases);
  if (proven !== undefined) return `At ${target}: ${proven.charAt(0).toLowerCase()}${proven.slice(1)}`;
  return grant.leases.length ? notYetConfirmed(grant, toLocal) : '';
}

/** What is said while the proof is awaited, and when it is late. */
export function notYetConfirmed(grant: Grant, toLocal: ToLocal): string {
  const target = grant.template.target.title;
  const late = unconfirmedOf(grant);
  if (!late) return `Waiting for ${target} to confirm.`;
  const since = timeOfDay(toLocal(Date.parse(late.since)));
  const keepTrying =
    grant.expiresAt === undefined
      ? 'We keep trying and tell you.'
      : `Your login expires there by itself at ${timeOfDay(toLocal(Date.parse(grant.expiresAt)))}; we keep trying and tell you.`;
  return `${target} has not confirmed the end yet (since ${since}). ${keepTrying}`;
}

/** A receipt in words, a line each. */
export function receiptInWords(receipt: Receipt, toLocal: ToLocal): string[] {
  const at = (instant: string): string => timeOfDay(toLocal(Date.parse(instant)));
  const { probe, gone } = receipt;
  return [
    `Login ${receipt.role} closed at ${at(receipt.closedAt)}, ${receipt.connectionsEnded} connections ended.`,
    `No connection was seen for ${receipt.quietForMs} ms afterwards.`,
    `A login with a valid password was refused at ${at(probe.at)} (${probe.sqlstate}, ${probe.routine}).`,
    `At ${at(gone.at)} the login was gone and owned nothing.`,
    ...receipt.cleaned.map((item) => `Cleaned in ${item.database}: ${item.what}`),
    ...receipt.remains.map((item) => `Left behind: ${item}`),
  ];
}
