import { spokenDuration } from '../../contract/durations.ts';
import type { ConnectionDetails, Lease } from '../../contract/leases.ts';
import { endedAsPlanned } from '../../contract/session-file.ts';
import type { AccessRequest, Grant } from '../state/world.ts';
import { howItEnded, notYetConfirmed, proofAt, proofOf, type ToLocal } from '../views/endings.ts';
import { approvedBy, askedOf, missing, task, timeOfDay, tlsWarning, why } from '../views/words.ts';

/** The first lines of a production terminal: what it may do, until when, how to end it. */
export function heading(
  { template, duration, brokenGlass }: Grant,
  { tls }: Pick<ConnectionDetails, 'tls'>,
  untilLocalMs: number,
  psql: boolean,
): string[] {
  const warning = tlsWarning(tls);
  return [
    `${brokenGlass ? 'BREAK GLASS' : 'Production'}: ${task(template)}`,
    ...(brokenGlass
      ? ['Nobody approved this. Everybody concerned was told, and somebody signs it off afterwards.']
      : []),
    `You may: ${template.allows.join('; ')}`,
    `Until ${timeOfDay(untilLocalMs)} (${spokenDuration(duration)}). Ctrl+D closes this terminal; "End now" in the sidebar ends the access.`,
    ...(warning === undefined ? [] : [`Careful: the connection is ${warning}.`]),
    psql
      ? 'psql is ready: just type psql'
      : 'psql is not installed here; every program that uses libpq is ready, and "Copy Connection Details" serves others.',
  ];
}

/** What a terminal says while its request waits. */
export function waitingHeading(request: AccessRequest): string[] {
  return [
    `Production: ${task(request.template)}`,
    `You asked for ${spokenDuration(request.duration)}: ${why(request)}`,
    `Waiting for ${askedOf(request)}. Go on working: this terminal opens by itself.`,
    '"Withdraw" in the sidebar takes the request back.',
  ];
}

/** What a terminal says that waited long enough for another sign-in to be needed. */
export function signInHeading({ template, duration }: Grant, acr: readonly string[] | undefined): string[] {
  return [
    `Production: ${task(template)}`,
    `Approved, ${spokenDuration(duration)}. It needs ${missing(acr)}: press "Sign in" in the notification, and this terminal opens.`,
  ];
}

/** The same in one sentence, for whoever looks elsewhere. */
export function signInOffer(grant: Grant, acr: readonly string[] | undefined): string {
  const { title, target } = grant.template;
  return `${title} on ${target.title}: ${approvedBy(grant)}. It needs ${missing(acr)}, then the terminal opens.`;
}

/** The last lines of a terminal, and whether there will be no more. */
export interface LastLines {
  readonly lines: readonly string[];
  readonly final: boolean;
}

/**
 * What a terminal says of its lease's end. Undefined while the lease is open.
 * @param now the broker's time, ms
 */
export function lastLines(grant: Grant, lease: Lease, now: number, toLocal: ToLocal): LastLines | undefined {
  const first = firstLine(grant, lease, now, toLocal);
  if (first === undefined) return undefined;
  const target = grant.template.target.title;
  const proof = proofOf([lease]);
  if (proof) return { lines: [first, proofAt(target, proof)], final: true };
  if (lease.state === 'failed') return { lines: [first], final: true };
  return {
    lines: lease.unconfirmed ? [first, notYetConfirmed({ ...grant, leases: [lease] }, toLocal)] : [first],
    final: false,
  };
}

function firstLine(grant: Grant, lease: Lease, now: number, toLocal: ToLocal): string | undefined {
  const planned = endedAsPlanned(new Date(toLocal(Date.parse(lease.expiresAt))));
  switch (grant.state) {
    case 'ended':
    case 'revoked':
      return howItEnded(grant, toLocal);
    case 'expired':
    case 'lapsed':
      return planned;
    case 'approved':
    case 'active':
      break;
  }
  if (lease.state === 'failed') return 'The credential of this terminal was not issued.';
  if (lease.state === 'closing' || lease.state === 'closed')
    return lease.closeReason === 'expired' ? planned : 'The credential of this terminal is closed.';
  return Date.parse(lease.expiresAt) <= now ? planned : undefined;
}
