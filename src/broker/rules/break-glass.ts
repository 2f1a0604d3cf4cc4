/** Access without waiting for approval, for emergencies. Pure; times are the database's. */

import { durationOf, spokenDuration } from '../../contract/durations.ts';

/** What a template says about it. */
export interface GlassRule {
  /** Groups whose members may. */
  readonly by: readonly string[];
  /** How long a request has waited by then. */
  readonly afterSeconds: number;
  /** The longest that is given. */
  readonly longestSeconds: number;
  /** The second factor: one of these contexts of sign-in. */
  readonly acr: readonly string[];
}

/** `after 5 min, for 15 min at most` */
export function glassInWords({
  afterSeconds,
  longestSeconds,
}: Pick<GlassRule, 'afterSeconds' | 'longestSeconds'>): string {
  const when = afterSeconds > 0 ? `after ${spokenDuration(durationOf(afterSeconds))}` : 'at once';
  return `${when}, for ${spokenDuration(durationOf(longestSeconds))} at most`;
}

/** The same for one request, as it was when that was made. */
export interface GlassTerms extends Omit<GlassRule, 'afterSeconds'> {
  /** When it can be broken: RFC 3339. */
  readonly from: string;
}

export function termsFor({ afterSeconds, ...rule }: GlassRule, askedAt: Date): GlassTerms {
  return { ...rule, from: new Date(askedAt.getTime() + afterSeconds * 1000).toISOString() };
}

/** Whoever breaks the glass proves for that who they are: no sign-in of before counts. */
export const freshSeconds = 120;

/** What is given: never more than was asked for, nor than anybody approved. */
export function secondsGiven(terms: GlassTerms, asked: number, approved: readonly number[]): number {
  return Math.min(terms.longestSeconds, asked, ...approved);
}

export interface GlassFacts {
  readonly groups: readonly string[];
  readonly now: Date;
  /** How many people approved this request already. */
  readonly approvals: number;
  /** Whether they have the same access already, approved or open. */
  readonly holds: boolean;
  /** What the same person broke the glass for before, and nobody has signed off: titles of templates. */
  readonly owed: readonly { readonly title: string; readonly isOpen: boolean }[];
}

export type GlassVerdict =
  | { readonly is: 'may' }
  | {
      readonly is: 'may not';
      readonly because: 'not a member' | 'too early' | 'one at a time' | 'no extension' | 'owed';
      /** A sentence or two for people. */
      readonly why: string;
    };

export function judgeGlass(terms: GlassTerms, facts: GlassFacts): GlassVerdict {
  const { groups, now, approvals, holds, owed } = facts;
  const no = (because: Extract<GlassVerdict, { is: 'may not' }>['because'], why: string): GlassVerdict => ({
    is: 'may not',
    because,
    why,
  });
  if (!terms.by.some((group) => groups.includes(group)))
    return no('not a member', `Members of ${terms.by.join(' or ')} may break the glass for this.`);
  const waitMs = Date.parse(terms.from) - now.getTime();
  if (waitMs > 0)
    return no(
      'too early',
      `Somebody may still answer: the glass can be broken in ${spokenDuration(durationOf(Math.ceil(waitMs / 1000)))}. Call them meanwhile.`,
    );
  const open = owed.find(({ isOpen }) => isOpen);
  if (open)
    return no(
      'one at a time',
      `You broke the glass for “${open.title}”, and that is open still. One at a time: end it first.`,
    );
  if (holds)
    return no(
      'no extension',
      'You have this access already, and breaking the glass does not make it longer. Ask somebody to approve more time.',
    );
  const [first] = owed;
  if (first && approvals === 0)
    return no(
      'owed',
      `You broke the glass for “${first.title}”, and nobody has signed that off yet. The next one takes a second person: somebody who signs it off, or who approves this.`,
    );
  return { is: 'may' };
}
