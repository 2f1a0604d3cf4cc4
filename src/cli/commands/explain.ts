import { durationOf, spokenDuration } from '../../contract/durations.ts';
import { needWords } from '../../contract/needs.ts';
import { readConfig } from '../../broker/config/load.ts';
import { spokenProblem } from '../../broker/config/problem.ts';
import { suggestion } from '../../broker/config/suggest.ts';
import { glassInWords } from '../../broker/rules/break-glass.ts';
import { judge } from '../../broker/rules/verdict.ts';
import { approversAmong, missingAmong } from '../../broker/templates/approvers.ts';
import { glassFor, inWords, secondsSaid } from '../../broker/templates/examples.ts';
import { loadExamples, loadTemplates } from '../../broker/templates/folder.ts';
import { momentForms, momentOf } from '../../broker/templates/moment.ts';
import { CommandFailed } from '../fail.ts';

export interface ExplainOptions {
  readonly config: string;
  readonly at: string;
  readonly zone: string;
  readonly for?: string;
  readonly groups?: string;
  readonly onCall?: string;
}

/**
 * Says what would become of a request and why, from the files alone: who is called what comes from the examples beside
 * the templates, or from `groups`. What only a running broker knows is said.
 */
export async function explain(person: string, id: string, options: ExplainOptions): Promise<void> {
  const { outline, problems } = await readConfig(options.config);
  if (!outline || problems.length > 0)
    throw new CommandFailed('The configuration is not right. "daypass check" says what is wrong.');
  const { templates, policy, problems: wrong } = await loadTemplates(outline.templates, outline);
  if (wrong.length > 0)
    throw new CommandFailed('The templates are not right. "daypass check" says what is wrong.');
  const now = new Date();
  const { people, problems: unclear } = await loadExamples(
    outline.templates,
    { templates, policy },
    outline,
    now,
  );

  const aboutPerson = unclear.find(({ path }) => path[0] === 'people' && path[1] === person);
  if (options.groups === undefined && aboutPerson)
    throw new CommandFailed(
      `It is not clear which groups ${person} is in. ${spokenProblem(aboutPerson)} Or name them: --groups engineering,oncall`,
    );
  const groups = options.groups?.split(',').map((group) => group.trim()) ?? people.get(person);
  if (!groups)
    throw new CommandFailed(
      `Nobody knows which groups ${person} is in. ${suggestion(person, [...people.keys()], 'The examples know')} Or name them: --groups engineering,oncall`,
    );
  const template = templates.get(id);
  if (!template)
    throw new CommandFailed(
      `There is no template "${id}". ${suggestion(id, [...templates.keys()], 'There are')}`,
    );
  const at = momentOf(options.at, options.zone, now);
  if (!at) throw new CommandFailed(`"${options.at}" is no moment. Write it ${momentForms}.`);
  const durationSeconds =
    options.for === undefined ? template.duration.defaultSeconds : secondsSaid(options.for);
  if (durationSeconds === undefined)
    throw new CommandFailed(`"${options.for ?? ''}" is no duration. Write it like 30 min, 1 h or PT30M.`);

  const nothing = { ofPerson: 0, inTotal: 0 };
  const verdict = judge(
    { template, groups, durationSeconds, at },
    {
      policy,
      standing: (schedule) => (schedule === options.onCall ? 'on call' : 'not on call'),
      open: nothing,
      automatic: nothing,
    },
  );
  const glass = glassFor(template, groups, verdict);
  const others = new Map([...people].filter(([name]) => name !== person));
  const could = approversAmong(template, others);
  const missing = missingAmong(template, others);
  const lines = [
    `${person} (${groups.join(', ')}) asks at ${at.toISOString()} for "${template.title}" (${id}), ${spokenDuration(durationOf(durationSeconds))}:`,
    `  ${inWords(verdict)}.`,
    ...(template.never.length > 0 ? [`  Members of ${template.never.join(' or ')} do not approve.`] : []),
    ...(verdict.is === 'asked' && could.length > 0
      ? [`  Of the people in the examples, ${could.join(', ')} could approve.`]
      : []),
    ...(verdict.is === 'asked' && others.size > 0 && missing.length > 0
      ? [`  The people in the examples are too few: it would still take ${needWords(missing)}.`]
      : []),
    ...(glass
      ? [
          `  ${person} may break the glass ${glassInWords(glass)}, with a second factor of the last two minutes.`,
        ]
      : []),
    ...(template.mfa ? [`  The requester must have signed in as "mfa" says.`] : []),
    '  Not looked at, since only a running broker knows: what is open now, and what was approved automatically today.',
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}
