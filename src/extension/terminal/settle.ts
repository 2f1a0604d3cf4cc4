import type { LauncherFile, SessionFile } from '../../contract/session-file.ts';
import type { AccessRequest, Grant } from '../state/world.ts';
import { whyNothingOpened, type ToLocal } from '../views/endings.ts';
import { lastLines, type LastLines } from './lines.ts';
import type { FolderRecord } from './records.ts';

/** All that is known of one credential's folder at one look. */
export interface Facts {
  readonly record: FolderRecord;
  readonly launcher: LauncherFile | 'starting' | undefined;
  readonly session: SessionFile | undefined;
  /** It was made on another machine, whose processes are not seen from here. */
  readonly elsewhere: boolean;
  /** Whether the launcher's process lives; another process with its id is not it. */
  readonly launcherLives: boolean;
  /** Whether the extension host that made the folder lives. */
  readonly hostLives: boolean;
  /** Since the folder was made, by this machine's clock. */
  readonly ageMs: number;
  /** This window is signed in as the person of the record and has read what there is: grant and request count. */
  readonly known: boolean;
  readonly grant: Grant | undefined;
  readonly request: AccessRequest | undefined;
  /** The broker's time, ms. */
  readonly now: number;
  readonly toLocal: ToLocal;
}

export type Action =
  /** Its request was approved: get a lease, and let the terminal that waits become the production terminal. */
  | { readonly do: 'open' }
  | { readonly do: 'say over'; readonly say: LastLines }
  | { readonly do: 'move deadline'; readonly deadline: string }
  /** Remove what is secret; the launcher may still read the rest. */
  | { readonly do: 'wipe' }
  /** The launcher was killed: stop what runs on in its terminal. */
  | { readonly do: 'stop'; readonly leaseId: string; readonly launcher: number | undefined }
  /** Ends its lease; where the call for one was never answered, finds out what became of that. */
  | { readonly do: 'end lease' }
  /** Folder and record: nobody needs them. */
  | { readonly do: 'forget' };

/** How long a terminal may take from its folder to the first word of its launcher. */
const startMs = 5 * 60_000;
/** The same after a reload: the terminal was made before, and its launcher starts by itself or never. */
const orphanStartMs = 20_000;
/** Less is measuring noise. */
const clockMovedMs = 2000;
/** After its end nobody needs a record; a day covers every clock that is wrong. */
const dayMs = 24 * 3600_000;

/**
 * What is to be done with a folder now: the same function for a terminal that was closed, an access that ended, a
 * window that was reloaded and what a killed VS Code left behind. Every action may be done twice, by two windows.
 */
export function settle(facts: Facts): Action[] {
  const { record } = facts;
  // A window of that machine sees to it; after a day there is none.
  if (facts.elsewhere) return facts.ageMs > dayMs ? [{ do: 'forget' }] : [];
  if (record.use === 'terminal' && isGone(facts))
    return [{ do: 'wipe' }, ...orphans(facts), ...owed(facts), ...forgotten(facts)];
  if (record.unwanted)
    return [{ do: 'wipe' }, ...owed(facts), ...(facts.launcherLives ? [] : forgotten(facts))];
  if (record.use === 'copied') return settleCopied(facts);

  const waits = facts.session?.state.is === 'waiting';
  if (waits && (record.ended || endOfLease(facts))) return neverOpened(facts);
  const over = typeof facts.launcher === 'object' && facts.launcher.state.is === 'over';
  const end = endOfLease(facts);
  if (end) return [...said(facts, end), { do: 'wipe' }];
  if (over) return [{ do: 'wipe' }, ...owed(facts)];
  if (waits) return settleWaiting(facts);
  return movedDeadline(facts);
}

/** Whether nobody can be sitting at the terminal of this folder any more. */
function isGone({ launcher, launcherLives, hostLives, ageMs }: Facts): boolean {
  if (typeof launcher === 'object') return !launcherLives;
  return ageMs > (hostLives ? startMs : orphanStartMs);
}

/** What a launcher that says of itself that it runs leaves behind when it is gone: a shell, and what that started. */
function orphans({ launcher, record }: Facts): Action[] {
  if (launcher === undefined || !record.lease) return [];
  if (launcher !== 'starting' && launcher.state.is === 'over') return [];
  return [
    {
      do: 'stop',
      leaseId: record.lease.id,
      launcher: launcher === 'starting' ? undefined : launcher.pid,
    },
  ];
}

function settleCopied(facts: Facts): Action[] {
  if (facts.record.lease === undefined && facts.hostLives && facts.ageMs <= startMs) return [];
  const over = endOfLease(facts) !== undefined || isPast(facts);
  if (facts.record.lease !== undefined && !over) return [];
  return [{ do: 'wipe' }, ...(over ? [] : owed(facts)), ...forgotten(facts)];
}

/** It was to be opened, its credential could not be used, and that could not be said then. */
function neverOpened(facts: Facts): Action[] {
  const goesOn = facts.grant?.state === 'approved' || facts.grant?.state === 'active';
  const lines = goesOn
    ? ['Nothing was opened here.', 'Your access is still there: open a terminal from the sidebar.']
    : ['This access is over. Nothing was opened here.'];
  return said(facts, { lines, final: true });
}

function settleWaiting(facts: Facts): Action[] {
  const { request, known } = facts;
  if (!known || !request) return [];
  const why = whyNothingOpened(request);
  if (why !== undefined) return said(facts, { lines: [why], final: true });
  if (request.state !== 'approved') return [];
  if (!facts.grant) return [];
  if (facts.grant.state === 'approved' || facts.grant.state === 'active') return [{ do: 'open' }];
  return said(facts, { lines: ['This access is over. Nothing was opened here.'], final: true });
}

function movedDeadline({ session, record, toLocal }: Facts): Action[] {
  if (session?.state.is !== 'open' || !record.lease) return [];
  const deadline = toLocal(Date.parse(record.lease.expiresAt));
  return Math.abs(Date.parse(session.state.deadline) - deadline) < clockMovedMs
    ? []
    : [{ do: 'move deadline', deadline: new Date(deadline).toISOString() }];
}

function endOfLease({ record, known, grant, now, toLocal }: Facts): LastLines | undefined {
  const lease = grant?.leases.find((one) => one.id === record.lease?.id);
  return known && grant && lease ? lastLines(grant, lease, now, toLocal) : undefined;
}

/** Nothing after the last word: a terminal that has not read it yet would miss why it was never opened. */
function said({ session }: Facts, say: LastLines): Action[] {
  const state = session?.state;
  if (state?.is !== 'over') return [{ do: 'say over', say }];
  const same = state.final === say.final && state.lines.join('\n') === say.lines.join('\n');
  return state.final || same ? [] : [{ do: 'say over', say }];
}

/** What the broker must still be told. */
function owed(facts: Facts): Action[] {
  return facts.known && owes(facts) ? [{ do: 'end lease' }] : [];
}

function forgotten(facts: Facts): Action[] {
  return owes(facts) ? [] : [{ do: 'forget' }];
}

/** Whether there is a lease, or may be one, that nothing else ends. */
function owes(facts: Facts): boolean {
  const { record, known, grant } = facts;
  if (record.ended || isPast(facts) || endOfLease(facts)) return false;
  if (record.lease) return true;
  if (!record.asked) return false;
  // With the access every lease under it ends. One that is known here as not yet begun may have begun unheard.
  return !known || grant === undefined || grant.state === 'approved' || grant.state === 'active';
}

/** Whether its lease is over by the clock alone; without a lease, a day after it was made. */
function isPast({ record, known, now, ageMs }: Facts): boolean {
  if (!known || !record.lease) return ageMs > dayMs;
  return Date.parse(record.lease.expiresAt) <= now;
}
