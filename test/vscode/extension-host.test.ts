import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Mocha from 'mocha';
import { chromium } from 'playwright-core';
import { silent } from '../../src/sandbox/progress.ts';
import { fetchVsCode } from '../../src/sandbox/vscode/fetch.ts';
import { startFront } from '../../src/sandbox/vscode/front.ts';
import { startServer } from '../../src/sandbox/vscode/server.ts';
import { browser } from '../prerequisites.ts';
import { buildSuite, checkout, hostileWorkspace, suiteFile } from './support.ts';
import { toldMark, type Told } from './told.ts';

/** The suite in `suite/`, run inside the extension host of a real VS Code in a browser; each of its tests is one here. */
describe('inside the extension host', function () {
  this.timeout(600_000);

  before(async function () {
    const program = browser();
    if (program === undefined) return this.skip();
    const told = await runInHost(program);
    for (const one of told) this.test?.parent?.addTest(testOf(one));
  });

  it('was run', () => undefined);
});

function testOf({ title, state, error }: Told): Mocha.Test {
  if (state === 'pending') return new Mocha.Test(title);
  return new Mocha.Test(title, () => {
    if (state === 'failed') throw new Error(error ?? 'failed');
  });
}

async function runInHost(program: string): Promise<Told[]> {
  const folder = mkdtempSync(join(tmpdir(), 'daypass-host-'));
  const opened: (() => Promise<unknown>)[] = [];
  try {
    const [files] = await Promise.all([fetchVsCode(silent), buildSuite()]);
    const workspace = join(folder, 'workspace');
    mkdirSync(workspace);
    hostileWorkspace(workspace);
    const server = await startServer({
      files,
      name: 'VS Code under test',
      basePath: '/test',
      userData: join(folder, 'user'),
      folder: join(folder, 'server'),
      settings: {},
      environment: { PS1: '$ ' },
      flags: ['--enable-smoke-test-driver'],
    });
    opened.push(() => server.child.stop(2000));
    const front = await startFront({
      port: 0,
      basePath: '/test',
      upstream: server.upstream,
      media: files.media,
      token: server.token,
      mintKey: randomBytes(32),
      issuerPort: 0,
      folder: workspace,
    });
    opened.push(() => front.close());
    const chrome = await chromium.launch({
      executablePath: program,
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
    });
    opened.push(() => chrome.close());
    const context = await chrome.newContext({ permissions: ['clipboard-read', 'clipboard-write'] });
    const page = await context.newPage();
    const told: Told[] = [];
    const log: string[] = [];
    const hear = (text: string): void => {
      log.push(text);
      const at = text.indexOf(toldMark);
      if (at >= 0) told.push(JSON.parse(text.slice(at + toldMark.length)) as Told);
    };
    const exit = new Promise<number>((resolve) => {
      void page.exposeFunction('codeAutomationLog', (_type: string, args: unknown[]) => hear(args.join(' ')));
      void page.exposeFunction('codeAutomationExit', resolve);
    });
    const on = `vscode-remote://127.0.0.1:${front.port}`;
    const payload = [
      ['extensionDevelopmentPath', `${on}${checkout}`],
      ['extensionTestsPath', `${on}${suiteFile}`],
      ['skipWelcome', 'true'],
    ];
    const url = new URL(front.url);
    url.searchParams.set('folder', workspace);
    url.searchParams.set('payload', JSON.stringify(payload));
    await page.goto(url.href);
    const late = new Promise<never>((_, reject) => {
      setTimeout(
        () => reject(new Error(`No end of the suite.\n${log.slice(-30).join('\n')}`)),
        300_000,
      ).unref();
    });
    await Promise.race([exit, late]);
    if (told.length === 0) throw new Error(`The suite told nothing.\n${log.slice(-30).join('\n')}`);
    return told;
  } finally {
    for (const close of opened.reverse()) await close().catch(() => undefined);
    rmSync(folder, { recursive: true, force: true });
  }
}
