import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startProvider, type RunningProvider } from '../../src/sandbox/provider/provider.ts';
import { freePort } from '../broker/support/postgres.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));

interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function start(args: readonly string[], environment: Record<string, string> = {}): ChildProcess {
  return spawn(process.execPath, ['--import=tsx', 'src/cli/main.ts', ...args], {
    cwd: repository,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function finished(child: ChildProcess): Promise<Outcome> {
  let out = '';
  let err = '';
  child.stdout!.on('data', (data: Buffer) => (out += data.toString()));
  child.stderr!.on('data', (data: Buffer) => (err += data.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err };
}

const daypass = (args: readonly string[], environment: Record<string, string> = {}) =>
  finished(start(args, environment));

const template = `template: shop-read-orders
title: Read orders
summary: Read the order tables, change nothing.
target: shop
scope: { privileges: [select on sales.orders] }
duration: { default: PT30M, longest: PT1H }
request: { by: [engineering] }
approve: { by: [leads] }
`;

describe('the command daypass', function () {
  this.timeout(60_000);
  let folder: string;
  let file: string;
  let provider: RunningProvider;
  let config: string;
  let port: number;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'daypass-cli-'));
    // An embedded database runs as another user where the tests are root.
    await chmod(folder, 0o755);
    file = join(folder, 'daypass.yaml');
    port = await freePort();
    provider = await startProvider({ resource: `http://127.0.0.1:${port}` });
    config = `listen: 127.0.0.1:${port}
public_url: http://127.0.0.1:${port}
organisation: { name: Shop }
groups: [engineering, leads]
identity: { issuer: '${provider.issuer}', clients: [daypass-vscode], person_claim: sub }
database: { embedded: data }
targets:
  shop:
    title: Shop
    kind: postgresql
    host: 127.0.0.1
    port: ${await freePort()}
    database: shop
    tls: { mode: off }
    login: { user: daypass_broker, password: { env: SHOP_PASSWORD } }
`;
    await mkdir(join(folder, 'templates'));
  });
  beforeEach(async () => {
    await writeFile(file, config);
    await writeFile(join(folder, 'templates/shop-read-orders.yaml'), template);
  });
  after(async () => {
    await provider.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('says its version and what it can do', async () => {
    const { version } = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8')) as {
      version: string;
    };
    assert.equal((await daypass(['--version'])).out, `${version}\n`);
    const { out, code } = await daypass(['--help']);
    assert.equal(code, 0);
    for (const command of ['serve', 'check', 'explain', 'target', 'schemas'])
      assert.match(out, new RegExp(`^ {2}${command} `, 'm'));
  });

  it('checks without starting anything, and needs no secrets for that', async () => {
    const { code, out, err } = await daypass(['check', '--config', file]);
    assert.equal(code, 0, err);
    assert.equal(
      out,
      'The configuration and 1 template are right. 1 target.\n  shop-read-orders: one of leads\n',
    );
    assert.match(err, /^warning: .*SHOP_PASSWORD is not set. That is fine unless the broker runs here.\n$/);
    assert.deepEqual((await readdir(folder)).sort(), ['daypass.yaml', 'templates']);
  });

  it('warns of what a policy hardly means, and says who of the people in the examples could approve', async () => {
    await writeFile(file, config.replace(', person_claim: sub', ''));
    const alone = template.replace('select on', 'update on').replace('{ by: [leads] }', 'nobody');
    await writeFile(
      join(folder, 'templates/fix.yaml'),
      `${alone.replace('shop-read-orders', 'fix')}revoke: { by: [leads] }\n`,
    );
    const glass = join(folder, 'templates/glass.yaml');
    await writeFile(
      glass,
      `${template.replace('shop-read-orders', 'glass')}break_glass: { by: [leads], after: PT5M, longest: PT15M, acr: [mfa] }\n`,
    );
    const examples = join(folder, 'templates/shop.examples.yaml');
    await writeFile(
      examples,
      'people: { dan: [engineering], eva: [engineering, leads] }\nexamples: ["dan, now, shop-read-orders → one of leads"]\n',
    );
    const { code, out, err } = await daypass(['check', '--config', file]);
    const explained = await Promise.all(
      ['eva', 'dan'].map((who) => daypass(['explain', who, 'glass', '--config', file])),
    );
    await Promise.all([rm(join(folder, 'templates/fix.yaml')), rm(glass), rm(examples)]);
    assert.equal(code, 0, err);
    assert.match(
      out,
      /^ {2}glass: one of leads; leads may break the glass after 5 min, for 15 min at most; could: eva; /m,
    );
    const may =
      /^ {2}eva may break the glass after 5 min, for 15 min at most, with a second factor of the last two minutes\.$/m;
    assert.match(explained[0]?.out ?? '', may);
    assert.match(explained[1]?.out ?? '', /it needs one of leads/);
    assert.doesNotMatch(explained[1]?.out ?? '', /glass after/);
    assert.match(out, /^ {2}shop-read-orders: one of leads; could: eva; too few when eva asks$/m);
    assert.match(
      err,
      /^warning: \S*daypass.yaml:5:11 {2}identity.person_claim: is missing, so two accounts of one person count as two/m,
    );
    assert.match(
      err,
      /^warning: \S*fix.yaml:8:10 {2}approve: whoever is in engineering gets this alone, and it changes data\./m,
    );
  });

  it('says everything that is wrong, a line each, without a stack, and fails', async () => {
    await writeFile(file, config.replace('organisation:', 'organization:'));
    await writeFile(join(folder, 'templates/shop-read-orders.yaml'), template.replace('[leads]', '[leds]'));
    const broken = await daypass(['check', '-c', file]);
    assert.equal(broken.code, 1);
    assert.match(
      broken.err,
      /daypass.yaml:3:1 {2}organization: there is no such key. Did you mean "organisation"\?\n/,
    );
    await writeFile(file, config);
    const { code, out, err } = await daypass(['check', '-c', file]);
    assert.equal(code, 1);
    assert.equal(out, '');
    assert.match(
      err,
      /shop-read-orders.yaml:8:17 {2}approve.by: nobody is in "leds". Did you mean "leads"\?\n/,
    );
    assert.doesNotMatch(broken.err + err, /^\s+at /m);
  });

  it('checks the targets when asked, and tells that apart', async () => {
    const { code, out, err } = await daypass(['check', '-c', file, '--targets'], { SHOP_PASSWORD: 'x' });
    assert.equal(code, 2, err);
    assert.match(
      out,
      /shop: missing: The server cannot be asked as daypass_broker: nothing listens at its address/,
    );
    const without = await daypass(['check', '-c', file, '--targets']);
    assert.equal(without.code, 1);
    assert.match(without.err, /SHOP_PASSWORD is not set/);
  });

  it('prints what prepares a target, without its secrets', async () => {
    const { code, out, err } = await daypass(['target', 'setup', 'shop', '--config', file]);
    assert.equal(code, 0, err);
    assert.match(out, /grant select on table "sales"."orders" to "daypass_tpl_shop-read-orders_\w{10}";/);
    const unknown = await daypass(['target', 'setup', 'shp', '--config', file]);
    assert.equal(unknown.code, 1);
    assert.equal(unknown.err, 'There is no target "shp". Did you mean "shop"?\n');
  });

  it('does not start with what is wrong', async () => {
    const { code, err } = await daypass(['serve', '--config', file]);
    assert.equal(code, 1);
    assert.match(err, /targets.shop.login.password: the environment variable SHOP_PASSWORD is not set.\n$/);
    assert.doesNotMatch(err, /^\s+at /m);
    const { err: missing } = await daypass(['serve', '--config', join(folder, 'nowhere.yaml')]);
    assert.match(missing, /nowhere.yaml {2}the configuration does not exist.\n$/);
  });

  it('serves until it is told to stop, takes a mended template, and leaves no process behind', async () => {
    const child = start(['serve', '--config', file], { SHOP_PASSWORD: 'hush-hush' });
    const outcome = finished(child);
    let log = '';
    child.stdout!.on('data', (data: Buffer) => (log += data.toString()));
    const until = async (what: string, condition: () => boolean | Promise<boolean>) => {
      const deadline = Date.now() + 40_000;
      while (!(await condition())) {
        if (Date.now() > deadline || child.exitCode !== null) assert.fail(`never came: ${what}\n${log}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    const warnings = async () => {
      const ready = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
      return ready ? ((await ready.json()) as { warnings?: string[] }).warnings : undefined;
    };
    try {
      await until('the broker', () => log.includes(`Daypass listens at http://127.0.0.1:${port}`));
      assert.equal((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 200);
      assert.ok((await fetch(`http://127.0.0.1:${port}/v1/me`)).status === 401);

      await writeFile(join(folder, 'templates/shop-read-orders.yaml'), template.replace('[leads]', '[leds]'));
      await until(
        'the warning',
        async () =>
          (await warnings())?.some((one) => one.includes('template on disk')) === true &&
          log.includes('leds'),
      );
      await writeFile(join(folder, 'templates/shop-read-orders.yaml'), template);
      await until(
        'its end',
        async () => (await warnings())?.some((one) => one.includes('template on disk')) === false,
      );
    } finally {
      child.kill('SIGTERM');
    }
    const { code, out, err } = await outcome;
    assert.equal(code, 0, out + err);
    assert.doesNotMatch(out + err, /hush-hush/);
    assert.ok(
      !(await readdir(join(folder, 'data'), { recursive: true })).some((name) =>
        name.endsWith('postmaster.pid'),
      ),
    );
  });
});
