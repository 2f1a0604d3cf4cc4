import { spokenDuration } from '../../contract/durations.ts';
import { toldInWords } from '../../contract/telling-words.ts';
import type { AccessRequest, Grant, LiveConnection, LiveConnections, World } from '../state/world.ts';
import { thresholdsOf } from './countdown.ts';
import { howItEnded, lastHeard, proofOf, receiptInWords, type ToLocal } from './endings.ts';
import { canBreak } from './glass.ts';
import { standingOf, unconfirmedOf, type Running } from './standing.ts';
import { lookingAt, lookingInWords, saidInWords, unanswered } from './talk.ts';
import { approvedBy, askedOf, timeOfDay, tlsWarning, why } from './words.ts';

interface CardBase {
  /** Of the grant, or of the request where it waits. */
  readonly id: string;
  readonly title: string;
  readonly target: string;
}

export interface RunningCard extends CardBase {
  readonly is: 'running';
  /** What the ring is for, in a sentence's middle: `fix one order's status on shop`. */
  readonly task: string;
  /** Left when this was made; the page counts on from there with its own clock. */
  readonly remainingMs: number;
  readonly totalMs: number;
  readonly soonMs: number;
  readonly lastMs: number;
  readonly until: string;
  readonly facts: readonly string[];
  readonly warning?: string;
  /** `undefined` until the target has been asked. */
  readonly connections?: readonly string[];
  /** Where there may be more of them; empty while none was asked. */
  readonly unknown: readonly string[];
  /** Nobody approved it. */
  readonly glassBroken: boolean;
  readonly mayOpen: boolean;
  readonly documented: boolean;
}

/** A figure that grows; the page counts on from there with its own clock. */
export interface Age {
  /** What the figure follows. */
  readonly words: string;
  readonly ageMs: number;
}

/** What the session view shows, ready to be drawn: all words are made here. */
export type Card =
  | RunningCard
  | (CardBase & { readonly is: 'ready'; readonly facts: readonly string[]; readonly documented: boolean })
  | (CardBase & {
      readonly is: 'waiting';
      readonly headline: string;
      readonly facts: readonly string[];
      /** Who was told, who is next and whom to call, a piece each. */
      readonly told: readonly string[];
      /** Somebody asked, and waits for an answer. */
      readonly asked: boolean;
      /** It may go on without an answer, in an emergency. */
      readonly breakable: boolean;
    })
  | (CardBase & {
      readonly is: 'over';
      readonly headline: string;
      readonly proof: string;
      readonly state: 'proven' | 'awaited' | 'late';
      /** How long the call has been running that stands in the way, where only calls do: it may have begun before the end. */
      readonly age?: Age;
      readonly receipts: readonly (readonly string[])[];
    });

export interface SessionModel {
  readonly cards: readonly Card[];
  /** What is said where there are no cards. */
  readonly nothing: string;
  /** Whether there is anything that could be requested; yes while that is not known. */
  readonly mayRequest: boolean;
  /** Set while the broker cannot be reached. */
  readonly trouble?: string;
}

/**
 * @param now the broker's time, ms
 * @param dismissed ids of grants that are over and were put away
 */
export function sessionModel(
  world: World,
  now: number,
  toLocal: ToLocal,
  dismissed: ReadonlySet<string> = new Set(),
): SessionModel {
  const standing = standingOf(world, now);
  const cutOff = world.stream.is === 'disconnected';
  const cards: Card[] = [
    ...standing.running.map((running) =>
      runningCard(running, world.connections.get(running.grant.id), toLocal),
    ),
    ...standing.ready.map((grant): Card => ({
      ...base(grant),
      is: 'ready',
      facts: [
        `${capital(approvedBy(grant))}. ${spokenDuration(grant.duration)}, starting when you open the terminal.`,
        `Open it by ${timeOfDay(toLocal(Date.parse(grant.activateBy)))}.`,
      ],
      documented: grant.template.documentation !== undefined,
    })),
    ...standing.pending.map((request): Card => ({
      ...base(request),
      is: 'waiting',
      ...waitingFor(request, world, now, toLocal),
      told: toldInWords(request.told, now),
      breakable: canBreak(request, now),
      facts: [
        `${spokenDuration(request.duration)} · ${why(request)}`,
        `Asked at ${timeOfDay(toLocal(Date.parse(request.createdAt)))}.`,
      ],
    })),
    ...standing.over
      .filter((grant) => !dismissed.has(grant.id))
      .map((grant): Card => {
        const proof = proofOf(grant.leases);
        const late = unconfirmedOf(grant);
        return {
          ...base(grant),
          is: 'over',
          headline: howItEnded(grant, toLocal),
          proof: proof?.text ?? lastHeard(grant, toLocal, cutOff),
          state: proof?.sure ? 'proven' : proof || late || cutOff ? 'late' : 'awaited',
          ...(!proof && late?.obstacleSince !== undefined
            ? { age: { words: 'Running for', ageMs: Math.max(0, now - Date.parse(late.obstacleSince)) } }
            : {}),
          receipts: grant.leases.flatMap((lease) =>
            lease.receipt ? [receiptInWords(lease.receipt, toLocal)] : [],
          ),
        };
      }),
  ];
  return {
    cards,
    nothing: world.isRead ? 'You have no access to production right now.' : 'Looking up your access…',
    mayRequest: world.templates?.templates.length !== 0,
    ...(world.stream.is === 'disconnected'
      ? {
          trouble: `The broker cannot be reached (since ${timeOfDay(toLocal(world.stream.since))}). Running sessions still end on time without it. Trying again…`,
        }
      : {}),
  };
}

/** What comes first: a question that waits for an answer, then whoever looks, then whoever could. */
function waitingFor(
  request: AccessRequest,
  world: World,
  now: number,
  toLocal: ToLocal,
): { readonly headline: string; readonly asked: boolean } {
  const me = world.account.is === 'signed in' ? world.account.me.person.id : '';
  const question = unanswered(request, me);
  const claim = lookingAt(request, now);
  if (question) return { headline: saidInWords(question, request), asked: true };
  return {
    headline: claim ? lookingInWords(claim, me, toLocal) : `Waiting for ${askedOf(request)}`,
    asked: false,
  };
}

function base(of: Pick<Grant, 'id' | 'template'>): CardBase {
  return { id: of.id, title: of.template.title, target: of.template.target.title };
}

function runningCard(
  { grant, remainingMs, totalMs, expiresAtMs }: Running,
  seen: LiveConnections | undefined,
  toLocal: ToLocal,
): RunningCard {
  const warning = tlsWarning(grant.template.target.tls);
  const terminals = grant.leases.filter((lease) => lease.state === 'issuing' || lease.state === 'issued');
  return {
    ...base(grant),
    is: 'running',
    task: `${grant.template.title} on ${grant.template.target.title}`,
    remainingMs,
    totalMs,
    ...thresholdsOf(totalMs),
    until: timeOfDay(toLocal(expiresAtMs)),
    // Whether anybody approved it stands above all else where nobody did.
    facts: [
      ...(grant.brokenGlass ? [] : [approvedBy(grant)]),
      inUse(terminals.length, grant.template.terminals),
    ],
    ...(warning === undefined ? {} : { warning: `The connection is ${warning}.` }),
    ...(seen ? { connections: seen.connections.map(inWords) } : {}),
    unknown: seen?.unknownAt.map(unknownAt) ?? [],
    glassBroken: grant.brokenGlass !== undefined,
    mayOpen: grant.may.openTerminal,
    documented: grant.template.documentation !== undefined,
  };
}

/** Where there can be no more, that says why none is offered. */
function inUse(count: number, most: number): string {
  const terminals = most === 1 ? 'terminal' : 'terminals';
  if (count >= most) return `${count} of ${most} ${terminals}`;
  return count === 1 ? '1 terminal' : `${count} terminals`;
}

function inWords({ program, address, replica }: LiveConnection): string {
  const who = [program, address].filter(Boolean).join(' ') || 'unknown program';
  return replica === undefined ? who : `${who}, at the replica ${replica}`;
}

const unknownAt = (replica: string): string =>
  `The replica ${replica} cannot be asked at the moment: connections there are not shown.`;

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
