import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Prover } from '../broker/support/prover.ts';
import { startProvider, type RunningProvider } from '../../src/sandbox/provider/provider.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const publicUrl = 'http://127.0.0.1:8443';

const refund = `template: refund
title: Refund
summary: Pay a refund.
target: shop
scope: { privileges: [select on sales.orders] }
duration: { default: PT30M, longest: PT1H }
request: { by: [engineering] }
mfa: { within: PT15M, acr: [mfa] }
approve: { by: [leads], mfa: { acr: [mfa] } }
revoke: { by: [leads] }
`;

describe('daypass check --identity', function () {
  this.timeout(60_000);
  let signedInAgoMs = 0;
  let folder: string;
  let file: string;
  let provider: RunningProvider;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'daypass-identity-'));
    file = join(folder, 'daypass.yaml');
    provider = await startProvider({
      resource: publicUrl,
      otherResources: ['https://elsewhere.example/'],
      otherClients: ['another-app'],
      now: () => new Date(Date.now() - signedInAgoMs),
    });
    await mkdir(join(folder, 'templates'));
    await writeFile(join(folder, 'templates', 'refund.yaml'), refund);
    await writeFile(
      file,
      `public_url: ${publicUrl}
organisation: { name: Shop }
groups: [engineering, leads]
identity: { issuer: '${provider.issuer}', clients: [daypass-vscode], device_client: daypass-device }
database: { embedded: data }
targets:
  shop:
    title: Shop
    kind: postgresql
    host: 127.0.0.1
    database: shop
    tls: { mode: off }
    login: { user: daypass_broker, password: { env: SHOP_PASSWORD } }
`,
    );
  });
  after(async () => {
    await provider.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** What is said about a token; no part of the token that could be used is in it, nor is anything kept. */
  async function explain(token: string): Promise<{ code: number | null; out: string; err: string }> {
    const child = spawn(
      process.execPath,
      ['--import=tsx', 'src/cli/main.ts', 'check', '--identity', '-c', file],
      { cwd: repository, env: { ...process.env, DAYPASS_DEBUG: '1' } },
    );
    let out = '';
    let err = '';
    child.stdout.on('data', (data: Buffer) => (out += data.toString()));
    child.stderr.on('data', (data: Buffer) => (err += data.toString()));
    child.stdin.end(`${token}\n`);
    const [code] = (await once(child, 'close')) as [number | null];
    for (const part of token.split('.')) if (part !== '') assert.ok(!(out + err).includes(part), out + err);
    assert.deepEqual((await readdir(folder)).sort(), ['daypass.yaml', 'templates']);
    return { code, out, err };
  }

  it('says who it is, which groups count and whether they decide', async () => {
    const { code, out, err } = await explain((await provider.tokenFor('ana')).accessToken);
    assert.equal(code, 0, out + err);
    assert.match(out, /^Person: +ana \(sub\)$/m);
    assert.match(out, /^Name: +Ana Lima \(name\)$/m);
    assert.match(out, /^Client: +daypass-vscode$/m);
    assert.match(out, /^Expires: .*, in \d+ /m);
    assert.match(out, /^Signature: +right$/m);
    assert.match(
      out,
      /^Groups: +engineering \(groups\); 1 more that "groups" in the configuration does not name/m,
    );
    assert.match(out, /^Decides: +yes/m);
    assert.match(
      out,
      /^Sign-in: +young enough to request, approve and open terminals \(identity\.session is 12 h\)$/m,
    );
    assert.match(
      out,
      /^MFA: +refused for refund \(requesting, opening a terminal\): acr is pwd, and only mfa counts\.$/m,
    );
    assert.match(out, /^MFA: +refused for refund \(approving\): acr is pwd, and only mfa counts\.$/m);
    assert.match(out, /The broker would take this token\.\n$/);
  });

  it('says that an old sign-in would be refused, although the token is taken', async () => {
    signedInAgoMs = 13 * 3600_000;
    const { accessToken } = await provider.tokenFor('ana', { acrValues: 'mfa' });
    signedInAgoMs = 0;
    const { code, out, err } = await explain(accessToken);
    assert.equal(code, 1);
    assert.match(
      out,
      /^Sign-in: +refused for requests, approvals and terminals: the sign-in is 13 h old, and at most 12 h count /m,
    );
    assert.match(
      out,
      /^MFA: +refused for refund \(requesting, .*: the sign-in is 13 h old, and at most 15 min count\.$/m,
    );
    assert.doesNotMatch(out, /refund \(approving\)|would take/);
    assert.match(
      err,
      /^The broker would take this token to look and to end, and for nothing else; see above\.\n/,
    );
  });

  it('says that a token of the device client decides nothing', async () => {
    const { accessToken } = await provider.tokenFor('ben', { client: 'daypass-device' });
    const { code, out } = await explain(accessToken);
    assert.equal(code, 0, out);
    assert.match(out, /^Decides: +no: a token of the device client/m);
  });

  it('says to which key a token is bound', async () => {
    const key = new Prover();
    const prove = (method: string, url: string) => key.proof(method, url);
    const { code, out } = await explain((await provider.tokenFor('ana', { prove })).accessToken);
    assert.equal(code, 0, out);
    assert.ok(out.includes(`\nBound to:   the key ${await key.thumbprint()} (cnf, DPoP)`), out);
  });

  it('says everything that is wrong, and what to change', async () => {
    const { accessToken } = await provider.tokenFor('ana', {
      client: 'another-app',
      resource: 'https://elsewhere.example/',
    });
    const { code, out, err } = await explain(accessToken);
    assert.equal(code, 1);
    assert.match(
      out,
      /another audience\. Have the provider issue access tokens for http:\/\/127\.0\.0\.1:8443,/,
    );
    assert.match(out, /client that is not configured\. If another-app is Daypass’s client, add it/);
    assert.match(err, /^The broker would not take this token; see above\.\n/);
    assert.doesNotMatch(out, /would take|Signature: +right/);
  });

  it('tells an ID token from an access token', async () => {
    const { code, out } = await explain((await provider.tokenFor('ana')).idToken);
    assert.equal(code, 1);
    assert.match(out, /is an ID token, not an access token\. Give the access token of the same sign-in\./);
  });

  it('does not take a signature that is wrong', async () => {
    const [header, payload, signature = ''] = (await provider.tokenFor('ana')).accessToken.split('.');
    const forged = `${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`;
    const { code, out } = await explain(`${header}.${payload}.${forged}`);
    assert.equal(code, 1);
    assert.match(out, /^Wrong: +The token’s signature is wrong\./m);
    assert.doesNotMatch(out, /would take|Groups/);
  });

  it('says what an opaque token means', async () => {
    const { code, err } = await explain('ya29opaqueopaqueopaque');
    assert.equal(code, 1);
    assert.match(err, /^This is not a JWT, .* an opaque token cannot be used\.\n/);
  });

  it('says that the signature was not checked where the provider cannot be reached', async () => {
    const { accessToken } = await provider.tokenFor('ana');
    await provider.close();
    const { code, out, err } = await explain(accessToken);
    assert.equal(code, 1);
    assert.match(out, /^Signature: +not checked/m);
    assert.match(out, /^Groups: +engineering/m);
    assert.match(err, /^Nothing else is wrong, but whether http\S+ signed this token is not known\./);
  });
});
