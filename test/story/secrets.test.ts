import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { appendFile, chmod, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { decodeJwt } from 'jose';
import pg from 'pg';
import { startSandbox, type Sandbox } from '../../src/sandbox/sandbox.ts';
import { launchBrowser } from './support/browser.ts';
import { Editor } from './support/editor.ts';
import { needlesOfToken, needlesOfVerifier, type Needle } from './support/needles.ts';
import { filesCalled, Search } from './support/places.ts';

/** An access token that counts with a proof only (RFC 9449 section 6.1). */
function isBound(token: string): boolean {
  return token.split('.').length === 3 && 'cnf' in decodeJwt(token);
}

/** A session with everything logged that can be logged, and where its secrets are while it runs and afterwards. */
describe('secrets, looked for in every place where one could have been left', function () {
  this.timeout(120_000);
  this.bail(true);
  let state: string;
  let sandbox: Sandbox;
  const opened: (() => Promise<void>)[] = [];
  let ana: Editor;
  const tokens = new Set<string>();
  const inherited = { TMPDIR: process.env['TMPDIR'], DAYPASS_LOG_LEVEL: process.env['DAYPASS_LOG_LEVEL'] };
  const planted: ChildProcess[] = [];
  let needles: Needle[] = [];
  /** The broker's own secrets, each in the file where it belongs. */
  let ownSecrets: Record<string, string> = {};

  const inState = (path: string) => relative(state, path);
  const window = () => {
    const found = sandbox.windows.get('ana');
    assert.ok(found);
    return found;
  };
  const brokersFolder = () => dirname(sandbox.broker?.configuration ?? '');
  /** The broker's own database, as its owner. */
  const brokersDatabase = async (): Promise<pg.ClientConfig> => {
    const folder = join(brokersFolder(), 'database');
    const port = (await readFile(join(folder, 'data', 'postmaster.pid'), 'utf8')).split('\n')[3];
    return {
      host: '127.0.0.1',
      port: Number(port),
      database: 'daypass',
      user: 'daypass_owner',
      password: (await readFile(join(folder, 'owner.password'), 'utf8')).trim(),
    };
  };
  const shopsDatabase = () => ({ connectionString: sandbox.superuser?.reveal() ?? '' });
  const query = async (connection: pg.ClientConfig, sql: string, values: unknown[] = []) => {
    const client = new pg.Client(connection);
    await client.connect();
    try {
      return (await client.query<Record<string, string>>(sql, values)).rows;
    } finally {
      await client.end();
    }
  };
  const searchAll = async (wanted: readonly Needle[]): Promise<Search> => {
    const search = new Search(wanted);
    await search.processes();
    await search.browser(ana.page);
    await search.database('broker’s database', await brokersDatabase());
    await search.database('shop’s database', shopsDatabase());
    await search.files('file', state);
    return search;
  };

  before(async function () {
    this.timeout(300_000);
    state = await realpath(await mkdtemp(join(tmpdir(), 'daypass-secrets-')));
    const [temporary, home] = [join(state, 'tmp'), join(state, 'home')];
    for (const folder of [temporary, home]) await mkdir(folder);
    // As root, databases run as an account of their own, which must be able to pass through.
    for (const folder of [state, temporary]) await chmod(folder, 0o711);
    // Whoever writes temporary files writes them where they are looked for.
    process.env['TMPDIR'] = temporary;
    process.env['DAYPASS_LOG_LEVEL'] = 'trace';
    sandbox = await startSandbox({
      state: join(state, 'sandbox'),
      windows: ['ana'],
      environment: { HOME: home, TMPDIR: temporary },
      settings: { 'terminal.integrated.gpuAcceleration': 'off' },
      flags: ['--log', 'trace'],
      onIssued: (token) => tokens.add(token),
    });
    opened.push(() => sandbox.close());
    const browser = await launchBrowser();
    opened.push(() => browser.close());
    ana = await Editor.open(browser, window().url ?? '');
    await ana.openSidebar();
  });
  after(async function () {
    this.timeout(60_000);
    for (const child of planted) child.kill('SIGKILL');
    for (const close of opened.reverse()) await close();
    for (const [name, value] of Object.entries(inherited))
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    await rm(state, { recursive: true, force: true });
  });
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') await ana.screenshot('failed-secrets').catch(() => undefined);
  });

  it('the search finds what was planted in each of these places', async () => {
    const lost = new Map<string, string>();
    const plant = (name: string): string => {
      // With signs that are written otherwise in JSON and in addresses.
      const secret = `pl"ant/${randomBytes(18).toString('base64')}\\é`;
      lost.set(name, secret);
      return secret;
    };
    const base64 = (text: string) => Buffer.from(`x${text}y`).toString('base64');
    const { userData, workspace, log } = window();
    const [vscodeLog] = await filesCalled(state, 'remoteagent.log');
    assert.ok(vscodeLog);

    await appendFile(sandbox.broker?.log ?? '', `${JSON.stringify({ msg: plant('broker’s log') })}\n`);
    await query(shopsDatabase(), `do $$ begin raise log '%', '${plant('shop’s log')}'; end $$`);
    await appendFile(log, plant('log of VS Code’s server'));
    await appendFile(vscodeLog, encodeURIComponent(plant('VS Code’s log')));
    const files: Record<string, string> = {
      'global storage': join(userData, 'User', 'globalStorage', 'daypass.daypass', 'planted'),
      'workspace storage': join(userData, 'User', 'workspaceStorage', 'planted', 'planted'),
      workspace: join(workspace, 'planted'),
      home: join(state, 'home', '.planted_history'),
      temporary: join(state, 'tmp', 'planted'),
    };
    for (const [name, file] of Object.entries(files)) {
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, base64(plant(name)));
    }
    await writeFile(join(state, 'tmp', Buffer.from(plant('file’s name')).toString('hex')), '');
    await writeFile(join(state, 'tmp', 'utf16'), Buffer.from(plant('UTF-16'), 'utf16le'));
    const settings = join(userData, 'User', 'settings.json');
    const known = JSON.parse(await readFile(settings, 'utf8')) as Record<string, unknown>;
    await writeFile(settings, JSON.stringify({ ...known, planted: plant('settings') }));

    const person =
      'insert into daypass.person (id, issuer, subject, name) values (gen_random_uuid(), $1, $2, $3)';
    await query(await brokersDatabase(), person, ['planted', 'planted', plant('broker’s database')]);
    await query(shopsDatabase(), 'create table planted as select $1::text as it', [plant('shop’s database')]);

    const wait = 'process.stdout.write("up"); setTimeout(() => {}, 600000)';
    planted.push(
      spawn(process.execPath, ['-e', wait, plant('arguments')], { stdio: ['ignore', 'pipe', 'ignore'] }),
      spawn(process.execPath, ['-e', wait], {
        env: { PLANTED: plant('environment') },
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    );
    for (const child of planted) if (child.stdout) await once(child.stdout, 'data');

    const keep = {
      local: plant('local storage'),
      session: plant('session storage'),
      database: plant('browser’s database'),
    };
    await ana.page.evaluate(`(async (keep) => {
      localStorage.setItem('planted', keep.local);
      sessionStorage.setItem('planted', keep.session);
      await new Promise((resolve, reject) => {
        const opening = indexedDB.open('planted', 1);
        opening.onupgradeneeded = () =>
          opening.result.createObjectStore('planted').put(new TextEncoder().encode(keep.database), 'planted');
        opening.onsuccess = () => (opening.result.close(), resolve());
        opening.onerror = () => reject(opening.error);
      });
    })(${JSON.stringify(keep)})`);
    const cookie = encodeURIComponent(plant('cookie'));
    await ana.context.addCookies([{ name: 'planted', value: cookie, url: ana.page.url() }]);

    const search = await searchAll([...lost].map(([name, secret]) => ({ name, secret })));
    const found = new Set(search.found.map(({ name }) => name));
    assert.deepEqual(
      [...lost.keys()].filter((name) => !found.has(name)),
      [],
    );
    for (const child of planted.splice(0)) child.kill('SIGKILL');
  });

  it('in a session the credential is in its private file and nowhere else', async () => {
    await ana.signInAs('Ana', () => ana.run('Daypass: Request Production Access'));
    await ana.pick('Read orders');
    await ana.title(/2\//);
    await ana.press('Enter');
    await ana.title(/3\//);
    await ana.page.keyboard.type('Order 4711 is stuck after a payment retry');
    await ana.press('Enter');
    await ana.terminalShows('psql is ready');
    await ana.terminalShows(/[#$%>] ?$/);
    await ana.type('psql');
    await ana.terminalShows('shop=>');
    await ana.type('select count(*) from sales.orders;');
    await ana.terminalShows(/\(1 row\)/);

    const [passwordFile, ...others] = await filesCalled(state, 'pgpass');
    assert.ok(passwordFile !== undefined && others.length === 0);
    const password = (await readFile(passwordFile, 'utf8')).trim().split(':').at(-1) ?? '';
    assert.ok(password.length >= 32);
    const [login] = await query(
      shopsDatabase(),
      "select rolpassword as verifier from pg_authid where rolname ~ '^daypass_[0-9a-f]{8}_'",
    );
    const verifier = needlesOfVerifier('the verifier', login?.['verifier'] ?? '');
    assert.ok(verifier.every(({ secret }) => secret !== ''));
    assert.ok(tokens.size >= 3, 'an access, a refresh and an ID token');
    assert.ok([...tokens].some(isBound), 'the editor’s sign-in is bound to a key');
    ownSecrets = {
      'the broker’s password at the shop': join(brokersFolder(), 'shop-password'),
      'the database owner’s password': join(brokersFolder(), 'database', 'owner.password'),
      'the broker’s password at its database': join(brokersFolder(), 'database', 'runtime.password'),
      'the key that authenticates its records': join(brokersFolder(), 'database', 'integrity.key'),
    };
    needles = [
      { name: 'the password', secret: password },
      ...verifier,
      { name: 'the shop superuser’s password', secret: new URL(sandbox.superuser?.reveal() ?? '').password },
    ];
    for (const [name, file] of Object.entries(ownSecrets))
      needles.push({ name, secret: (await readFile(file, 'utf8')).trim() });

    const { found } = await searchAll([...needles, ...issued()]);
    assert.deepEqual(beside(found, { 'the password': passwordFile, ...ownSecrets }), []);
    assert.ok(found.some(({ name }) => name === 'the password'));
  });

  it('after the session neither credential nor token is anywhere', async () => {
    await ana.run('Daypass: End Production Access');
    await ana.page.getByRole('button', { name: 'End now' }).last().click();
    await ana.terminalShows(/nothing left behind/, 30_000);

    const { found, looked } = await searchAll([...needles, ...issued()]);
    assert.deepEqual(beside(found, ownSecrets), []);
    assert.deepEqual(await filesCalled(state, 'pgpass'), []);
    for (const kind of ['file', 'arguments', 'environment', 'broker’s database', 'browser local storage'])
      assert.ok((looked.get(kind) ?? 0) > 5, `${kind}: ${String(looked.get(kind))}`);
  });

  const issued = (): Needle[] => [...tokens].flatMap((token, at) => needlesOfToken(`token ${at + 1}`, token));

  /**
   * What was found where it must not be: the broker's secrets have a file each, and whoever verifies a password has
   * its verifier, which opens nothing, and keeps it for a while in its log of writes.
   */
  function beside(found: Search['found'], files: Record<string, string>): string[] {
    return found
      .filter(({ name, where }) => files[name] === undefined || where !== `file ${inState(files[name])}`)
      .filter(({ name, where }) => !(name.startsWith('the verifier') && /^file .*\/shop\/data\//.test(where)))
      .map(({ name, where }) => `${name}: ${where}`);
  }
});
