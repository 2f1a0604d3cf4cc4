import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { ensureBuilt } from '../../src/sandbox/build.ts';
import { runToEnd } from '../../src/sandbox/child.ts';
import { freePort } from '../../src/sandbox/ports.ts';
import { silent } from '../../src/sandbox/progress.ts';
import { telling } from '../../src/sandbox/telling.ts';
import { copyTemplates } from '../../src/sandbox/templates.ts';
import { deviceClient, vscodeClient } from '../../src/sandbox/provider/configuration.ts';
import { startProvider, type RunningProvider } from '../../src/sandbox/provider/provider.ts';
import { eventually } from './support/eventually.ts';

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

/** The processes that work in a folder, or whose program or words lie there. */
async function processesOf(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ');
    const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '');
    if (words.includes(folder) || cwd.startsWith(folder)) found.push(`${pid} ${words}`);
  }
  return found;
}

describe('The broker as npm installs it', function () {
  this.timeout(120_000);
  this.bail(true);
  let folder: string;
  let daypass: string;
  let provider: RunningProvider | undefined;
  let configuration: string;
  let broker: ChildProcess | undefined;
  let url: string;
  let said = '';

  before(async function () {
    this.timeout(240_000);
    await ensureBuilt(silent);
    folder = await mkdtemp(join(tmpdir(), 'daypass-package-'));
    // As root, PostgreSQL runs as an account of its own, which must be able to pass through.
    await chmod(folder, 0o711);
    const run = (words: string[], where: string) =>
      runToEnd('npm', [...words, '--no-audit', '--no-fund', '--loglevel=error'], {
        environment: process.env,
        folder: where,
      });
    await run(['pack', '--ignore-scripts', '--pack-destination', folder], process.cwd());
    const home = join(folder, 'installed');
    await mkdir(home);
    await writeFile(join(home, 'package.json'), '{ "private": true }');
    const tarball = join(folder, `daypass-${version}.tgz`);
    await run(['install', '--omit=dev', '--ignore-scripts=false', '--prefer-offline', tarball], home);
    daypass = join(home, 'node_modules', '.bin', 'daypass');

    const [port, metrics] = [await freePort(), await freePort()];
    url = `http://127.0.0.1:${port}`;
    const { issuer } = (provider = await startProvider({ resource: url }));
    const templates = join(folder, 'templates');
    await copyTemplates(join('src', 'sandbox', 'templates'), templates, issuer);
    configuration = join(folder, 'daypass.yaml');
    const settings = {
      listen: `127.0.0.1:${port}`,
      public_url: url,
      metrics: `127.0.0.1:${metrics}`,
      organisation: { name: 'Shop' },
      groups: ['engineering', 'oncall', 'payments-leads', 'auditors', 'security', 'newcomers'],
      identity: { issuer, clients: [vscodeClient], device_client: deviceClient },
      database: { embedded: join(folder, 'database') },
      templates,
      ...telling({ port: 25, user: 'daypass', passwordFile: join(folder, 'shop-password') }),
      targets: {
        shop: {
          title: 'Shop',
          kind: 'postgresql',
          host: 'localhost',
          // Nobody is there: a target that is down is no reason for the broker to stay away.
          port: await freePort(),
          database: 'shop',
          login: { user: 'daypass_broker', password: { file: join(folder, 'shop-password') } },
        },
      },
    };
    await writeFile(join(folder, 'shop-password'), 'not used', { mode: 0o600 });
    await writeFile(configuration, stringify(settings));
  });
  after(async () => {
    if (broker?.exitCode === null && broker.signalCode === null) {
      broker.kill('SIGTERM');
      await once(broker, 'exit');
    }
    await provider?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const answerOf = (...words: string[]) => runToEnd(daypass, words, { environment: process.env, folder });

  it('brings the command and what it needs, and none of the rest', async () => {
    assert.equal((await answerOf('--version')).trim(), version);
    const installed = join(folder, 'installed', 'node_modules');
    assert.deepEqual((await readdir(join(installed, 'daypass', 'dist'))).sort(), [
      'commands',
      'daypass.js',
      'schemas',
    ]);
    for (const name of ['src', 'test', 'media'])
      assert.ok(!existsSync(join(installed, 'daypass', name)), name);
    for (const name of ['typescript', 'esbuild', 'oidc-provider', 'axios', 'playwright-core'])
      assert.ok(!existsSync(join(installed, name)), name);
  });

  it('checks a configuration, and says where it is wrong', async () => {
    assert.match(
      await answerOf('check', '--config', configuration),
      /and 5 templates are right\. 1 target\./,
    );
    const broken = join(folder, 'broken');
    await cp(join(folder, 'templates'), broken, { recursive: true });
    await writeFile(join(broken, 'nonsense.yaml'), 'template: nonsense\n');
    const text = (await readFile(configuration, 'utf8')).replace(/^templates: .*$/m, `templates: ${broken}`);
    const wrong = join(folder, 'wrong.yaml');
    await writeFile(wrong, text);
    await assert.rejects(answerOf('check', '--config', wrong), /ended with 1:[^]*nonsense\.yaml/);
  });

  it('serves, with a database of its own, to people whom the identity provider vouches for', async () => {
    broker = spawn(daypass, ['serve', '--config', configuration], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const keep = (chunk: Buffer) => (said += chunk.toString('utf8'));
    broker.stdout?.on('data', keep);
    broker.stderr?.on('data', keep);
    const { signal } = stopsWith(broker);
    for (;;) {
      assert.ok(!signal.aborted, `The broker ended:\n${said}`);
      const ready = await fetch(`${url}/readyz`, { signal }).catch(() => undefined);
      if (ready?.ok) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.ok(provider);
    const { accessToken } = await provider.tokenFor('ana');
    const answer = await fetch(`${url}/v1/templates`, {
      headers: { authorization: `Bearer ${accessToken}` },
    });
    const { templates } = (await answer.json()) as { templates: unknown[] };
    assert.equal(templates.length, 5);
    assert.ok((await processesOf(join(folder, 'database'))).length > 0);
  });

  it('ends when it is told to, and nothing of it runs on', async () => {
    assert.ok(broker);
    const ended = once(broker, 'exit');
    broker.kill('SIGTERM');
    assert.deepEqual(await ended, [0, null], said);
    assert.match(said, /"msg":"Stopped\."/);
    await eventually(async () => (await processesOf(folder)).length === 0 || undefined);
    await assert.rejects(fetch(`${url}/healthz`));
    const left = await readdir(join(folder, 'database', 'data'));
    assert.ok(!left.includes('postmaster.pid'));
  });
});

function stopsWith(child: ChildProcess): AbortController {
  const over = new AbortController();
  child.once('exit', () => over.abort());
  return over;
}
