import { readConfig } from '../../broker/config/load.ts';
import { inReadingOrder, spokenProblem, type Problem } from '../../broker/config/problem.ts';
import { loadExamples, loadTemplates, noTemplates } from '../../broker/templates/folder.ts';
import { needWords } from '../../contract/needs.ts';
import { glassInWords } from '../../broker/rules/break-glass.ts';
import { approversAmong, missedWhenAsking, type People } from '../../broker/templates/approvers.ts';
import type { TemplateSet } from '../../broker/templates/template.ts';
import { policyWarnings, secondAccounts } from '../../broker/templates/warnings.ts';
import { CommandFailed } from '../fail.ts';

export interface CheckOptions {
  readonly config: string;
  readonly targets: boolean;
  readonly channels: boolean;
}

/**
 * Checks configuration and templates, and the targets if that is wanted. Problems and warnings go to standard error, a
 * line each. Exit code 0: everything is right; 1: something is wrong; 2: only the targets or the channels are.
 */
export async function check({ config: file, targets, channels }: CheckOptions): Promise<void> {
  const { config, outline, document, problems, missing, warnings } = await readConfig(file);
  const templates = outline ? await loadTemplates(outline.templates, outline) : noTemplates;
  const now = new Date();
  const areRight = outline && templates.problems.length === 0;
  const examples = areRight ? await loadExamples(outline.templates, templates, outline, now) : undefined;
  const people = examples?.people ?? new Map<string, readonly string[]>();
  const ofPolicy = areRight ? policyWarnings(templates, { targets: outline.targets, people, now }) : [];
  const ofAccounts =
    areRight && document ? secondAccounts(outline.identity, templates.templates, document) : [];

  const wrong = [
    ...problems,
    ...templates.problems,
    ...(examples?.problems ?? []),
    ...(targets || channels ? missing : []),
  ];
  tell(wrong);
  tell([...warnings, ...ofAccounts], 'warning: ');
  tell(inReadingOrder([...templates.warnings, ...ofPolicy]), 'warning: ');
  if (!targets && !channels) tell(missing, 'warning: ', ' That is fine unless the broker runs here.');
  if (wrong.length > 0) throw new CommandFailed(count(wrong.length, 'problem'));
  process.stdout.write(
    `The configuration and ${count(templates.templates.size, 'template')} are right. ${count(outline?.targets.size ?? 0, 'target')}.\n`,
  );
  if (examples && examples.proven > 0)
    process.stdout.write(
      `${count(examples.proven, 'example')} of the policy ${examples.proven === 1 ? 'holds' : 'hold'}.\n`,
    );
  process.stdout.write(table(templates.templates, people));
  if (!config) return;
  if (channels) await (await import('./check-channels.ts')).checkChannels(config);
  if (!targets) return;
  const { checkTargets } = await import('./check-targets.ts');
  await checkTargets(config, templates.templates);
}

/** A line for each template: who must approve, and who of the people in the examples could. */
function table(templates: TemplateSet, people: People): string {
  return [...templates.values()]
    .map((template) => {
      const { id, needs, never, automatic, breakGlass } = template;
      const could = approversAmong(template, people);
      const missed = missedWhenAsking(template, people);
      return [
        `  ${id}: ${needs.length > 0 ? needWords(needs) : 'nobody needs to approve'}`,
        ...(never.length > 0 ? [`never ${never.join(' or ')}`] : []),
        ...(automatic.length > 0 ? ['automatic where the template says so'] : []),
        ...(breakGlass
          ? [`${breakGlass.by.join(' or ')} may break the glass ${glassInWords(breakGlass)}`]
          : []),
        ...(could.length > 0 ? [`could: ${could.join(', ')}`] : []),
        ...(missed.length > 0 ? [`too few when ${missed.join(' or ')} asks`] : []),
      ].join('; ');
    })
    .map((line) => `${line}\n`)
    .join('');
}

function tell(problems: readonly Problem[], before = '', after = ''): void {
  for (const problem of problems) process.stderr.write(`${before}${spokenProblem(problem)}${after}\n`);
}

function count(number: number, thing: string): string {
  return `${number} ${thing}${number === 1 ? '' : 's'}`;
}
