/** `npm run test:desktop`: the same suite in a desktop VS Code, where one can be downloaded. */
import { runTests } from '@vscode/test-electron';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { buildSuite } from './build.ts';
import { hostileWorkspace } from './hostile-workspace.ts';
import type { Result } from './suite/result.ts';

execFileSync(process.execPath, ['build.js'], { stdio: 'inherit' });
const folder = mkdtempSync(join(tmpdir(), 'daypass-desktop-'));
const results = join(folder, 'results.json');
let code = 0;
hostileWorkspace(folder);
try {
  code = await runTests({
    extensionDevelopmentPath: resolve('.'),
    extensionTestsPath: await buildSuite(),
    launchArgs: [folder, '--disable-extensions', '--user-data-dir', join(folder, 'data')],
    extensionTestsEnv: { DAYPASS_TEST_RESULTS: results, DAYPASS_TEST_MANIFEST: resolve('package.json') },
  }).catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  });
  const all = JSON.parse(readFileSync(results, 'utf8')) as Result[];
  const failed = all.filter(({ error }) => error !== null);
  for (const { title, error } of failed) console.error(`${title}\n  ${String(error)}`);
  console.log(`${all.length - failed.length} passed, ${failed.length} failed`);
} catch {
  console.error(
    'No desktop VS Code could be downloaded or started; the same suite runs in a browser with `npm test -- vscode`.',
  );
  code = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit(code);
