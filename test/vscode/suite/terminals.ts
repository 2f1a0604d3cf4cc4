import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { registerTerminals, type Terminals } from '../../../src/extension/terminal/register.ts';
import { LeaseBroker, servicesOf } from '../../unit/support/lease-broker.ts';
import { receipt, request, unopened } from '../../unit/support/samples.ts';

/** The first answer that is not undefined, asked again until then. */
async function eventually<T>(what: string, ask: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (const until = Date.now() + 30_000; ;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > until) throw new Error(`Not within 30 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Real terminals with the real launcher, in a workspace that tries to get at them. */
export function productionTerminals(): void {
  describe('production terminals', () => {
    let place: string;
    let broker: LeaseBroker;
    let terminals: Terminals;
    let before: readonly vscode.Terminal[];

    beforeEach(() => {
      place = mkdtempSync(join(tmpdir(), 'daypass-terminals-'));
      broker = new LeaseBroker();
      before = vscode.window.terminals;
      const services = servicesOf(broker, join(place, 'storage'));
      const extension = vscode.extensions.getExtension('daypass.daypass')!.extensionPath;
      terminals = registerTerminals({ ...services, places: { ...services.places, extension } });
    });
    afterEach(async () => {
      for (const terminal of ours()) terminal.dispose();
      await eventually('terminals closed', () => (ours().length === 0 ? true : undefined));
      terminals.dispose();
      rmSync(place, { recursive: true, force: true });
    });

    const ours = (): vscode.Terminal[] => vscode.window.terminals.filter((one) => !before.includes(one));
    const folders = (): string[] => {
      const root = join(place, 'storage', 'terminals');
      if (!existsSync(root)) return [];
      return readdirSync(root)
        .filter((name) => !name.includes('.'))
        .map((name) => join(root, name));
    };
    /** What the launcher of the only folder says. */
    const launcher = (state: string) =>
      eventually(`launcher ${state}`, () => {
        const text = folders().map((folder) => {
          const file = join(folder, 'launcher.json');
          return existsSync(file) ? readFileSync(file, 'utf8') : '';
        });
        return text.length === 1 && text[0]?.includes(`"is":"${state}"`) ? text[0] : undefined;
      });
    /** Runs a command in the production shell, its output in a file. */
    const shell = async (terminal: vscode.Terminal, command: string): Promise<string> => {
      const file = join(place, `out-${Date.now()}`);
      terminal.sendText(`{ ${command}; } > ${file}.new 2>&1; mv ${file}.new ${file}`);
      return eventually(command, () => (existsSync(file) ? readFileSync(file, 'utf8') : undefined));
    };

    it('are marked as production, start at home, and take nothing from the workspace', async () => {
      await terminals.open(broker.allow());
      await launcher('open');
      const [terminal] = ours();
      assert.ok(terminal);
      assert.equal(terminal.name, 'Production: fix one order’s status');
      const options = terminal.creationOptions as vscode.TerminalOptions;
      assert.deepEqual(options.iconPath, new vscode.ThemeIcon('shield'));
      assert.deepEqual(options.color, new vscode.ThemeColor('terminal.ansiRed'));
      const environment = await shell(terminal, 'env; echo "at $(pwd -P)"');
      assert.doesNotMatch(environment, /evil|EVIL|192\.0\.2/);
      assert.match(environment, new RegExp(`^PGSERVICEFILE=${folders()[0]!}/pg_service\\.conf$`, 'm'));
      assert.match(environment, /^DAYPASS_EXPIRES_AT=\d{4}-\d\d-\d\dT/m);
      const password = readFileSync(join(folders()[0]!, 'pgpass'), 'utf8').trim().split(':').at(-1)!;
      assert.ok(!environment.includes(password));
      // Every extension can read these.
      assert.ok(!JSON.stringify(options).includes(password));
      assert.doesNotMatch(environment, /^(NODE_OPTIONS|LD_PRELOAD|ELECTRON_RUN_AS_NODE)=/m);
      assert.match(environment, new RegExp(`^at ${process.env['HOME'] ?? ''}$`, 'm'));
    });

    it('stop at the end of the access, keep their text, and leave nothing secret', async () => {
      const grant = broker.allow();
      await terminals.open(grant);
      await launcher('open');
      const [terminal] = ours();
      const [lease] = [...broker.leases.values()];
      const closed = { state: 'closed', closeReason: 'ended', receipt: receipt() } as const;
      broker.leases.set(lease!.id, { ...lease!, ...closed });
      broker.change({ ...grant, state: 'ended', endedAt: new Date().toISOString(), settled: true });
      await launcher('over');
      assert.deepEqual(readdirSync(folders()[0]!).sort(), ['launcher.json', 'session.json']);
      assert.equal(terminal?.exitStatus, undefined, 'the screen is held');
      assert.ok(vscode.window.terminals.includes(terminal!));
    });

    it('end their lease when they are closed', async () => {
      await terminals.open(broker.allow());
      await launcher('open');
      ours()[0]!.dispose();
      await eventually('lease ended', () => (broker.calls.includes('endLease') ? true : undefined));
      await eventually('folder gone', () => (folders().length === 0 ? true : undefined));
    });

    it('wait for an approval, and become the production terminal', async () => {
      const asked = request();
      broker.learn(asked);
      const options = await terminals.optionsForWaiting(asked);
      vscode.window.createTerminal(options);
      await launcher('waiting');
      assert.equal(terminals.awaits(asked.id), true);
      const grant = unopened({
        requestId: asked.id,
        expiresAt: new Date(Date.now() + 600_000).toISOString(),
      });
      broker.change(grant);
      broker.learn({ ...asked, state: 'approved', grantId: grant.id });
      await launcher('open');
      assert.equal(broker.leases.size, 1);
    });

    it('open once for two clicks at once, and a second time for a click after that', async () => {
      const grant = broker.allow();
      const open = (count: number) =>
        eventually(`${count} open`, () => {
          const said = folders().map((folder) => join(folder, 'launcher.json'));
          const open = said.filter(
            (file) => existsSync(file) && readFileSync(file, 'utf8').includes('"open"'),
          );
          return open.length === count ? true : undefined;
        });
      await Promise.all([terminals.open(grant), terminals.open(grant)]);
      await open(1);
      assert.equal(broker.leases.size, 1);
      await terminals.open(grant);
      await open(2);
      assert.equal(ours().length, 2);
      assert.equal(broker.leases.size, 2);
    });

    it('open nothing once opening was cancelled, and end the lease', async () => {
      let answer: () => void = () => undefined;
      broker.until = new Promise((resolve) => (answer = resolve));
      const cancel = new AbortController();
      const opening = terminals.open(broker.allow(), cancel.signal);
      await eventually('asked', () => (broker.leases.size === 1 ? true : undefined));
      cancel.abort();
      await assert.rejects(opening, { name: 'Cancelled' });
      answer();
      await eventually('lease ended', () => (broker.calls.includes('endLease') ? true : undefined));
      await eventually('folder gone', () => (folders().length === 0 ? true : undefined));
      assert.equal(ours().length, 0);
    });
  });
}
