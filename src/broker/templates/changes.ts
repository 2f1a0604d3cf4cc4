import { durationOf, secondsOf, spokenDuration } from '../../contract/durations.ts';
import { needsOf, needWords } from '../../contract/needs.ts';
import type { Template } from '../../contract/templates.ts';
import { glassInWords } from '../rules/break-glass.ts';
import { automaticInWords, type AutomaticApproval } from '../rules/verdict.ts';
import type { Limit, Right } from './rights.ts';

/** A template at one moment: as people see it, and what they are not shown of it otherwise. */
export interface Version {
  readonly shown: Template;
  readonly rights: readonly Right[];
  readonly limits: readonly Limit[];
  readonly never: readonly string[];
  readonly revokeBy: readonly string[];
  /** Contexts of sign-in that breaking the glass takes; absent where nobody may. */
  readonly glassAcr?: readonly string[] | undefined;
  /** Absent where it was not kept with a request, as this one. */
  readonly requestBy?: readonly string[] | undefined;
  readonly approvedAlone?: readonly AutomaticApproval[] | undefined;
}

export interface Changes {
  /** What is different now, a line each, in words. Never empty. */
  readonly lines: readonly string[];
  /** It gives less now than it did: a request made under it before asks for more than one made now could. */
  readonly allowsLess: boolean;
}

/**
 * How a template differs from what it was when somebody asked under it. What they were asked for, and are given, stays
 * what it was: this is for whoever decides, to know that those who look after the template think otherwise by now.
 * @param askedSeconds how long the access is wanted
 */
export function changesOf(was: Version, now: Version, askedSeconds: number, longestSeconds: number): Changes {
  const [before, after] = [was.shown, now.shown];
  const lost = without(was, now);
  const tooLong = askedSeconds > longestSeconds;
  const lines = [
    ...lost.map((line) => `No longer allows: ${line}`),
    ...without(now, was).map((line) => `Now also allows: ${line}`),
    ...limitsThatDiffer(was, now),
    ...differs('Longest', before, after, ({ duration }) => spokenDuration(duration.longest)),
    ...(tooLong ? ['What was asked for is longer than it allows now'] : []),
    ...differs('Usual', before, after, ({ duration }) => spokenDuration(duration.default)),
    ...differs('Must approve', before, after, (one) => needWords(needsOf(one)) || 'nobody'),
    ...differs('An approver’s sign-in', before, after, ({ approval }) => signInOf(approval.mfa)),
    ...differsIfKept('Approved without anybody', was.approvedAlone, now.approvedAlone, aloneOf),
    ...differsIfKept('May request', was.requestBy, now.requestBy, (by) => by.join(', ')),
    ...differs('The requester’s sign-in', before, after, ({ mfa }) => requesterOf(mfa)),
    ...differs('Breaking the glass', was, now, glassOf),
    ...differs('Told of a request', before, after, toldOf),
    ...differs('Never approve', was, now, ({ never }) => never.join(', ') || 'nobody besides the requester'),
    ...differs('May revoke', was, now, ({ revokeBy }) => revokeBy.join(', ') || 'nobody'),
    ...differs('Target', before, after, ({ target }) => target.title),
    ...differs('Terminals at once', before, after, ({ terminals }) => String(terminals)),
    ...differs('Ticket', before, after, ({ ticket }) =>
      ticket ? `${ticket.pattern}${ticket.required ? '' : ', if there is one'}` : 'none',
    ),
    ...differs('Title', before, after, ({ title }) => title),
    ...differs('Summary', before, after, ({ summary }) => summary),
    ...differs('Documentation', before, after, ({ documentation }) => documentation ?? 'none'),
  ];
  return {
    lines:
      lines.length > 0
        ? lines
        : [
            'What it allows and who must approve it is as it was; something else changed, or how it is written',
          ],
    allowsLess: lost.length > 0 || tooLong || before.target.id !== after.target.id || isTighter(was, now),
  };
}

/** What the one allows and the other does not, in words; in the target's terms where the words are the same. */
function without({ rights }: Version, { rights: others }: Version): string[] {
  const gone = rights.filter(({ term }) => !others.some((one) => one.term === term));
  const lines = gone.map(({ term, words }) => (others.some((one) => one.words === words) ? term : words));
  return [...new Set(lines)];
}

const limitOf = ({ limits }: Version, what: string) => limits.find((one) => one.what === what)?.is;

function limitsThatDiffer(was: Version, now: Version): string[] {
  const all = new Set([...was.limits, ...now.limits].map(({ what }) => what));
  return [...all].flatMap((what) =>
    differs(what, was, now, (one) => String(limitOf(one, what) ?? 'not set')),
  );
}

function isTighter(was: Version, now: Version): boolean {
  return was.limits.some(({ what, is }) => {
    const other = limitOf(now, what);
    return typeof is === 'number' && typeof other === 'number' && other < is;
  });
}

function glassOf({ shown: { breakGlass: rule }, glassAcr }: Version): string {
  if (!rule) return 'nobody';
  const afterSeconds = rule.after === undefined ? 0 : secondsOf(rule.after);
  return [
    rule.by.join(' or '),
    glassInWords({ afterSeconds, longestSeconds: secondsOf(rule.longest) }),
    ...(glassAcr ? [`signed in by ${glassAcr.join(' or ')}`] : []),
  ].join(', ');
}

function signInOf(demand: Template['approval']['mfa']): string {
  if (!demand) return 'any';
  const { acr, within } = demand;
  const words = [
    ...(acr ? [acr.join(' or ')] : []),
    ...(within === undefined ? [] : [`not older than ${spokenDuration(within)}`]),
  ];
  return words.join(', ') || 'any in a browser';
}

const whenAsked = { request: 'to request it', activation: 'to open it' };

function requesterOf(mfa: Template['mfa']): string {
  return mfa ? `${signInOf(mfa)}, ${mfa.at.map((at) => whenAsked[at]).join(' and ')}` : signInOf(mfa);
}

function toldOf({ notify = [] }: Template): string {
  const steps = notify.map((step) => {
    const whom = 'tell' in step ? step.tell : `call ${step.call}`;
    const { afterSeconds } = step;
    return afterSeconds > 0 ? `${whom} after ${spokenDuration(durationOf(afterSeconds))}` : whom;
  });
  return steps.join(', ') || 'nobody';
}

function aloneOf(rules: readonly AutomaticApproval[]): string {
  const said = rules.map((rule) => {
    const { ofPerson, inTotal } = rule.aDay ?? {};
    return [
      automaticInWords(rule),
      ...(ofPerson === undefined ? [] : [`${ofPerson} a day for one person`]),
      ...(inTotal === undefined ? [] : [`${inTotal} a day for all`]),
    ]
      .filter(Boolean)
      .join(', ');
  });
  return said.join('; or ') || 'never';
}

/** What a request that was made before such things were kept does not say, is not held against anything. */
function differsIfKept<T>(
  what: string,
  was: T | undefined,
  now: T | undefined,
  said: (of: T) => string,
): string[] {
  return was === undefined || now === undefined ? [] : differs(what, was, now, said);
}

function differs<T>(what: string, was: T, now: T, said: (of: T) => string): string[] {
  return said(was) === said(now) ? [] : [`${what}: ${said(now)} (was ${said(was)})`];
}
