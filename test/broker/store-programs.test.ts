import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, chown, cp, lstat, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import {
  accountOfServer,
  installed,
  programsFor,
  type Account,
} from '../../src/broker/store/embedded-programs.ts';

/** Starts a program as the account; it needs its libraries for that. */
const version = async (program: string, account: Account | undefined) =>
  (await promisify(execFile)(program, ['--version'], { ...account })).stdout;

describe('The programs of the embedded database', () => {
  let folder: string;
  let account: Account | undefined;
  before(async () => {
    account = await accountOfServer();
    folder = await mkdtemp(join(tmpdir(), 'daypass-test-programs-'));
    await chmod(folder, 0o755);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  /** A package as npm leaves it where install scripts are blocked: no links. */
  const unpacked = async (name: string) => {
    const native = join(folder, name, 'native');
    const { native: whole, version } = await installed();
    await cp(whole, native, { recursive: true, verbatimSymlinks: true });
    for (const file of await readdir(join(native, 'lib')))
      if ((await lstat(join(native, 'lib', file))).isSymbolicLink()) await rm(join(native, 'lib', file));
    return { native, version };
  };

  it('work where install scripts were blocked', async () => {
    const from = await unpacked('blocked');
    await assert.rejects(
      version(join(from.native, 'bin', 'initdb'), account),
      /shared librar|Library not loaded/,
    );
    const programs = await programsFor(account, join(folder, 'data'), from);
    assert.equal(dirname(programs.initdb), join(from.native, 'bin'));
    assert.match(await version(programs.initdb, account), /PostgreSQL/);
    assert.match(await version(programs.postgres, account), /PostgreSQL/);
  });

  it('are copied to where their account reaches them, when they lie in a place that is closed to it', async function () {
    if (!account) this.skip();
    const from = await unpacked('closed');
    await chmod(join(folder, 'closed'), 0o700);
    const data = join(folder, 'data');
    await mkdir(data, { recursive: true, mode: 0o700 });
    await chown(data, account.uid, account.gid);
    for (let start = 1; start <= 2; start++) {
      const programs = await programsFor(account, data, from);
      assert.ok(programs.postgres.startsWith(data));
      assert.match(await version(programs.postgres, account), /PostgreSQL/);
      assert.match(await version(programs.initdb, account), /PostgreSQL/);
    }
    assert.equal((await readdir(data)).length, 1);
  });
});
