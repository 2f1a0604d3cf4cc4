import * as z from 'zod';
import { inFlow } from '../config/check.ts';
import { Settings } from '../config/settings.ts';
import { ExamplesFile } from './examples.ts';
import { templateFile } from './file.ts';
import { PolicyFile } from './policy.ts';
import { scopeLanguages } from './scopes.ts';

/** JSON Schemas (draft 7, which the editors' YAML support speaks) of the files that people write, by file name. */
export function fileSchemas(): ReadonlyMap<string, object> {
  const [first, ...more] = Object.values(scopeLanguages).map(({ schema }) => schema);
  const scope = more.length > 0 && first ? z.union([first, ...more]) : (first ?? z.unknown());
  return new Map([
    ['daypass.schema.json', schemaOf(Settings)],
    ['template.schema.json', schemaOf(templateFile(scope))],
    ['policy.schema.json', schemaOf(PolicyFile)],
    ['examples.schema.json', schemaOf(ExamplesFile)],
  ]);
}

function schemaOf(schema: z.ZodType): object {
  return z.toJSONSchema(schema, {
    target: 'draft-7',
    io: 'input',
    unrepresentable: 'any',
    reused: 'inline',
    override: ({ jsonSchema }) => insertable(jsonSchema),
  });
}

/** Examples of more than one value are offered by editors for insertion; as mere examples they show as [object Object]. */
function insertable(schema: z.core.JSONSchema.BaseSchema): void {
  const examples: readonly unknown[] = schema.examples ?? [];
  const whole = examples.filter((example) => typeof example === 'object' && example !== null);
  if (whole.length === 0) return;
  const plain = examples.filter((example) => typeof example !== 'object' || example === null);
  if (plain.length > 0) schema.examples = plain;
  else delete schema.examples;
  schema['defaultSnippets'] = whole.map((body) => ({ label: inFlow(body), body }));
}
