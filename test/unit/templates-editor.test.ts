import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import * as z from 'zod';
import { LanguageServer } from './support/language-server.ts';

const run = promisify(execFile);

const template = `template: shop-read-orders
title: Read orders
summary: Read the order tables, change nothing.
target: shop
scope:
  privileges: [select on sales.orders]
duration: { default: PT30M, longest: PT1H }
request:
  by: [engineering]
approve:
  by: [leads]
`;
const config = `public_url: https://access.shop.example
organisation: { name: Shop }
groups: [engineering]
identity:
  issuer: https://login.shop.example
  clients: [daypass-vscode]
database: { embedded: ./data }
targets:
  shop:
    title: Shop
    kind: postgresql
    host: shop-db.internal
    database: shop
    login: { user: daypass_broker, password: { env: SHOP_PASSWORD } }
`;

const Completion = z.object({
  items: z.array(z.object({ label: z.string(), documentation: z.unknown().optional() })),
});
const Hover = z.object({ contents: z.object({ value: z.string() }) });

describe('an editor that has the schemas', function () {
  this.timeout(30_000);
  let folder: string;
  let server: LanguageServer;
  let opened = 0;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'daypass-schemas-'));
    await run(process.execPath, ['--import=tsx', 'src/cli/main.ts', 'schemas', '--out', folder]);
    const schema = (name: string) => pathToFileURL(join(folder, name)).href;
    server = await LanguageServer.start({
      [schema('daypass.schema.json')]: '**/*daypass.yaml',
      [schema('template.schema.json')]: '**/templates/*.yaml',
    });
  });
  after(async () => {
    await (server as LanguageServer | undefined)?.stop();
    await rm(folder, { recursive: true });
  });

  const templateUri = () => `file:///repo/templates/${opened++}.yaml`;
  const configUri = () => `file:///repo/${opened++}-daypass.yaml`;

  /** The text with the cursor where `|` stands. */
  async function cursor(uri: string, marked: string) {
    const before = marked.slice(0, marked.indexOf('|'));
    await server.open(uri, marked.replace('|', ''));
    const lines = before.split('\n');
    return { textDocument: { uri }, position: { line: lines.length - 1, character: lines.at(-1)!.length } };
  }
  async function completions(uri: string, marked: string): Promise<string[]> {
    const answer = await server.ask('textDocument/completion', await cursor(uri, marked));
    return Completion.parse(answer).items.map(({ label }) => label);
  }
  async function hover(uri: string, marked: string): Promise<string> {
    const answer = await server.ask('textDocument/hover', await cursor(uri, marked));
    // Markdown escapes and spaces that do not break are how it is written, not what is read.
    return Hover.parse(answer)
      .contents.value.replace(/&nbsp;/g, ' ')
      .replace(/\\(?=[^\w\s])/g, '');
  }

  it('finds all of them', async () => {
    assert.deepEqual((await readdir(folder)).sort(), [
      'daypass.schema.json',
      'examples.schema.json',
      'policy.schema.json',
      'template.schema.json',
    ]);
    for (const name of await readdir(folder))
      z.object({
        $schema: z.literal('http://json-schema.org/draft-07/schema#'),
        description: z.string(),
      }).parse(JSON.parse(await readFile(join(folder, name), 'utf8')));
  });

  it('finds nothing wrong with what is right', async () => {
    assert.deepEqual(await server.open(templateUri(), template), []);
    assert.deepEqual(await server.open(configUri(), config), []);
    assert.deepEqual(
      await server.open(configUri(), config.replace('    login:', '    tls: { mode: off }\n    login:')),
      [],
    );
    assert.deepEqual(
      await server.open(templateUri(), template.replace('approve:\n  by: [leads]', 'approve: nobody')),
      [],
    );
  });

  it('offers the keys that are left', async () => {
    const top = await completions(templateUri(), `${template}|`);
    assert.ok(
      top.includes('revoke') && top.includes('terminals') && top.includes('documentation'),
      top.join(),
    );
    assert.ok(!top.includes('title'), 'what stands there already is not offered');
    const scope = await completions(
      templateUri(),
      template.replace('  privileges: [select on sales.orders]', '  |'),
    );
    assert.ok(
      scope.includes('privileges') && scope.includes('owner') && scope.includes('settings'),
      scope.join(),
    );
    const target = await completions(configUri(), config.replace('    login:', '    |\n    login:'));
    assert.ok(
      target.includes('tls') && target.includes('advertised') && target.includes('hostaddr'),
      target.join(),
    );
  });

  it('offers the values where there is a choice', async () => {
    const modes = await completions(
      configUri(),
      config.replace('    login:', '    tls:\n      mode: |\n    login:'),
    );
    for (const mode of ['verify-full', 'verify-ca', 'require', '"off"'])
      assert.ok(modes.includes(mode), modes.join());
    const approvers = await completions(
      templateUri(),
      template.replace('approve:\n  by: [leads]', 'approve: |'),
    );
    assert.deepEqual(approvers, ['nobody', '{ by: [payments-leads] }', '{ by: [sre], number: 2 }']);
  });

  const wrong: [what: string, uri: () => string, text: string, line: number, message: RegExp][] = [
    ['a key that is not there', templateUri, template.replace('title:', 'titel:'), 1, /titel/],
    ['a missing key', templateUri, template.replace('target: shop\n', ''), 0, /target/],
    ['a duration in other words', templateUri, template.replace('PT30M', '30m'), 6, /pattern|PT/],
    ['a key of the scope', templateUri, template.replace('privileges', 'privilege'), 5, /privilege/],
    ['an unknown kind', configUri, config.replace('postgresql', 'mysql'), 10, /postgresql/],
    ['a password in the file', configUri, config.replace('{ env: SHOP_PASSWORD }', 'hunter2'), 13, /object/],
    ['an address without a port', configUri, `listen: 127.0.0.1\n${config}`, 0, /pattern|127/],
  ];
  for (const [what, uri, text, line, message] of wrong)
    it(`underlines ${what}`, async () => {
      const found = await server.open(uri(), text);
      assert.ok(
        found.some((one) => one.range.start.line === line && message.test(one.message)),
        JSON.stringify(found),
      );
    });

  it('explains a key that the pointer rests on', async () => {
    assert.match(
      await hover(templateUri(), template.replace('summary', 'sum|mary')),
      /in a sentence that a tired person understands/,
    );
    assert.match(await hover(templateUri(), template.replace('longest', 'lon|gest')), /The longest possible/);
    assert.match(
      await hover(templateUri(), template.replace('privileges', 'privi|leges')),
      /What may be done, a line each/,
    );
    assert.match(
      await hover(configUri(), config.replace('public_url', 'public|_url')),
      /The address that people configure in their editor/,
    );
    assert.match(
      await hover(configUri(), config.replace('password', 'pass|word')),
      /Never the secret itself/,
    );
  });
});
