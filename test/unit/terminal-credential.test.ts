import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import type { ConnectionDetails } from '../../src/contract/leases.ts';
import { ScramVerifier } from '../../src/contract/leases.ts';
import { Secret } from '../../src/contract/secret.ts';
import { CredentialFolder, FolderTrouble } from '../../src/extension/terminal/folder.ts';
import { connectionUri, jdbcUrl, libpqEnvironment } from '../../src/extension/terminal/libpq.ts';
import { howToInstallPsql, isInstalled } from '../../src/extension/terminal/psql.ts';
import { whyUnreachable } from '../../src/extension/terminal/reach.ts';
import { newPassword, verifierOf } from '../../src/extension/terminal/scram.ts';
import { freePort, startPostgres, type PostgresServer } from '../broker/support/postgres.ts';

describe('the secret half of a credential', () => {
  it('is checked by a verifier of RFC 7677’s own example', async () => {
    const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
    const verifier = await verifierOf(new Secret('pencil'), salt);
    const serverKey = Buffer.from(verifier.split(':').at(-1)!, 'base64');
    const nonce = 'rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0';
    const message = `n=user,r=rOprNGfwEbeRWgbNEkqO,r=${nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=${nonce}`;
    assert.equal(
      createHmac('sha256', serverKey).update(message).digest('base64'),
      '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
    );
  });

  it('is another each time, 32 bytes, and its verifier is what the contract accepts', async () => {
    const [one, two] = [newPassword(), newPassword()];
    assert.notEqual(one.reveal(), two.reveal());
    assert.equal(Buffer.from(one.reveal(), 'base64url').length, 32);
    assert.ok(ScramVerifier.safeParse(await verifierOf(one)).success);
    assert.notEqual(await verifierOf(one), await verifierOf(one));
  });
});

describe('a credential’s folder', () => {
  let place: string;
  let folder: CredentialFolder;
  const plain: ConnectionDetails = {
    kind: 'postgresql',
    host: 'localhost',
    port: 5432,
    database: 'shop',
    user: 'daypass_x',
    tls: 'off',
  };
  beforeEach(async () => {
    place = await mkdtemp(join(tmpdir(), 'daypass-folder-'));
    folder = new CredentialFolder(join(place, 'one'));
  });
  afterEach(() => rm(place, { recursive: true, force: true }));

  it('is its owner’s alone, and so is every file in it, whatever the umask says', async () => {
    const before = process.umask(0);
    try {
      await folder.create();
      await folder.fill({ ...plain, tls: 'verify-full', certificateAuthority: 'PEM' }, newPassword());
      await folder.tell({ version: 1, heading: [], state: { is: 'waiting' } });
    } finally {
      process.umask(before);
    }
    const mode = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;
    assert.equal(await mode(folder.path), 0o700);
    for (const name of await readdir(folder.path))
      assert.equal(await mode(join(folder.path, name)), 0o600, name);
  });

  it('holds nothing secret after it was wiped, and what the launcher reads stays', async () => {
    const password = newPassword();
    await folder.create();
    await folder.fill(plain, password);
    await folder.tell({ version: 1, heading: [], state: { is: 'waiting' } });
    // A program that has it open reads nothing either.
    const descriptor = await import('node:fs/promises').then(({ open }) => open(folder.credential.password));
    assert.match(await readFile(folder.credential.password, 'utf8'), new RegExp(password.reveal()));
    await folder.wipe();
    const { buffer, bytesRead } = await descriptor.read(Buffer.alloc(500), 0, 500, 0);
    await descriptor.close();
    assert.equal(buffer.subarray(0, bytesRead).includes(password.reveal()), false);
    assert.deepEqual(await readdir(folder.path), ['session.json']);
  });

  it('trusts the public authorities where the broker names none, and nobody where nothing is verified', async () => {
    await folder.create();
    await folder.fill({ ...plain, tls: 'verify-full' }, newPassword());
    assert.match(await readFile(folder.credential.authorities, 'utf8'), /BEGIN CERTIFICATE/);
    const other = new CredentialFolder(join(place, 'two'));
    await other.create();
    await other.fill({ ...plain, tls: 'require' }, newPassword());
    assert.equal(existsSync(other.credential.authorities), false);
  });

  it('says what is wrong when it cannot be made or written', async () => {
    await writeFile(join(place, 'file'), '');
    const words = /^Daypass cannot make the credential's private folder .*\.$/;
    await assert.rejects(new CredentialFolder(join(place, 'file', 'x')).create(), {
      name: 'FolderTrouble',
      message: words,
    });
    await folder.create();
    await assert.rejects(folder.fill({ ...plain, database: 'a\nhost=evil' }, newPassword()), FolderTrouble);
  });
});

describe('psql with a credential’s folder', () => {
  let postgres: PostgresServer;
  let place: string;
  const password = newPassword();
  const user = 'daypass_0a:b\\c d';
  const database = 'sh:op\\1';
  before(async function () {
    this.timeout(30_000);
    if (!(await isInstalled('psql'))) this.skip();
    postgres = await startPostgres({ tls: true });
    place = await mkdtemp(join(tmpdir(), 'daypass psql=#;-'));
    await postgres.run(`CREATE ROLE "${user}" LOGIN PASSWORD '${await verifierOf(password)}'`);
    await postgres.run(`CREATE DATABASE "${database}"`);
  });
  after(async () => {
    await postgres.stop();
    await rm(place, { recursive: true, force: true });
  });

  const details = (more: Partial<ConnectionDetails> = {}): ConnectionDetails => ({
    kind: 'postgresql',
    host: 'localhost',
    hostaddr: '127.0.0.1',
    port: postgres.port,
    database,
    user,
    tls: 'verify-full',
    certificateAuthority: postgres.certificateAuthority!,
    ...more,
  });
  const psql = async (connection: ConnectionDetails, more: Record<string, string> = {}): Promise<string> => {
    const folder = new CredentialFolder(await mkdtemp(join(place, 'lease-')));
    await folder.create();
    await folder.fill(connection, password);
    const environment = { ...libpqEnvironment(connection, folder.credential), ...more };
    const query =
      "SELECT current_user || '|' || current_database() || '|' || ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    const { stdout } = await promisify(execFile)('psql', ['-wAXtc', query], {
      env: { PATH: process.env['PATH'] ?? '', HOME: place, ...environment },
    });
    return stdout.trim();
  };

  it('is in by typing psql, with names that need escaping, and the server verified', async () => {
    assert.equal(await psql(details()), `${user}|${database}|true`);
  });

  it('goes where the folder says although the environment says otherwise', async () => {
    const hostile = {
      PGHOST: '192.0.2.1',
      PGHOSTADDR: '192.0.2.1',
      PGPORT: '1',
      PGUSER: 'x',
      PGDATABASE: 'x',
      PGSSLMODE: 'disable',
      PGOPTIONS: '-c role=none',
      PGPASSWORD: 'x',
    };
    const { PGPASSWORD: _password, ...redirecting } = hostile;
    assert.equal(await psql(details(), redirecting), `${user}|${database}|true`);
  });

  it('refuses a server that another authority vouches for', async () => {
    const { certificateAuthority: _authority, ...unnamed } = details();
    await assert.rejects(psql(unnamed), /certificate verify failed/);
  });

  it('is in with the URI that can be copied, and with pg', async () => {
    // pg does not decode everything in a database's name.
    const connection = details({ host: '127.0.0.1', database: 'postgres' });
    const folder = new CredentialFolder(await mkdtemp(join(place, 'copied-')));
    await folder.create();
    const authorities = await folder.writeAuthorities(connection);
    const uri = connectionUri(connection, password, authorities);
    const { stdout } = await promisify(execFile)('psql', [uri, '-wAXtc', 'SELECT current_user'], {
      env: { PATH: process.env['PATH'] ?? '', HOME: place },
    });
    assert.equal(stdout.trim(), user);
    const client = new pg.Client({ connectionString: uri });
    await client.connect();
    const { rows } = await client.query<{ u: string }>('SELECT current_user u');
    await client.end();
    assert.equal(rows[0]?.u, user);
    assert.match(
      jdbcUrl(connection, password, authorities),
      /^jdbc:postgresql:\/\/127\.0\.0\.1:\d+\/postgres\?user=daypass_0a%3Ab/,
    );
  });
});

describe('what can be known before asking', () => {
  it('is whether a program is there, and how to get it', async () => {
    assert.equal(await isInstalled('node', { PATH: join(process.execPath, '..') }), true);
    assert.equal(await isInstalled('psql', { PATH: tmpdir() }), false);
    const how = (text: string): string => howToInstallPsql('linux', text);
    assert.equal(how('ID=ubuntu\nID_LIKE=debian\n'), 'sudo apt install postgresql-client');
    assert.equal(how('ID="rocky"\nID_LIKE="rhel centos fedora"\n'), 'sudo dnf install postgresql');
    assert.match(howToInstallPsql('darwin', ''), /^brew/);
  });

  it('is whether the target can be reached from this machine', async () => {
    const port = await freePort();
    assert.equal(await whyUnreachable('127.0.0.1', port), 'nothing answers on that port');
    assert.match((await whyUnreachable('no-such-host.invalid', 5432))!, /host|name/);
    const { createServer } = await import('node:net');
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    assert.equal(
      await whyUnreachable('127.0.0.1', typeof address === 'object' && address ? address.port : 0),
      undefined,
    );
    server.close();
  });
});
