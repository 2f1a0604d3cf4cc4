/**
 * What becomes of a request in the moment that it is made: refused, approved without anybody, or to be asked about.
 * Pure: the same question under the same facts has the same answer, in a broker as in `daypass check` and
 * `daypass explain`.
 */

import { spokenDuration, durationOf } from '../../contract/durations.ts';
import { hoursInWords, isWithin, type Hours } from './hours.ts';
import type { Standing } from './on-call.ts';
import type { Need } from './quorum.ts';

/** Approval that needs nobody: everything that is said here must hold. */
export interface AutomaticApproval {
  /** Whoever is on call by this schedule. */
  readonly onCall?: string;
  /** For no longer than this. */
  readonly upToSeconds?: number;
  readonly hours?: Hours;
  /** How often within 24 hours. */
  readonly aDay?: Cap;
}

/** At most so many: of one person, of all people together. */
export interface Cap {
  readonly ofPerson?: number;
  readonly inTotal?: number;
}

/** Nothing is given at these targets for a while. */
export interface Freeze {
  readonly from: Date;
  readonly until: Date;
  readonly reason: string;
  /** Ids; absent: all of them. */
  readonly targets?: readonly string[];
  /** Ids of templates that it does not concern. */
  readonly except: readonly string[];
}

/** What holds for all templates. */
export interface Policy {
  readonly freezes: readonly Freeze[];
  /** Access that is open at once, by target. */
  readonly caps: ReadonlyMap<string, Cap>;
}

export interface Asked {
  readonly template: {
    readonly id: string;
    readonly target: string;
    readonly requestBy: readonly string[];
    readonly needs: readonly Need[];
    readonly automatic: readonly AutomaticApproval[];
    readonly duration: { readonly longestSeconds: number };
  };
  readonly groups: readonly string[];
  readonly durationSeconds: number;
  readonly at: Date;
}

export interface Facts {
  readonly policy: Policy;
  /** The requester's, by the name of a schedule. */
  readonly standing: (schedule: string) => Standing;
  /** Access at the target that is approved or open. */
  readonly open: Required<Cap>;
  /** Approvals of this template within 24 hours that needed nobody. */
  readonly automatic: Required<Cap>;
}

export type Verdict =
  | {
      readonly is: 'refused';
      readonly because: 'not a member' | 'too long' | 'frozen' | 'capped';
      /** A sentence for people. */
      readonly why: string;
    }
  | { readonly is: 'approved'; readonly why: string }
  | {
      readonly is: 'asked';
      readonly needs: readonly Need[];
      /** Why each kind of automatic approval did not hold, in words. */
      readonly notAutomatic: readonly string[];
    };

/** Why nothing can be given at a target at a moment, whoever agrees. */
export type Obstacle =
  | { readonly is: 'frozen'; readonly freeze: Freeze }
  /** `open`: how many accesses there are, of the person or of all. */
  | { readonly is: 'capped'; readonly of: 'person' | 'all'; readonly open: number };

export function judge({ template, groups, durationSeconds, at }: Asked, facts: Facts): Verdict {
  if (!template.requestBy.some((group) => groups.includes(group)))
    return {
      is: 'refused',
      because: 'not a member',
      why: `Members of ${template.requestBy.join(' or ')} may request this.`,
    };
  if (durationSeconds > template.duration.longestSeconds)
    return {
      is: 'refused',
      because: 'too long',
      why: `Longest for this template: ${spoken(template.duration.longestSeconds)}.`,
    };
  const obstacle = obstacleTo({ template, at }, facts);
  if (obstacle) return { is: 'refused', because: obstacle.is, why: toRequester(obstacle) };
  if (template.needs.length === 0) return { is: 'approved', why: 'no approval needed' };
  const tried = template.automatic.map((one) => ({
    one,
    miss: whatMisses(one, { durationSeconds, at }, facts),
  }));
  const met = tried.find(({ miss }) => miss === undefined);
  if (met) return { is: 'approved', why: automaticInWords(met.one) };
  return { is: 'asked', needs: template.needs, notAutomatic: tried.flatMap(({ miss }) => miss ?? []) };
}

/** Judged when somebody asks, and again when the last approval would give it: much can happen between the two. */
export function obstacleTo(
  { template, at }: { readonly template: Pick<Asked['template'], 'id' | 'target'>; readonly at: Date },
  { policy, open }: Pick<Facts, 'policy' | 'open'>,
): Obstacle | undefined {
  const freeze = policy.freezes.find((one) => concerns(one, template) && at >= one.from && at < one.until);
  if (freeze) return { is: 'frozen', freeze };
  const cap = policy.caps.get(template.target) ?? {};
  if (open.ofPerson >= (cap.ofPerson ?? Infinity)) return { is: 'capped', of: 'person', open: open.ofPerson };
  if (open.inTotal >= (cap.inTotal ?? Infinity)) return { is: 'capped', of: 'all', open: open.inTotal };
  return undefined;
}

function toRequester(obstacle: Obstacle): string {
  if (obstacle.is === 'frozen') return `${frozenInWords(obstacle.freeze)}. Nothing is given there before.`;
  return obstacle.of === 'person'
    ? `You have ${mostOfPerson(obstacle.open)}. End one first.`
    : `${mostOfAll(obstacle.open)}. Try again when one has ended.`;
}

/** The same for whoever would approve it: nothing came of that, and the request waits until `answerBy`. */
export function toApprover(
  obstacle: Obstacle,
  { requester, answerBy }: { readonly requester: string; readonly answerBy: Date },
): string {
  const waits = `The request waits until ${moment(answerBy)}`;
  if (obstacle.is === 'capped')
    return [
      obstacle.of === 'person' ? `${requester} has ${mostOfPerson(obstacle.open)}` : mostOfAll(obstacle.open),
      `, so nothing was approved. ${waits}: approve it once one has ended or was revoked, or deny it.`,
    ].join('');
  const { freeze } = obstacle;
  return [
    `${frozenInWords(freeze)}. Nothing is given there before, so nothing was approved.`,
    freeze.until < answerBy
      ? `${waits}: approve it after the freeze, or deny it.`
      : `${waits}, which is before that: deny it, with a word on when to ask again.`,
  ].join(' ');
}

function frozenInWords({ until, reason }: Freeze): string {
  return `Frozen until ${moment(until)}: “${reason}”`;
}

function mostOfPerson(open: number): string {
  return `${accesses(open)} at this target already, the most that one person may have at once`;
}

function mostOfAll(open: number): string {
  const there = open === 1 ? 'There is' : 'There are';
  return `${there} ${accesses(open)} at this target already, the most that may be at once`;
}

function concerns(freeze: Freeze, template: { readonly id: string; readonly target: string }): boolean {
  return (freeze.targets?.includes(template.target) ?? true) && !freeze.except.includes(template.id);
}

/** The first thing that an automatic approval demands and that does not hold, in words; undefined: all of it holds. */
function whatMisses(
  { onCall, upToSeconds, hours, aDay }: AutomaticApproval,
  { durationSeconds, at }: Pick<Asked, 'durationSeconds' | 'at'>,
  { standing, automatic }: Facts,
): string | undefined {
  if (onCall !== undefined) {
    const how = standing(onCall);
    if (how !== 'on call') return `${notOnCall[how]} (${onCall})`;
  }
  if (upToSeconds !== undefined && durationSeconds > upToSeconds) return `longer than ${spoken(upToSeconds)}`;
  if (hours && !isWithin(hours, at)) return `outside ${hoursInWords(hours)}`;
  if (automatic.ofPerson >= (aDay?.ofPerson ?? Infinity))
    return `approved automatically ${times(automatic.ofPerson)} within 24 hours already`;
  if (automatic.inTotal >= (aDay?.inTotal ?? Infinity))
    return `approved automatically ${times(automatic.inTotal)} for all people together within 24 hours already`;
  return undefined;
}

const notOnCall: Record<Exclude<Standing, 'on call'>, string> = {
  'not on call': 'not on call',
  stale: 'it is not known who is on call: the schedule is out of date',
  'added lately': 'on call by a shift that was added within the last 24 hours',
};

/** `on call (payments)`, `up to 15 min, Mon to Fri, 09:00 to 17:00 (Europe/Berlin)` */
export function automaticInWords({ onCall, upToSeconds, hours }: AutomaticApproval): string {
  return [
    ...(onCall === undefined ? [] : [`on call (${onCall})`]),
    ...(upToSeconds === undefined ? [] : [`up to ${spoken(upToSeconds)}`]),
    ...(hours ? [hoursInWords(hours)] : []),
  ].join(', ');
}

const times = (number: number) => ({ 1: 'once', 2: 'twice' })[number] ?? `${number} times`;
const accesses = (number: number) => `${number} access${number === 1 ? '' : 'es'}`;
const spoken = (seconds: number) => spokenDuration(durationOf(seconds));

/** `2027-01-02 08:00 UTC` */
function moment(at: Date): string {
  return `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
