import * as z from 'zod';
import { isoDuration, secondsOf } from '../../contract/durations.ts';
import { needWords } from '../../contract/needs.ts';
import { plainText } from '../../contract/values.ts';
import { check } from '../config/check.ts';
import { unknownGroup } from '../config/consistency.ts';
import type { References } from '../config/load.ts';
import { inReadingOrder, type Problem } from '../config/problem.ts';
import { GroupName } from '../config/pieces.ts';
import { Report } from '../config/report.ts';
import { suggestion } from '../config/suggest.ts';
import { readYaml, type YamlFile } from '../config/yaml.ts';
import { glassInWords, type GlassRule } from '../rules/break-glass.ts';
import { judge, type Policy, type Verdict } from '../rules/verdict.ts';
import type { People } from './approvers.ts';
import { Zone } from './hours.ts';
import { isAnySuchDay, momentForms, momentOf } from './moment.ts';
import type { ResolvedTemplate, TemplateSet } from './template.ts';

/** Files of examples stand beside the templates that they are about. A broker does not read them. */
export function isExamples(file: string): boolean {
  return /\.examples\.ya?ml$/i.test(file);
}

/** A file of examples as it is written. */
export const ExamplesFile = z
  .strictObject({
    zone: Zone.default('UTC').meta({
      description: 'Whose clock the moments are read by; UTC unless said.',
      examples: ['Europe/Berlin'],
    }),
    people: z
      .record(z.string(), z.array(GroupName))
      .meta({ description: 'Who is in which groups.', examples: [{ dan: ['engineering'] }] }),
    examples: z
      .array(plainText({ min: 1, max: 500 }))
      .min(1)
      .meta({
        description:
          'A line each: who, when, which template → what comes of it, and whether they may break the glass.',
        examples: [
          [
            'dan, Sunday 02:14, shop-fix-order-status for 30 min → one of payments-leads',
            'ana, Sunday 02:14, shop-fix-order-status → one of payments-leads, may break the glass after 5 min',
            'dan, Sunday 02:14, shop-fix-order-status → one of payments-leads, may not break the glass',
          ],
        ],
      }),
  })
  .meta({
    title: 'Examples for a Daypass policy',
    description: 'What the policy says in these cases; `daypass check` proves it.',
  });

export interface Examined {
  readonly problems: readonly Problem[];
  /** Examples that hold. */
  readonly proven: number;
  readonly people: People;
}

/** The same of one file. */
export interface ExaminedFile extends Examined {
  readonly document: YamlFile;
}

interface Rules {
  readonly templates: TemplateSet;
  readonly policy: Policy;
}

/** Holds each example of a file against the policy. Pure; what does not hold is a problem, with what is so instead. */
export function examine(
  { file, text }: { readonly file: string; readonly text: string },
  rules: Rules,
  { groups }: Pick<References, 'groups'>,
  now: Date,
): ExaminedFile {
  const document = readYaml(file, text);
  const { value, problems } = check(document, ExamplesFile);
  if (!value) return { document, problems, proven: 0, people: new Map() };
  const report = new Report(document);
  const people = new Map(Object.entries(value.people));
  for (const [who, theirs] of people)
    for (const [at, group] of theirs.entries())
      if (!groups.includes(group)) report.isWrong(['people', who, at], unknownGroup(group, groups));
  let proven = 0;
  for (const [at, line] of value.examples.entries()) {
    const wrong = whyWrong(line, people, { zone: value.zone, now }, rules);
    if (wrong === undefined) proven += 1;
    else report.isWrong(['examples', at], wrong);
  }
  return { document, problems: inReadingOrder(report.wrong), proven, people };
}

const form =
  /^(?<who>[^,]+), (?<when>[^,]+), (?<id>[a-z0-9-]+)(?: for (?<long>[^,→]+?))?(?:,? while on call(?: \((?<schedule>[^)]+)\))?)? ?(?:→|->) ?(?<gets>.+?)(?:, (?<may>may|may not) break the glass(?: after (?<after>.+))?)?$/u;

function whyWrong(
  line: string,
  people: People,
  { zone, now }: { readonly zone: string; readonly now: Date },
  { templates, policy }: Rules,
): string | undefined {
  const parts = form.exec(line)?.groups;
  if (!parts)
    return 'should read like: dan, Sunday 02:14, shop-fix-order-status for 30 min → 2 approvals from sre';
  const { who = '', when = '', id = '', long, schedule, gets = '', may, after } = parts;
  const groups = people.get(who);
  if (!groups) return `there is no "${who}". ${suggestion(who, [...people.keys()], 'The people are')}`.trim();
  const at = momentOf(when, zone, now);
  if (!at) return `"${when}" is no moment. Write it ${momentForms}.`;
  const template = templates.get(id);
  if (!template)
    return `there is no template "${id}". ${suggestion(id, [...templates.keys()], 'The templates are')}`.trim();
  const durationSeconds = long === undefined ? template.duration.defaultSeconds : secondsSaid(long);
  if (durationSeconds === undefined)
    return `"${long ?? ''}" is no duration. Write it like 30 min, 1 h or PT30M.`;
  const onCall = / while on call/.test(line);
  // A proof that holds must not fail in the week before a freeze.
  const anyDay = isAnySuchDay(when);
  const verdict = judge(
    { template, groups, durationSeconds, at },
    {
      policy: anyDay ? { ...policy, freezes: [] } : policy,
      standing: (name) =>
        onCall && (schedule === undefined || schedule === name) ? 'on call' : 'not on call',
      open: { ofPerson: 0, inTotal: 0 },
      automatic: { ofPerson: 0, inTotal: 0 },
    },
  );
  if (!isAsSaid(verdict, gets.trim()))
    return [
      `is not so: ${inWords(verdict)}.`,
      ...(anyDay && /^refused: frozen/i.test(gets)
        ? ['A weekday is any such day, free of freezes: name a date, like 2026-12-24T10:00+01:00.']
        : []),
    ].join(' ');
  if (may === undefined) return undefined;
  const glass = glassFor(template, groups, verdict);
  const isSo =
    (may === 'may') === (glass !== undefined) &&
    (after === undefined || secondsSaid(after) === glass?.afterSeconds);
  if (isSo) return undefined;
  return `is not so: ${who} may ${glass ? `break the glass ${glassInWords(glass)}` : 'not break the glass'}.`;
}

/** How somebody in these groups need not wait for what their request comes to; undefined: they must, or need not anyway. */
export function glassFor(
  { breakGlass }: Pick<ResolvedTemplate, 'breakGlass'>,
  groups: readonly string[],
  verdict: Verdict,
): GlassRule | undefined {
  return verdict.is === 'asked' && breakGlass?.by.some((group) => groups.includes(group))
    ? breakGlass
    : undefined;
}

/** Seconds of `30 min`, `1 h`, `1 h 30 min` or `PT30M`; undefined: it is none of these. */
export function secondsSaid(text: string): number | undefined {
  if (isoDuration.test(text)) return secondsOf(text);
  const [, hours, minutes] = /^(?:(\d+) ?h)? ?(?:(\d+) ?min)?$/.exec(text.trim()) ?? [];
  const seconds = Number(hours ?? 0) * 3600 + Number(minutes ?? 0) * 60;
  return seconds > 0 ? seconds : undefined;
}

function isAsSaid(verdict: Verdict, gets: string): boolean {
  const [, is = '', why] = /^(approved|refused)(?:: (.+))?$/.exec(gets) ?? [];
  switch (verdict.is) {
    case 'asked':
      return shortest(gets) === needWords(verdict.needs);
    case 'approved':
      return is === 'approved' && (why === undefined || verdict.why.startsWith(why));
    case 'refused':
      return (
        is === 'refused' && (why === undefined || why === verdict.because || verdict.why.startsWith(why))
      );
  }
}

/** `2 approvals from sre` as the product says it: `2 of sre`. */
function shortest(gets: string): string {
  return gets
    .replace(/\b(\d+|one|an) approvals? (?:from|of) /g, '$1 of ')
    .replace(/\b(?:1|an) of /g, 'one of ');
}

/** In the middle of a sentence. */
export function inWords(verdict: Verdict): string {
  if (verdict.is === 'asked')
    return [`it needs ${needWords(verdict.needs)}`, ...verdict.notAutomatic].join('; not automatic: ');
  return verdict.is === 'approved'
    ? `it is approved: ${verdict.why}`
    : `it is refused (${verdict.because}): ${verdict.why.replace(/\.$/, '')}`;
}
