import type { Config } from '../../broker/config/config.ts';
import { checkTarget, type Finding } from '../../broker/targets/postgresql/check.ts';
import { storedScope } from '../../broker/targets/postgresql/scope.ts';
import type { TemplateSet } from '../../broker/templates/template.ts';
import { CommandFailed } from '../fail.ts';

const words: Record<Finding['kind'], string> = {
  missing: 'missing',
  excess: 'too much',
  public: 'open to everybody',
};

/** Looks at every target as the broker and says what is not as the templates want it. Throws if anything is. */
export async function checkTargets(config: Config, templates: TemplateSet): Promise<void> {
  let wrong = 0;
  for (const target of config.targets.values()) {
    const scoped = [...templates.values()]
      .filter((template) => template.target === target.id)
      .map(({ id, scope }) => ({ id, scope: storedScope(scope) }));
    const findings = await checkTarget(target, scoped);
    for (const { kind, template, message, remedy } of findings) {
      if (kind !== 'public') wrong++;
      const about = template === undefined ? target.id : `${target.id}, ${template}`;
      process.stdout.write(
        `${about}: ${words[kind]}: ${message}${remedy === undefined ? '' : ` ${remedy}`}\n`,
      );
    }
    if (findings.every(({ kind }) => kind === 'public'))
      process.stdout.write(`${target.id}: ready for its ${scoped.length} templates.\n`);
  }
  if (wrong > 0) throw new CommandFailed('The targets are not as the templates want them; see above.', 2);
}
