import { readConfig } from '../../broker/config/load.ts';
import { ProblemsFound } from '../../broker/config/problem.ts';
import { suggestion } from '../../broker/config/suggest.ts';
import { storedScope } from '../../broker/targets/postgresql/scope.ts';
import { setupSql } from '../../broker/targets/postgresql/setup.ts';
import { loadTemplates } from '../../broker/templates/folder.ts';
import { CommandFailed } from '../fail.ts';

/**
 * Prints what prepares a target. It needs neither the broker's secrets nor the target: whoever runs the SQL is
 * somebody else, often somewhere else.
 */
export async function targetSetup({
  id,
  config: file,
}: {
  readonly id: string;
  readonly config: string;
}): Promise<void> {
  const { outline, problems } = await readConfig(file);
  if (!outline || problems.length > 0) throw new ProblemsFound(problems);
  const target = outline.targets.get(id);
  if (!target) {
    const known = suggestion(id, [...outline.targets.keys()], 'The targets are');
    throw new CommandFailed(`There is no target "${id}". ${known}`);
  }
  const { templates, problems: wrong } = await loadTemplates(outline.templates, outline);
  if (wrong.length > 0) throw new ProblemsFound(wrong);
  const here = [...templates.values()].filter((template) => template.target === id);
  process.stdout.write(
    `${setupSql(
      target,
      here.map(({ id: template, scope }) => ({ id: template, scope: storedScope(scope) })),
    )}\n`,
  );
}
