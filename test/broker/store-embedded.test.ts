import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import pg from 'pg';
import type { StepName } from '../../src/broker/step.ts';
import { connectionOf, openStore } from '../../src/broker/store/connect.ts';
import { startEmbedded, type EmbeddedStore } from '../../src/broker/store/embedded.ts';
import { migrate } from '../../src/broker/store/migrate.ts';
import { StoreUnusable } from '../../src/broker/store/unusable.ts';
import { Secret } from '../../src/contract/secret.ts';
import { eventually } from './support/eventually.ts';
import { quiet } from './support/store.ts';

const broker = `
  import { pino } from 'pino';
  import { startEmbedded } from './src/broker/store/embedded.ts';
  const { server } = await startEmbedded(process.argv[1], pino({ enabled: false }));
  console.log(server.port);
`;

/** The same, dead in the moment in which this step is done. */
const dyingAfter = (step: StepName) => `
  import { subscribe } from 'node:diagnostics_channel';
  subscribe('daypass:step', ({ name, is }) => {
    if (name === '${step}' && is === 'done') process.kill(process.pid, 'SIGKILL');
  });
  ${broker}
`;

/** A broker's process, as far as the embedded database is concerned. */
async function startProcess(folder: string) {
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', broker, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [port] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, port: Number(port.toString()) };
}

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

async function postmasterOf(folder: string): Promise<number> {
  return Number((await readFile(join(folder, 'data', 'postmaster.pid'), 'utf8')).split('\n')[0]);
}

describe('The embedded database', () => {
  let folder: string;
  let running: EmbeddedStore | undefined;
  const start = async () => (running = await startEmbedded(folder, quiet));
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'daypass-test-embedded-'));
  });
  afterEach(async () => {
    await running?.close();
    running = undefined;
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });

  it('keeps what was written, and its installation, from one start to the next', async () => {
    const first = await migrate((await start()).server);
    await running?.close();
    assert.deepEqual(await migrate((await start()).server), first);
    assert.equal(first.logProtected, true);
  });

  it('is closed to other local users: folder, files, loopback, no socket, no superuser, no guest', async () => {
    const { server } = await start();
    await migrate(server);
    assert.equal((await stat(folder)).mode & 0o777, 0o700);
    for (const name of ['owner.password', 'runtime.password'])
      assert.equal((await stat(join(folder, name))).mode & 0o777, 0o600);
    assert.equal((await stat(join(folder, 'data'))).mode & 0o077, 0);

    const store = openStore(server, quiet);
    const { rows } = await sql<Record<string, string>>`
      select current_setting('listen_addresses') as listen, current_setting('password_encryption') as encryption,
             (select count(*)::int from pg_roles where rolcanlogin and rolsuper) as superusers`.execute(
      store.db,
    );
    assert.deepEqual(rows[0], { listen: '127.0.0.1', encryption: 'scram-sha-256', superusers: 0 });
    await store.close();
    const pidFile = (await readFile(join(folder, 'data', 'postmaster.pid'), 'utf8')).split('\n');
    assert.equal(pidFile[4], '', 'a socket folder');

    const attempt = async (user: string, database: string, password: string) => {
      const login = { user, password: new Secret(password) };
      const client = new pg.Client(connectionOf({ ...server, database }, login, 'test'));
      client.on('error', () => undefined);
      await client.connect();
      await client.end();
    };
    const password = (await readFile(join(folder, 'runtime.password'), 'utf8')).trim();
    await attempt('daypass_runtime', 'daypass', password);
    await assert.rejects(attempt('daypass_runtime', 'daypass', 'password'), { code: '28P01' });
    await assert.rejects(attempt('daypass_runtime', 'postgres', password), { code: '28000' });
    for (const word of ['password', '', password]) await assert.rejects(attempt('postgres', 'daypass', word));
    await assert.rejects(attempt('postgres', 'postgres', 'password'), { code: '28000' });
  });

  it('has its own random passwords in each folder', async () => {
    await start();
    const first = await readFile(join(folder, 'owner.password'), 'utf8');
    assert.match(first.trim(), /^[A-Za-z0-9_-]{43}$/);
    assert.notEqual(first, await readFile(join(folder, 'runtime.password'), 'utf8'));
  });

  it('is stopped when it is closed, and nothing answers any more', async () => {
    const { server } = await start();
    const pid = await postmasterOf(folder);
    await running?.close();
    await assert.rejects(once(connect(server.port, '127.0.0.1'), 'connect'), { code: 'ECONNREFUSED' });
    assert.equal(isAlive(pid), false);
  });

  it('stops the server that a killed broker left behind, and loses nothing', async () => {
    const left = await startProcess(folder);
    left.child.kill('SIGKILL');
    await once(left.child, 'close');
    const orphan = await postmasterOf(folder);
    assert.equal(isAlive(orphan), true);
    const { server } = await start();
    assert.notEqual(await postmasterOf(folder), orphan);
    await migrate(server);
    // In a container nobody may collect it; it works no more in any case.
    await assert.rejects(once(connect(left.port, '127.0.0.1'), 'connect'));
  });

  it('refuses a folder that a living broker uses, and leaves that one alone', async () => {
    const other = await startProcess(folder);
    try {
      await assert.rejects(startEmbedded(folder, quiet), (error: unknown) => {
        assert.ok(error instanceof StoreUnusable);
        assert.match(error.message, /Another broker uses the data folder/);
        return true;
      });
      await once(connect(other.port, '127.0.0.1'), 'connect').then(() => undefined);
    } finally {
      other.child.kill('SIGKILL');
      await once(other.child, 'close');
      await start();
    }
  });

  it('starts over a process number that belongs to something else by now', async () => {
    await start();
    await running?.close();
    const pidFile = join(folder, 'data', 'postmaster.pid');
    await writeFile(pidFile, `${process.pid}\n${join(folder, 'data')}\n1\n1\n\n127.0.0.1\n  1 1\nready   \n`);
    const { server } = await start();
    await migrate(server);
  });

  it('says that its server ended, if somebody ends it', async () => {
    const { lost } = await start();
    process.kill(await postmasterOf(folder), 'SIGQUIT');
    await lost;
  });

  it('never makes a folder with other things in it its own', async () => {
    await chmod(folder, 0o755);
    await writeFile(join(folder, 'thesis.txt'), 'years of work');
    await assert.rejects(startEmbedded(folder, quiet), /holds other things/);
    assert.deepEqual(await readdir(folder), ['thesis.txt']);
    assert.equal((await stat(folder)).mode & 0o777, 0o755);
  });

  it('refuses a password file that others can read', async () => {
    await start();
    await running?.close();
    await chmod(join(folder, 'runtime.password'), 0o644);
    await assert.rejects(startEmbedded(folder, quiet), /can be read .* by others/);
  });

  it('is not half there after a start that was killed in the middle', async () => {
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', broker, folder], {
      stdio: 'ignore',
    });
    await eventually(async () => (await readdir(folder)).find((name) => name.startsWith('new-')));
    child.kill('SIGKILL');
    await once(child, 'close');
    await migrate((await start()).server);
  });

  it('is whole after a broker that died as soon as it was made', async () => {
    const made = dyingAfter('database made');
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', made, folder], {
      stdio: 'ignore',
    });
    const [, signal] = (await once(child, 'close')) as [null, string];
    assert.equal(signal, 'SIGKILL');
    assert.ok((await readdir(folder)).includes('data'));
    await migrate((await start()).server);
  });
});
