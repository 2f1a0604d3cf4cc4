import { secondsOf, spokenDuration } from '../../contract/durations.ts';
import { needsOf, needWords } from '../../contract/needs.ts';
import type { Template } from '../../contract/templates.ts';
import { glassInWords } from '../rules/break-glass.ts';

/** A template at one moment: as people see it, and what they are not shown of it otherwise. */
export interface Version {
  readonly shown: Template;
  /** What it allows in the target's own terms, a line each. */
  readonly terms: readonly string[];
  readonly never: readonly string[];
  readonly revokeBy: readonly string[];
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
  const lost = without(was.terms, now.terms);
  const gained = without(now.terms, was.terms);
  const said = {
    lost: without(before.allows, after.allows),
    gained: without(after.allows, before.allows),
  };
  const tooLong = askedSeconds > longestSeconds;
  const lines = [
    ...(said.lost.length > 0 ? said.lost : lost).map((line) => `No longer allows: ${line}`),
    ...(said.gained.length > 0 ? said.gained : gained).map((line) => `Now also allows: ${line}`),
    ...differs('Longest', before, after, ({ duration }) => spokenDuration(duration.longest)),
    ...(tooLong ? ['What was asked for is longer than it allows now'] : []),
    ...differs('Usual', before, after, ({ duration }) => spokenDuration(duration.default)),
    ...differs('Must approve', before, after, (one) => needWords(needsOf(one)) || 'nobody'),
    ...differs('Breaking the glass', before, after, (one) => glassOf(one.breakGlass)),
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
        : ['What it allows is as it was; who may request it changed, or how it is written'],
    allowsLess: lost.length > 0 || tooLong || before.target.id !== after.target.id,
  };
}

function glassOf(rule: Template['breakGlass']): string {
  if (!rule) return 'nobody';
  const afterSeconds = rule.after === undefined ? 0 : secondsOf(rule.after);
  return `${rule.by.join(' or ')}, ${glassInWords({ afterSeconds, longestSeconds: secondsOf(rule.longest) })}`;
}

function differs<T>(what: string, was: T, now: T, said: (of: T) => string): string[] {
  return said(was) === said(now) ? [] : [`${what}: ${said(now)} (was ${said(was)})`];
}

const without = (all: readonly string[], others: readonly string[]) =>
  all.filter((one) => !others.includes(one));
