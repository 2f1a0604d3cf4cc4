import { readFileSync, writeFileSync } from 'node:fs';
import Mocha from 'mocha';
import { account } from './account.ts';
import { requestFlow } from './flow.ts';
import { manifest } from './manifest.ts';
import { privacy } from './privacy.ts';
import type { Result } from './result.ts';
import { productionTerminals } from './terminals.ts';

/** What VS Code calls, inside its extension host. Results go to the file that `DAYPASS_TEST_RESULTS` names. */
export async function run(): Promise<void> {
  const file = process.env['DAYPASS_TEST_RESULTS'];
  if (!file) throw new Error('DAYPASS_TEST_RESULTS names no file.');
  const mocha = new Mocha({ ui: 'bdd', timeout: 60_000, reporter: 'min' });
  const results: Result[] = [];
  mocha.suite.emit('pre-require', globalThis as unknown as Mocha.MochaGlobals, '', mocha);
  manifest(JSON.parse(readFileSync(process.env['DAYPASS_TEST_MANIFEST'] ?? '', 'utf8')) as object);
  account();
  privacy();
  requestFlow();
  productionTerminals();
  const failures = await new Promise<number>((resolve) => {
    mocha
      .run(resolve)
      .on('pass', (test) => results.push({ title: test.fullTitle(), error: null }))
      .on('fail', (test, error: Error) => results.push({ title: test.fullTitle(), error: error.message }));
  });
  writeFileSync(file, JSON.stringify(results));
  if (failures > 0) throw new Error(`${failures} tests failed.`);
}
