import { basename } from 'node:path';
import * as z from 'zod';
import { plainText } from '../../contract/values.ts';
import { check } from '../config/check.ts';
import type { References } from '../config/load.ts';
import { besides, type Path, type Problem } from '../config/problem.ts';
import { Report } from '../config/report.ts';
import { suggestion } from '../config/suggest.ts';
import { readYaml, type YamlFile } from '../config/yaml.ts';
import type { Freeze, Policy } from '../rules/verdict.ts';

/** The file beside the templates that says what holds for all of them. */
export const policyFile = 'policy.yaml';

const Moment = z
  .string()
  .regex(
    /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)$/,
    'should be a time with its offset, like 2026-12-18T18:00+01:00 or 2026-12-18T17:00Z.',
  )
  .refine((text) => !Number.isNaN(Date.parse(text)), 'is no day of the calendar.');

/** At most so many. */
export const CapFile = z.strictObject({
  of_person: z
    .int()
    .min(1)
    .max(1000)
    .optional()
    .meta({ description: 'Of one person.', examples: [2] }),
  in_total: z
    .int()
    .min(1)
    .max(100_000)
    .optional()
    .meta({ description: 'Of all people.', examples: [10] }),
});

/** `policy.yaml` as it is written. */
export const PolicyFile = z
  .strictObject({
    freezes: z
      .array(
        z.strictObject({
          reason: plainText({ min: 3, max: 200 }).meta({
            description: 'Why; people who are refused read it.',
            examples: ['Christmas: nothing changes'],
          }),
          from: Moment.meta({ description: 'From when on.', examples: ['2026-12-18T18:00+01:00'] }),
          until: Moment.meta({ description: 'Until when.', examples: ['2027-01-02T08:00+01:00'] }),
          targets: z
            .array(z.string())
            .min(1)
            .optional()
            .meta({ description: 'Where; at every target unless said.', examples: [['shop']] }),
          except: z
            .array(z.string())
            .default([])
            .meta({
              description: 'Templates that may be requested all the same.',
              examples: [['shop-read-orders']],
            }),
        }),
      )
      .max(100)
      .default([])
      .meta({ description: 'Times in which nothing is given, with the reason.' }),
    caps: z
      .record(z.string(), CapFile)
      .default({})
      .meta({
        description: 'How many accesses there may be at once at a target, approved or open.',
        examples: [{ shop: { of_person: 2, in_total: 10 } }],
      }),
  })
  .meta({ title: 'Daypass policy', description: 'What holds for all templates of this folder.' });

export const noPolicy: Policy = { freezes: [], caps: new Map() };

interface PolicyText {
  readonly file: string;
  readonly text: string;
}

/**
 * What the files of several folders say together: the freezes of all hold, and a target is capped in one of them. Pure;
 * what is wrong is in the result.
 */
export function parsePolicies(
  files: readonly PolicyText[],
  references: Pick<References, 'targets'>,
  templates: readonly string[],
): { readonly policy: Policy; readonly problems: readonly Problem[] } {
  const parsed = files.map((one) => parsePolicy(one, references, templates));
  const caps = new Map(parsed.flatMap(({ policy }) => [...policy.caps]));
  return {
    policy: { freezes: parsed.flatMap(({ policy }) => policy.freezes), caps },
    problems: [...parsed.flatMap(({ problems }) => problems), ...cappedTwice(parsed)],
  };
}

interface ParsedPolicy {
  readonly document: YamlFile;
  readonly policy: Policy;
  readonly problems: readonly Problem[];
}

/** Whichever of two held, somebody would rely on the other. */
function cappedTwice(files: readonly ParsedPolicy[]): Problem[] {
  const first = new Map<string, Problem>();
  return files.flatMap(({ document, policy }) =>
    [...policy.caps.keys()].flatMap((target) => {
      const at = document.atKey(['caps', target], '');
      const known = first.get(target);
      if (!known) first.set(target, at);
      const words = `caps "${target}" already, so it is not clear which one holds. Keep one of the two.`;
      return known ? [{ ...at, words: `${besides(at, known)} ${words}` }] : [];
    }),
  );
}

function parsePolicy(
  { file, text }: PolicyText,
  { targets }: Pick<References, 'targets'>,
  templates: readonly string[],
): ParsedPolicy {
  const document = readYaml(file, text);
  const { value, problems } = check(document, PolicyFile);
  if (!value) return { document, policy: noPolicy, problems };
  const report = new Report(document);
  const known = (name: string, names: readonly string[], path: Path, what: string) => {
    if (!names.includes(name))
      report.isWrong(
        path,
        `there is no ${what} "${name}". ${suggestion(name, names, `The ${what}s are`)}`.trim(),
      );
  };
  for (const [at, freeze] of value.freezes.entries()) {
    if (Date.parse(freeze.from) >= Date.parse(freeze.until))
      report.isWrong(['freezes', at, 'until'], 'should be later than "from".');
    for (const [n, name] of (freeze.targets ?? []).entries())
      known(name, [...targets.keys()], ['freezes', at, 'targets', n], 'target');
    for (const [n, name] of freeze.except.entries())
      known(name, templates, ['freezes', at, 'except', n], 'template');
  }
  for (const name of Object.keys(value.caps)) known(name, [...targets.keys()], ['caps', name], 'target');
  return { document, policy: policyOf(value), problems: report.wrong };
}

export function isPolicy(file: string): boolean {
  return basename(file) === policyFile;
}

/** @see CapFile */
export function capOf({ of_person, in_total }: z.output<typeof CapFile>) {
  return {
    ...(of_person === undefined ? {} : { ofPerson: of_person }),
    ...(in_total === undefined ? {} : { inTotal: in_total }),
  };
}

function policyOf({ freezes, caps }: z.output<typeof PolicyFile>): Policy {
  return {
    freezes: freezes.map(({ from, until, reason, targets, except }): Freeze => ({
      from: new Date(from),
      until: new Date(until),
      reason,
      ...(targets ? { targets } : {}),
      except,
    })),
    caps: new Map(Object.entries(caps).map(([target, cap]) => [target, capOf(cap)])),
  };
}
