import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import * as z from 'zod';
import {
  accountContextKey,
  accountContexts,
  commandIds,
  terminalProfileId,
  viewIds,
} from '../../src/extension/commands/names.ts';

const Menu = z.array(z.object({ command: z.string(), when: z.string().optional() }));
const manifest = z
  .object({
    activationEvents: z.array(z.string()),
    extensionKind: z.array(z.string()),
    icon: z.string(),
    contributes: z.object({
      commands: z.array(z.object({ command: z.string(), title: z.string() })),
      menus: z.record(z.string(), Menu),
      views: z.object({ daypass: z.array(z.object({ id: z.string(), when: z.string().optional() })) }),
      viewsWelcome: z.array(z.object({ view: z.string(), when: z.string(), contents: z.string() })),
      viewsContainers: z.object({ activitybar: z.array(z.object({ icon: z.string() })) }),
      terminal: z.object({ profiles: z.array(z.object({ id: z.string() })) }),
      configuration: z.object({ properties: z.record(z.string(), z.object({ scope: z.string() })) }),
      snippets: z.array(z.object({ path: z.string() })),
    }),
  })
  .parse(JSON.parse(readFileSync('package.json', 'utf8')));
const { contributes } = manifest;

describe('the manifest', () => {
  it('contributes every command that there is, and no other', () => {
    assert.deepEqual(
      contributes.commands.map(({ command }) => command).sort(),
      Object.values(commandIds).sort(),
    );
  });

  it('contributes every view that there is, and no other', () => {
    assert.deepEqual(contributes.views.daypass.map(({ id }) => id).sort(), Object.values(viewIds).sort());
    assert.deepEqual(
      contributes.terminal.profiles.map(({ id }) => id),
      [terminalProfileId],
    );
  });

  it('names only commands and views that exist in menus and welcome texts', () => {
    const commands = new Set<string>(Object.values(commandIds));
    const views = new Set<string>(Object.values(viewIds));
    for (const { command, when } of Object.values(contributes.menus).flat()) {
      assert.ok(commands.has(command), command);
      for (const [, view] of (when ?? '').matchAll(/view == ([\w.]+)/g)) assert.ok(views.has(view!), when);
    }
    for (const { view, contents } of contributes.viewsWelcome) {
      assert.ok(views.has(view), view);
      for (const [, command] of contents.matchAll(/command:([\w.]+)/g))
        assert.ok(commands.has(command!), command);
    }
  });

  it('compares the account’s context with its values only', () => {
    const values = new Set<string>(Object.values(accountContexts));
    const conditions = JSON.stringify(contributes).matchAll(
      new RegExp(`${accountContextKey} [!=]= (\\w+)`, 'g'),
    );
    for (const [, value] of conditions) assert.ok(values.has(value!), value);
  });

  it('keeps the broker’s address out of a workspace’s reach, and runs where the shells run', () => {
    assert.equal(contributes.configuration.properties['daypass.broker']?.scope, 'application');
    assert.deepEqual(manifest.extensionKind, ['workspace']);
    assert.ok(!manifest.activationEvents.includes('*'));
  });

  it('names files that exist', () => {
    for (const file of [
      manifest.icon,
      ...contributes.viewsContainers.activitybar.map(({ icon }) => icon),
      ...contributes.snippets.map(({ path }) => path),
    ])
      assert.ok(existsSync(file), file);
  });
});
