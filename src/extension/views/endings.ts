import type { Lease } from '../../contract/leases.ts';
import type { Receipt } from '../../contract/receipts.ts';
import type { AccessRequest, Grant } from '../state/world.ts';
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

/** What stands at the end of a grant's credentials, in a sentence. */
export interface Proof {
  readonly text: string;
  /** False where something could not be proven: nothing of a login was found, or a server was not looked at. */
  readonly sure: boolean;
}

/** `Login closed, 1 connection ended, nothing left behind.` Undefined until it is known of every lease. */
export function proofOf(leases: readonly Lease[]): Proof | undefined {
  const issued = leases.filter((lease) => lease.state !== 'failed');
  if (leases.length > 0 && issued.length === 0)
    return { text: 'No login was issued, so there is nothing to close.', sure: true };
  const receipts = issued.flatMap((lease) => lease.receipt ?? []);
  const absent = issued.flatMap((lease) => (lease.receipt ? [] : (lease.absent ?? [])));
  if (issued.length === 0 || receipts.length + absent.length < issued.length) return undefined;
  if (receipts.length === 0) return { text: `Not proven: ${absent.join('; ')}`, sure: false };
  const ended = receipts.reduce((sum, receipt) => sum + receipt.connectionsEnded, 0);
  const logins = receipts.length === 1 ? 'Login closed' : `${receipts.length} logins closed`;
  const connections =
    ended === 0 ? 'no connection was open' : `${ended} connection${ended === 1 ? '' : 's'} ended`;
  const remains = receipts.flatMap((receipt) => receipt.remains);
  const rest = remains.length ? `. Left behind: ${remains.join('; ')}` : ', nothing left behind.';
  const unsure = absent.length ? ` Not proven for ${absent.length} more: ${absent.join('; ')}` : '';
  const standbys = notConfirmedOn([...new Set(receipts.flatMap((receipt) => receipt.standbys))]);
  return {
    text: [`${logins}, ${connections}${rest}${unsure}`, ...standbys].join(' '),
    sure: absent.length + standbys.length === 0,
  };
}

/** `At shop: login closed, …` */
export function proofAt(target: string, { text }: Proof): string {
  return `At ${target}: ${text.charAt(0).toLowerCase()}${text.slice(1)}`;
}

/** The whole story of a grant that is over, in at most two sentences, for a card or a notification. */
export function ending(grant: Grant, toLocal: ToLocal): string {
  return `${howItEnded(grant, toLocal)} ${proofOrWait(grant, toLocal)}`.trim();
}

function proofOrWait(grant: Grant, toLocal: ToLocal): string {
  const target = grant.template.target.title;
  const proof = proofOf(grant.leases);
  if (proof) return proofAt(target, proof);
  return grant.leases.length ? notYetConfirmed(grant, toLocal) : '';
}

/** What is said while the proof is awaited, and when it is late: no more than the login's own expiry holds. */
export function notYetConfirmed(grant: Grant, toLocal: ToLocal): string {
  const late = whatIsLate(grant, toLocal);
  if (!late) return `Waiting for ${grant.template.target.title} to confirm.`;
  return [...inSentences(late), 'We keep trying and tell you.'].join(' ');
}

/** An end that its target has not confirmed although it is due; a sentence each. */
export interface Late {
  readonly since: string;
  readonly obstacle: string;
  /** What may go on until then, unless the obstacle says it. */
  readonly possible?: string;
}

/** Undefined where nothing is late. */
export function whatIsLate(grant: Grant, toLocal: ToLocal): Late | undefined {
  const target = grant.template.target.title;
  const late = unconfirmedOf(grant);
  if (!late) return undefined;
  const since = timeOfDay(toLocal(Date.parse(late.since)));
  // Where only calls are left, the login is closed, and what is said already is all that can happen.
  const possible = late.obstacleSince === undefined ? stillPossible(grant, toLocal) : undefined;
  return {
    since: `${target} has not confirmed the end yet (since ${since}).`,
    obstacle: sentence(inLocalTime(late.obstacle, toLocal)),
    ...(possible === undefined ? {} : { possible }),
  };
}

/** All of it in the order in which it is read. */
export function inSentences({ since, obstacle, possible }: Late): string[] {
  return [since, `What stands in the way: ${obstacle}`, ...(possible === undefined ? [] : [possible])];
}

/** What is said while there is no proof here; where the broker cannot be asked, the target may have confirmed long ago. */
export function lastHeard(grant: Grant, toLocal: ToLocal, cutOff: boolean): string {
  if (!cutOff || unconfirmedOf(grant)) return notYetConfirmed(grant, toLocal);
  return `Not known here yet whether ${grant.template.target.title} has confirmed: the broker cannot be reached.`;
}

/** As a sentence of its own; what a target says may end without a full stop. */
function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** The broker's words tell times as UTC, for everybody alike; here all others are local. */
function inLocalTime(text: string, toLocal: ToLocal): string {
  return text.replace(/(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC/g, (told, day, time) => {
    const at = Date.parse(`${day}T${time}Z`);
    return Number.isNaN(at) ? told : timeOfDay(toLocal(at));
  });
}

/** The login's expiry stops new logins, and nothing that is open; before it, it stops nothing at all. */
function stillPossible(grant: Grant, toLocal: ToLocal): string | undefined {
  if (grant.expiresAt === undefined) return undefined;
  const target = grant.template.target.title;
  const expiry = timeOfDay(toLocal(Date.parse(grant.expiresAt)));
  return endOf(grant) < Date.parse(grant.expiresAt)
    ? `A new login may be possible there until ${expiry}; a connection that is open may last until ${target} answers.`
    : `No new login can begin there after ${expiry}; a connection that is open may last until ${target} answers.`;
}

/** On a standby that nobody named, somebody may still be connected. */
function notConfirmedOn(standbys: readonly string[]): string[] {
  if (standbys.length === 0) return [];
  const count = standbys.length === 1 ? '1 standby' : `${standbys.length} standbys`;
  return [
    `Not confirmed on ${count} that the broker does not look at: ${standbys.join(', ')}. What was open there may be open still.`,
  ];
}

/** A receipt in words, a line each. */
export function receiptInWords(receipt: Receipt, toLocal: ToLocal): string[] {
  const at = (instant: string): string => timeOfDay(toLocal(Date.parse(instant)));
  const { probe, gone } = receipt;
  return [
    `Login ${receipt.role} closed at ${at(receipt.closedAt)}, ${receipt.connectionsEnded} ${receipt.connectionsEnded === 1 ? 'connection' : 'connections'} ended.`,
    `No connection was seen for ${receipt.quietForMs} ms afterwards.`,
    `At ${at(probe.at)} a login with a valid password was refused (SQLSTATE ${probe.sqlstate}, ${probe.routine}).`,
    ...receipt.replicas.map(
      (replica) =>
        `The same at the replica ${replica.server}: no connection for ${replica.quietForMs} ms, a login refused at ${at(replica.probe.at)}.`,
    ),
    `At ${at(gone.at)} the login was gone and owned nothing.`,
    ...receipt.cleaned.map((item) => `Cleaned in ${item.database}: ${item.what}`),
    ...receipt.remains.map((item) => `Left behind: ${item}`),
    ...notConfirmedOn(receipt.standbys),
  ];
}

/** Why a request opened nothing; undefined while it may still. */
export function whyNothingOpened(request: AccessRequest): string | undefined {
  const denial = request.decisions.find((decision) => decision.verdict === 'deny');
  const by = denial ? denial.by.name : 'Somebody';
  switch (request.state) {
    case 'pending':
    case 'approved':
      return undefined;
    case 'denied':
      return denial?.comment === undefined
        ? `${by} denied it. Nothing was opened.`
        : `${by} denied it: ${quoted(denial.comment)}. Nothing was opened.`;
    case 'withdrawn':
      return 'You withdrew the request. Nothing was opened.';
    case 'expired':
      return 'Nobody answered in time. Nothing was opened; you can ask again.';
    case 'refused':
      return 'The request was refused by policy. Nothing was opened.';
  }
}
