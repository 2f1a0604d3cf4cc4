import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ProblemsFound, type Problem } from '../../src/broker/config/problem.ts';
import { watchTemplates, type WatchedTemplates } from '../../src/broker/templates/watch.ts';

const references = {
  groups: ['engineering', 'leads'],
  targets: new Map([['shop', { kind: 'postgresql' as const }]]),
};

const template = (id: string, title = 'Read orders') => `template: ${id}
title: ${title}
summary: Read the order tables, change nothing.
target: shop
scope: { privileges: [select on sales.orders] }
duration: { default: PT30M, longest: PT1H }
request: { by: [engineering] }
approve: { by: [leads] }
`;

/** Waits for a condition, and says what was waited for if it does not come. */
async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 8_000;
  while (!condition()) {
    if (Date.now() > deadline) assert.fail(`never came: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('the folder with the templates', function () {
  this.timeout(20_000);
  let folder: string;
  let watched: WatchedTemplates;
  let changes: string[][];
  let problems: (readonly Problem[])[];

  const titles = () => [...watched.current.values()].map(({ title }) => title);
  const ids = () => [...watched.current.keys()].sort();
  const write = (name: string, text: string) => writeFile(join(folder, name), text);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'daypass-templates-'));
    changes = [];
    problems = [];
    await mkdir(join(folder, 'shop'));
    await write('shop/a.yaml', template('shop-a'));
    await write('shop/b.yml', template('shop-b'));
    watched = await watchTemplates({
      folder,
      references,
      onChange: (set) => changes.push([...set.keys()]),
      onProblems: (found) => problems.push(found),
    });
  });
  afterEach(async () => {
    watched.close();
    await rm(folder, { recursive: true });
  });

  it('is read with its folders', () => assert.deepEqual(ids(), ['shop-a', 'shop-b']));

  it('is read again when a file is written', async () => {
    await write('shop/a.yaml', template('shop-a', 'Read all orders'));
    await until('the new title', () => titles().includes('Read all orders'));
    assert.equal(changes.length, 1);
  });

  it('is read again when a file takes the place of another, as editors and Git save', async () => {
    await write('shop/.a.yaml.swp', 'half');
    await write('shop/a.yaml~', 'old');
    await write('a.new', template('shop-a', 'Read all orders'));
    await rename(join(folder, 'a.new'), join(folder, 'shop/a.yaml'));
    await until('the new title', () => titles().includes('Read all orders'));
    assert.deepEqual(problems, []);
  });

  it('notices new files, new folders and files that go', async () => {
    await mkdir(join(folder, 'payments'));
    await write('payments/c.yaml', template('payments-c'));
    await until('the new template', () => ids().includes('payments-c'));
    await unlink(join(folder, 'shop/b.yml'));
    await until('the end of the other', () => !ids().includes('shop-b'));
    assert.deepEqual(ids(), ['payments-c', 'shop-a']);
  });

  it('keeps the last good set at a broken edit, says what is wrong, and takes the mended one', async () => {
    await write('shop/a.yaml', template('shop-a', 'Other').replace('[leads]', '[leds]'));
    await write('shop/b.yml', template('shop-b', 'Changed too'));
    await until('the problem', () => watched.problems.length > 0);
    assert.deepEqual(titles(), ['Read orders', 'Read orders']);
    assert.match(watched.problems[0]!.words, /nobody is in "leds". Did you mean "leads"\?/);
    assert.equal(problems.at(-1)?.length, 1);
    assert.deepEqual(changes, []);

    await write('shop/a.yaml', template('shop-a', 'Other'));
    await until('the mended one', () => watched.problems.length === 0);
    assert.deepEqual(titles(), ['Other', 'Changed too']);
    assert.deepEqual(problems.at(-1), [], 'and says that it is well again');
  });

  it('keeps the last good set when it is gone as a whole, as in the middle of a deployment', async () => {
    const aside = `${folder}-aside`;
    await rename(folder, aside);
    await until('the problem', () => watched.problems.length > 0);
    assert.deepEqual(ids(), ['shop-a', 'shop-b']);
    await rename(aside, folder);
    await until('the folder', () => watched.problems.length === 0);
  });

  it('follows links that are pointed elsewhere, as Kubernetes changes its files', async () => {
    for (const [version, title] of [
      ['..1', 'First'],
      ['..2', 'Second'],
    ] as const) {
      await mkdir(join(folder, version));
      await write(`${version}/k.yaml`, template('shop-k', title));
    }
    await symlink('..1', join(folder, '..data'));
    await symlink('..data/k.yaml', join(folder, 'k.yaml'));
    await until('the first', () => titles().includes('First'));
    await symlink('..2', join(folder, '..tmp'));
    await rename(join(folder, '..tmp'), join(folder, '..data'));
    await until('the second', () => titles().includes('Second'));
    assert.ok(!titles().includes('First'));
  });

  it('tells of no change when what it says is the same again', async () => {
    await write('shop/a.yaml', 'template: [');
    await until('the problem', () => watched.problems.length > 0);
    await write('shop/a.yaml', `${template('shop-a')}# a remark\n`);
    await until('the mended one', () => watched.problems.length === 0);
    assert.deepEqual(changes, []);
  });

  it('must be right at the start', async () => {
    await write('shop/a.yaml', 'template: [');
    await assert.rejects(watchTemplates({ folder, references }), ProblemsFound);
    await assert.rejects(
      watchTemplates({ folder: join(folder, 'nowhere'), references }),
      /the folder with the templates does not exist/,
    );
  });
});
