import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { check } from '../../src/broker/config/check.ts';
import { checkConsistency } from '../../src/broker/config/consistency.ts';
import { Report } from '../../src/broker/config/report.ts';
import { Settings } from '../../src/broker/config/settings.ts';
import { readYaml } from '../../src/broker/config/yaml.ts';
import { parseTemplates } from '../../src/broker/templates/parse.ts';

const Snippets = z.record(
  z.string(),
  z.strictObject({
    prefix: z.string().regex(/^daypass-/),
    description: z.string().min(10),
    body: z.array(z.string()),
  }),
);

async function snippets(name: string) {
  return Snippets.parse(
    JSON.parse(await readFile(new URL(`../../snippets/${name}`, import.meta.url), 'utf8')),
  );
}

/** What a snippet is when only Tab is pressed: VS Code's grammar for placeholders, choices and escapes. */
function expand(body: readonly string[], choice = 0): string {
  const unescaped = (text: string) => text.replace(/\\([\\$}])/g, '$1');
  return body
    .join('\n')
    .replace(
      /\$\{\d+\|([^|]*)\|\}/g,
      (_, choices: string) => choices.split(',')[choice] ?? choices.split(',')[0] ?? '',
    )
    .replace(/\$\{\d+:((?:[^\\}]|\\.)*)\}/g, (_, text: string) => unescaped(text))
    .replace(/\$\{?\d+\}?/g, '');
}

const references = {
  groups: ['engineering', 'leads', 'security'],
  targets: new Map([['shop', { kind: 'postgresql' as const }]]),
};

function problemsOf(text: string): string[] {
  const name = /^template: (.*)$/m.exec(text)?.[1] ?? '';
  const { problems, warnings } = parseTemplates([{ file: `/${name}.yaml`, text }], references);
  return [...problems, ...warnings].map(({ line, words }) => `${line} ${words}`);
}

describe('snippets', () => {
  it('for templates are right as they stand, whatever is chosen', async () => {
    const all = Object.entries(await snippets('daypass-templates.json'));
    const whole = all.filter(([, { body }]) => body[0]?.startsWith('template:') === true);
    assert.ok(whole.length >= 5);
    for (const [name, { body }] of whole)
      for (const choice of [0, 1, 2]) assert.deepEqual(problemsOf(expand(body, choice)), [], name);
  });

  it('for parts of a template fit into one', async () => {
    const all = await snippets('daypass-templates.json');
    const base = expand(all['Daypass: change some columns']!.body);
    const ticket = expand(all['Daypass: ask for a ticket']!.body);
    const approve = expand(all['Daypass: somebody must approve']!.body);
    assert.match(ticket, /pattern: 'INC-\\d\+'/);
    assert.deepEqual(problemsOf(base.replace('  by: [engineering]', `  by: [engineering]\n  ${ticket}`)), []);
    assert.deepEqual(problemsOf(base.replace('approve:\n  by: [leads]', approve)), []);
    const [glass, mfa] = ['Daypass: break the glass', 'Daypass: a second factor'].map((name) =>
      expand(all[name]!.body),
    );
    const [silent, ...others] = problemsOf(`${base}\n${glass}\n${mfa}\n`);
    assert.match(silent ?? '', /is loud only where somebody hears it/, 'whom to tell is for each to say');
    assert.deepEqual(others, []);
  });

  it('for the configuration are right as they stand', async () => {
    for (const [name, { body }] of Object.entries(await snippets('daypass-configuration.json'))) {
      const file = readYaml('/daypass.yaml', expand(body));
      const { value, problems } = check(file, Settings);
      assert.deepEqual(problems, [], name);
      const report = new Report(file);
      checkConsistency(value!, report);
      assert.deepEqual([...report.wrong, ...report.warnings], [], name);
    }
  });

  it('have prefixes of their own', async () => {
    const both = [await snippets('daypass-templates.json'), await snippets('daypass-configuration.json')];
    const prefixes = both.flatMap((one) => Object.values(one).map(({ prefix }) => prefix));
    assert.equal(new Set(prefixes).size, prefixes.length);
  });
});
