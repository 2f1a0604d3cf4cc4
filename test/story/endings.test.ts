import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { eventually } from '../broker/support/eventually.ts';
import { clientsOf, type PostgresServer } from '../broker/support/postgres.ts';
import { startStandby, type Standby } from '../broker/support/standby.ts';
import { beginsOf, callOf } from '../broker/support/uninterruptible.ts';
import type { Editor } from './support/editor.ts';
import { Program } from './support/program.ts';
import { askFor, useStage } from './support/stage.ts';
import { compare } from './support/templates.ts';

interface Settings {
  targets: { shop: { tls: { certificate_authority: string }; replicas?: object[] } };
}

/**
 * Ends that are more than one server's: what people read of a target's replicas, of a standby that nobody named, and of
 * a call that PostgreSQL cannot interrupt; whoever may revoke, and the auditor, while an end is not confirmed.
 */
describe('what people read of an end', function () {
  this.timeout(120_000);
  this.bail(true);
  const stage = useStage({
    windows: ['ana', 'ben', 'carol'],
    templates: { 'compare.yaml': compare },
  });
  let ana: Editor;
  let others: Editor[];
  let shop: PostgresServer;
  let reports: Standby;
  let replica: string;

  const open = async () => {
    await askFor(ana, 'Compare orders');
    await ana.terminalShows(/psql is ready[^]*[#$%>] ?$/, 40_000);
    await ana.type('clear; psql -Atc "select current_user"');
    const text = await ana.terminalShows(/^daypass_[0-9a-f]{8}_\w+$/m, 40_000);
    return /^daypass_[0-9a-f]{8}_\w+$/m.exec(text)?.[0] ?? '';
  };
  const end = async () => {
    await ana.run('Daypass: End Production Access');
    await ana.page.getByRole('button', { name: 'End now' }).last().click();
  };
  const pictures = async (editor: Editor, name: string) => {
    for (const theme of ['light', 'dark'] as const) {
      await editor.theme(theme);
      await editor.screenshot(`${name}-${theme}`);
    }
  };
  const forget = async () => {
    const frame = await ana.sessionFrame();
    await ana.run('Terminal: Kill All Terminals');
    await ana.run('Notifications: Clear All Notifications');
    for (const button of await frame.getByRole('button', { name: 'Dismiss' }).all()) await button.click();
    await frame.getByText('Receipt').first().waitFor({ state: 'detached' });
  };

  before(async function () {
    this.timeout(180_000);
    const { broker, superuser } = stage.sandbox;
    assert.ok(broker && superuser);
    const settings = parse(await readFile(broker.configuration, 'utf8')) as Settings;
    const certificateAuthority = await readFile(settings.targets.shop.tls.certificate_authority, 'utf8');
    const { port, password } = new URL(superuser.reveal());
    const [row] = await stage.query("select setting from pg_settings where name = 'data_directory'");
    const directory = row?.['setting'] ?? '';
    shop = {
      ...clientsOf({ port: Number(port), password, certificateAuthority }),
      directory,
      pid: Number((await readFile(join(directory, 'postmaster.pid'), 'utf8')).split('\n')[0]),
      settings: { listen_addresses: '127.0.0.1', unix_socket_directories: '', fsync: 'off', ssl: 'on' },
      stop: () => Promise.resolve(),
    };
    reports = await startStandby(shop, { name: 'reports' });
    stage.atTheEnd(() => reports.stop());
    replica = `localhost:${reports.port}`;
    settings.targets.shop.replicas = [{ host: 'localhost', hostaddr: '127.0.0.1', port: reports.port }];
    await writeFile(broker.configuration, stringify(settings));
    const program = await Program.of(broker.child.pid);
    await program.stop();
    await program.startAgain();
    stage.atTheEnd(() => program.stop());
    await eventually(
      async () => (await fetch(`${broker.url}/readyz`).catch(() => undefined))?.ok || undefined,
      60_000,
    );
    ana = await stage.openSignedIn('ana');
    others = [await stage.openSignedIn('ben'), await stage.openSignedIn('carol')];
  });

  it('at a target with a replica: the receipt says that both were looked at', async () => {
    await open();
    await ana.openSidebar();
    await pictures(ana, '50-running-with-replica');
    await reports.halt();
    await (
      await ana.sessionFrame()
    )
      .getByText(`The replica ${replica} cannot be asked at the moment`)
      .first()
      .waitFor();
    await pictures(ana, '50-running-with-replica-away');
    await reports.resume();
    await end();
    const frame = await ana.sessionFrame();
    await frame.getByText('nothing left behind').first().waitFor({ timeout: 40_000 });
    await frame.getByText('Receipt').first().click();
    await frame.getByText(`The same at the replica ${replica}`).first().waitFor();
    assert.equal(await frame.getByText('Not confirmed on').count(), 0);
    await pictures(ana, '51-receipt-with-replica');
  });

  it('beside a standby that nobody named: the end is not confirmed there, and said so', async () => {
    await forget();
    const archive = await startStandby(shop, { name: 'archive' });
    try {
      await open();
      await end();
      const words =
        'Not confirmed on 1 standby that the broker does not look at: archive at 127.0.0.1. What was open there may be open still.';
      const frame = await ana.sessionFrame();
      await frame.getByText(words).first().waitFor({ timeout: 40_000 });
      await ana.terminalShows(/Not confirmed on 1 standby/);
      const told = ana.notification(/Not confirmed on 1 standby/).first();
      await told.locator('.codicon-warning').waitFor();
      await pictures(ana, '52-not-confirmed-on-a-standby');
    } finally {
      await archive.stop();
    }
  });

  it('while a call runs that cannot be interrupted: everybody concerned reads what is in the way, and since when', async () => {
    await forget();
    const role = await open();
    const file = join(stage.window('ana').userData, 'digests.sql');
    await writeFile(file, await callOf(shop, 25_000));
    await ana.type(`psql -qf ${file}`);
    await eventually(async () => (await beginsOf(shop, role))[0]);
    await end();
    const frame = await ana.sessionFrame();
    await frame
      .getByText(/What stands in the way: .*cannot interrupt/)
      .first()
      .waitFor({ timeout: 20_000 });
    const age = frame.getByText(/Running for/).first();
    await age.waitFor();
    const shown = await age.innerText();
    await eventually(async () => ((await age.innerText()) !== shown ? true : undefined));
    assert.equal(await frame.getByText('UTC').count(), 0);
    // Opened by itself, although it was there before and closed: what stands in the way is read without a click.
    await ana.sidebar.getByText('PostgreSQL cannot interrupt').waitFor();
    await pictures(ana, '53-cannot-be-interrupted');
    for (const [n, editor] of others.entries()) {
      await editor.openSidebar();
      await editor.sidebar.getByText('Open access of others').waitFor();
      await editor.sidebar
        .getByText(/not confirmed/)
        .first()
        .waitFor();
      await pictures(editor, `54-not-confirmed-${['ben', 'carol'][n] ?? ''}`);
    }
    assert.equal(await frame.getByText('nothing left behind').count(), 0, 'the call came back too early');

    await frame.getByText('nothing left behind').first().waitFor({ timeout: 60_000 });
    for (const editor of others)
      await editor.sidebar
        .getByText(/not confirmed/)
        .first()
        .waitFor({ state: 'detached' });
    await ana.screenshot('55-confirmed-after-all');
  });
});
