import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import { launchBrowser } from '../story/support/browser.ts';
import { buildSuite } from './build.ts';
import { hostileWorkspace } from './hostile-workspace.ts';
import type { Result } from './suite/result.ts';

const withinMs = 240_000;

/** Runs the suite in the extension host of VS Code in a browser, the way VS Code's own integration tests run. */
export async function runInBrowser(): Promise<Result[]> {
  const suite = await buildSuite();
  const folder = await mkdtemp(join(tmpdir(), 'daypass-vscode-'));
  await chmod(folder, 0o711);
  const results = join(folder, 'results.json');
  const sandbox = await startSandbox({
    state: join(folder, 'sandbox'),
    only: ['vscode'],
    windows: ['ana'],
    extension: null,
    flags: ['--enable-smoke-test-driver'],
    environment: { DAYPASS_TEST_RESULTS: results, DAYPASS_TEST_MANIFEST: resolve('package.json') },
  });
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage();
    const said: string[] = [];
    const exited = new Promise<void>((done) => {
      void page.exposeFunction('codeAutomationLog', (_type: string, args: unknown[]) => {
        said.push(args.map(String).join(' '));
      });
      void page.exposeFunction('codeAutomationExit', () => done());
    });
    const window = sandbox.windows.get('ana');
    if (window) hostileWorkspace(window.workspace);
    const opened = window?.url ?? '';
    await page.goto(opened);
    const url = new URL(page.url());
    const remote = (path: string) => `vscode-remote://${url.host}${path}`;
    url.searchParams.set(
      'payload',
      JSON.stringify([
        ['extensionDevelopmentPath', remote(resolve('.'))],
        ['extensionTestsPath', remote(suite)],
        ['skipWelcome', 'true'],
      ]),
    );
    await page.goto(url.href);
    const late = new Promise<never>((_, reject) => {
      setTimeout(
        () => reject(new Error(`VS Code did not finish the tests:\n${said.slice(-20).join('\n')}`)),
        withinMs,
      ).unref();
    });
    await Promise.race([exited, late]);
    return JSON.parse(await readFile(results, 'utf8')) as Result[];
  } finally {
    await browser.close();
    await sandbox.close();
    await rm(folder, { recursive: true, force: true });
  }
}
