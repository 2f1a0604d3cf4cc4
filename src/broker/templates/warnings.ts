import { durationOf, spokenDuration } from '../../contract/durations.ts';
import { needWords } from '../../contract/needs.ts';
import type { IdentityConfig, TargetConfig } from '../config/config.ts';
import { inReadingOrder, type Path, type Problem } from '../config/problem.ts';
import type { YamlFile } from '../config/yaml.ts';
import { sizeOf } from '../rules/quorum.ts';
import { automaticInWords, type AutomaticApproval } from '../rules/verdict.ts';
import { approversAmong, missingAmong, type People } from './approvers.ts';
import { waitingBeside, leadsTo, needsFewer } from './neighbours.ts';
import type { ParsedTemplates } from './parse.ts';
import { scopeLanguages } from './scopes.ts';
import type { ResolvedTemplate, TemplateSet } from './template.ts';

/** What a policy may well say and hardly means, for whoever reviews it. A broker does as it says. */

interface Surroundings {
  readonly targets: ReadonlyMap<string, Pick<TargetConfig, 'kind' | 'database'>>;
  /** As far as the examples name them. */
  readonly people: People;
  readonly now: Date;
}

interface Found {
  readonly path: Path;
  readonly words: string;
}

/** In reading order. Pure. */
export function policyWarnings(
  { templates, files }: Pick<ParsedTemplates, 'templates' | 'files'>,
  { targets, people, now }: Surroundings,
): Problem[] {
  const all = [...templates.values()];
  const namesApprovers = all.some((one) => approversAmong(one, people).length > 0);
  const found = all.flatMap((template) => {
    const target = targets.get(template.target);
    return [
      ...(namesApprovers ? tooFew(template, people) : []),
      ...quietly(template),
      ...(target ? [...alone(template, target), ...easierThan(template, all, target, now)] : []),
    ].flatMap(({ path, words }) => files.get(template.id)?.at(path, words) ?? []);
  });
  return inReadingOrder(found);
}

/** The people in the examples, where they name any who approve, could not approve it together. */
function tooFew(template: ResolvedTemplate, people: People): Found[] {
  if (missingAmong(template, people).length === 0) return [];
  const could = approversAmong(template, people);
  const who =
    could.length === 0
      ? 'nobody in the examples could'
      : `of the people in the examples only ${list(could)} could`;
  return [
    {
      path: ['approve'],
      words: `takes ${needWords(template.needs)}, and ${who} approve it: requests would wait in vain. Name whoever else could under "people" there, or ask for others here.`,
    },
  ];
}

/** One person is enough for what changes a lot, or the requester for what changes anything. */
function alone(template: ResolvedTemplate, { kind }: Pick<TargetConfig, 'kind'>): Found[] {
  const changes = scopeLanguages[kind].changes(template.scope);
  if (changes === 'nothing') return [];
  const whoever = `whoever is in ${template.requestBy.join(' or ')}`;
  if (template.needs.length === 0)
    return [
      {
        path: ['approve'],
        words: `${whoever} gets this alone, and it changes data. Say who approves it, or let it only read.`,
      },
    ];
  const single: Found = {
    path: ['approve'],
    words:
      'one person can approve this alone, and it can change everything in a schema. Ask two: number: 2, or "all_of" with another group.',
  };
  return [
    ...(changes === 'everything' && sizeOf(template.needs) === 1 ? [single] : []),
    ...template.automatic.flatMap(({ onCall, hours, aDay, upToSeconds = 0 }, at) =>
      onCall !== undefined || hours || aDay
        ? []
        : {
            path: ['approve', 'automatic', at],
            words: `${whoever} gets this alone for up to ${spokenDuration(durationOf(upToSeconds))}, at any time and as often as they like, and it changes data. Add "on_call", "hours" or "a_day".`,
          },
    ),
  ];
}

/** Whoever may request it need not wait a moment: then breaking the glass is how it is had. */
function quietly({ requestBy, breakGlass }: ResolvedTemplate): Found[] {
  if (!breakGlass || breakGlass.afterSeconds > 0) return [];
  const both = breakGlass.by.filter((group) => requestBy.includes(group));
  if (both.length === 0) return [];
  return [
    {
      path: ['break_glass', 'by'],
      words: `whoever is in ${both.join(' or ')} may request this and break the glass at once, so approval is a matter of their own choice. Give approvers time (after: PT5M), or name fewer people.`,
    },
  ];
}

/** It is a way around what its neighbours demand. */
function easierThan(
  template: ResolvedTemplate,
  all: readonly ResolvedTemplate[],
  target: Pick<TargetConfig, 'kind' | 'database'>,
  now: Date,
): Found[] {
  const needs = ({ needs }: ResolvedTemplate) => (needs.length === 0 ? 'nobody' : needWords(needs));
  const named = (them: readonly ResolvedTemplate[]) => list(them.map((one) => `"${one.id}" (${needs(one)})`));
  const whatToDo = 'Whoever may request both gets around that. Demand as much here, or allow less.';

  const neighbours = all.filter(
    (one) =>
      one.needs.length > 0 &&
      (needsFewer(template, one) || template.automatic.length > 0) &&
      leadsTo(template, one, target),
  );
  const stricter = neighbours.filter((one) => needsFewer(template, one));
  const others = neighbours.filter((one) => !needsFewer(template, one));
  const fewer = {
    path: ['approve'],
    words: `takes fewer approvals (${needs(template)}) than ${named(stricter)}, and allows no less. ${whatToDo}`,
  };
  return [
    ...(stricter.length > 0 ? [fewer] : []),
    ...template.automatic.flatMap((way, at) => {
      const waiting = waitingBeside(way, template, others, now);
      if (waiting.length === 0) return [];
      const words = `needs nobody (${automaticInWords(way)}, ${howOften(way)}) where ${named(waiting)} would wait, and allows no less. ${whatToDo}`;
      return { path: ['approve', 'automatic', at], words };
    }),
  ];
}

/** `2 a day of each person, 10 a day in all` */
function howOften({ aDay: { ofPerson, inTotal } = {} }: AutomaticApproval): string {
  const most = [
    ...(ofPerson === undefined ? [] : [`${ofPerson} a day of each person`]),
    ...(inTotal === undefined ? [] : [`${inTotal} a day in all`]),
  ];
  return most.length > 0 ? most.join(', ') : 'as often as they like';
}

/** Without a claim that says who is one person, two accounts of somebody are two people. */
export function secondAccounts(
  { personClaim }: Pick<IdentityConfig, 'personClaim'>,
  templates: TemplateSet,
  document: Pick<YamlFile, 'at'>,
): Problem[] {
  const number = [...templates.values()].filter(({ needs }) => needs.length > 0).length;
  if (personClaim !== undefined || number === 0) return [];
  return [
    document.at(
      ['identity', 'person_claim'],
      `is missing, so two accounts of one person count as two people: with the second, somebody in the right group approves what they asked for with the first (${number} template${number === 1 ? ' needs' : 's need'} approval). Name a claim that is the same in all accounts of somebody; or sub, where nobody has two.`,
    ),
  ];
}

const list = (names: readonly string[]) =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}`;
