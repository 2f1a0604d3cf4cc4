import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import pg from 'pg';
import { parse } from 'yaml';
import { isExamples } from '../../src/broker/templates/examples.ts';
import { storedScope } from '../../src/broker/targets/postgresql/scope.ts';
import { templateRole } from '../../src/broker/targets/postgresql/names.ts';
import type { AccessRequest } from '../../src/contract/requests.ts';
import type { TemplateList } from '../../src/contract/templates.ts';
import { toldInWords } from '../../src/contract/telling-words.ts';
import { startSandbox, type Addresses, type Sandbox } from '../../src/sandbox/sandbox.ts';
import { eventually } from '../broker/support/eventually.ts';

const sources = fileURLToPath(new URL('../../src/sandbox/', import.meta.url));

/** Starts everything but VS Code, says where, and waits to be killed. */
const holder = `
  const { startSandbox } = await import(${JSON.stringify(pathToFileURL(join(sources, 'sandbox.ts')).href)});
  const { addresses, folder } = await startSandbox({ only: ['broker'], from: 'source', state: process.argv[1] });
  console.log(JSON.stringify({ addresses, folder }));
  setInterval(() => {}, 1000);
`;

const answers = (address: string | undefined) =>
  new Promise<boolean>((resolve) => {
    const { port } = new URL(address ?? '');
    const socket = connect(Number(port), '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });

describe('a sandbox without VS Code', function () {
  this.timeout(240_000);
  let state: string;
  let sandbox: Sandbox;
  let killed: ChildProcess | undefined;
  before(async () => {
    state = await mkdtemp(join(tmpdir(), 'daypass-test-'));
  });
  after(async () => {
    killed?.kill('SIGKILL');
    await sandbox.close();
    await rm(state, { recursive: true, force: true });
  });

  it('starts where another one was killed, and leaves nothing of that', async function () {
    if (process.platform !== 'linux') this.skip();
    const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
    const words = ['--import', loader, '--input-type=module', '-e', holder, state];
    killed = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
    assert.ok(killed.stdout);
    const [line] = (await once(createInterface({ input: killed.stdout }), 'line')) as [string];
    const left = JSON.parse(line) as { addresses: Addresses; folder: string };
    killed.kill('SIGKILL');
    await once(killed, 'exit');
    const { broker, target } = left.addresses;
    assert.deepEqual(await Promise.all([broker, target].map(answers)), [true, true]);

    sandbox = await startSandbox({ only: ['broker'], from: 'source', state });
    assert.deepEqual(await Promise.all([broker, target].map(answers)), [false, false]);
    assert.ok(!existsSync(left.folder));
  });

  it('has a broker that knows its people', async () => {
    const { accessToken } = await sandbox.provider.tokenFor('ana');
    const response = await fetch(`${sandbox.addresses.broker ?? ''}/v1/templates`, {
      headers: { authorization: `Bearer ${accessToken}` },
    });
    const { templates } = (await response.json()) as { templates: { id: string; target: { tls: string } }[] };
    assert.equal(templates.length, 5);
    assert.ok(templates.every(({ target }) => target.tls === 'verify-full'));
  });

  it('tells Ben, who is on call, by mail that can be read, and says that Eva is next', async () => {
    const { broker = '', mail = '' } = sandbox.addresses;
    const { accessToken } = await sandbox.provider.tokenFor('ana');
    const call = async <T>(path: string, body?: unknown): Promise<T> => {
      const headers = {
        authorization: `Bearer ${accessToken}`,
        'content-type': 'application/json',
        'idempotency-key': 'sandbox-tells-ben-by-mail',
      };
      const post = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
      return (await fetch(`${broker}/v1/${path}`, { headers, ...post })).json() as Promise<T>;
    };
    const { templates } = await call<TemplateList>('templates');
    const { id: template, digest: templateDigest } = templates.find(
      ({ id: name }) => name === 'shop-fix-order-status',
    )!;
    const { id } = await call<AccessRequest>('requests', {
      ...{ template, templateDigest, duration: 'PT15M', ticket: 'INC-2231' },
      reason: 'Order 4711 is stuck <b>',
    });
    const told = await eventually(async () => {
      const request = await call<AccessRequest>(`requests/${id}`);
      return request.told?.[0]?.is === 'told' ? request.told : undefined;
    });
    assert.deepEqual(toldInWords(told, Date.now()), [
      'Ben Roth told just now',
      'Eva Lang in 3 min',
      'or call +49 30 23125 014',
    ]);
    const page = await (await fetch(mail)).text();
    assert.match(page, /To <strong>Ben Roth<\/strong> \(ben@shop\.example\)/);
    assert.ok(page.includes(`<a href="${broker}/requests/${id}">`), page);
    assert.match(page, /Order 4711 is stuck &#60;b&#62;/);
    const elsewhere = await fetch(mail, { headers: { origin: 'https://evil.example' } });
    assert.equal(elsewhere.status, 403);
  });

  it('has templates that allow what their runbooks tell people to do', async () => {
    const superuser = new pg.Client({ connectionString: sandbox.superuser?.reveal() });
    await superuser.connect();
    const folder = join(sources, 'templates', 'shop');
    const files = (await readdir(folder)).filter((file) => !isExamples(file));
    assert.ok(files.length >= 5);
    for (const file of files) {
      const { template, documentation, scope } = parse(await readFile(join(folder, file), 'utf8')) as {
        template: string;
        documentation: string;
        scope: unknown;
      };
      const login = `trial_${file.replace(/\W.*/, '')}_${files.indexOf(file)}`;
      await superuser.query(`create role ${login} login password 'trial'`);
      await superuser.query(
        `grant "${templateRole({ id: template, scope: storedScope(scope) })}" to ${login} with inherit true, set false`,
      );
      const url = new URL(sandbox.superuser?.reveal() ?? '');
      url.username = login;
      url.password = 'trial';
      const client = new pg.Client({ connectionString: url.href });
      await client.connect();
      const runbook = await readFile(
        join(sources, 'runbooks', `${documentation.split('/').at(-1) ?? ''}.md`),
        'utf8',
      );
      const blocks = [...runbook.matchAll(/```sql\n([\s\S]*?)```/g)];
      assert.ok(blocks.length > 0, documentation);
      for (const [, code = ''] of blocks) await client.query(code);
      await client.end();
    }
    const { rows } = await superuser.query('select status from sales.orders where id = 4711');
    assert.deepEqual(rows, [{ status: 'paid' }]);
    await superuser.end();
  });

  it('serves the runbooks that templates link to', async () => {
    const { accessToken } = await sandbox.provider.tokenFor('ben');
    const response = await fetch(`${sandbox.addresses.broker ?? ''}/v1/templates`, {
      headers: { authorization: `Bearer ${accessToken}` },
    });
    const { templates } = (await response.json()) as { templates: { documentation: string }[] };
    for (const { documentation } of templates) {
      const page = await fetch(documentation);
      assert.equal(page.status, 200, documentation);
      assert.match(await page.text(), /<h1>/);
    }
  });

  it('leaves nothing when it ends', async () => {
    const { folder, addresses } = sandbox;
    await sandbox.close();
    assert.ok(!existsSync(folder));
    const { broker, issuer, mail, target } = addresses;
    const all = [broker, issuer, mail, target];
    assert.deepEqual(await Promise.all(all.map(answers)), [false, false, false, false]);
  });
});
