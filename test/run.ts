/**
 * `npm test` runs everything; `npm test -- unit broker` runs those folders; `npm test -- test/unit/x.test.ts` a file.
 * What a test needs and is not there is a loud skip, and a failure when CI is set.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import Mocha from 'mocha';
import { prepare } from './prerequisites.ts';

const folders = ['unit', 'broker', 'fuzz', 'vscode', 'story'];
const asked = process.argv.slice(2);
const wanted = asked.length > 0 ? asked : folders;

const missing = prepare();
for (const line of missing) console.log(`\n!! ${line}`);
if (missing.length > 0 && process.env['CI'] === 'true') process.exitCode = 1;

console.log('Building…');
execFileSync(process.execPath, ['build.js', '--package'], { stdio: ['ignore', 'ignore', 'inherit'] });

const inCi = process.env['CI'] === 'true';
const mocha = new Mocha({ timeout: 60_000, slow: 5_000, color: process.stdout.isTTY, forbidOnly: inCi });
for (const one of wanted)
  for (const file of one.endsWith('.ts') ? [one] : testsIn(`test/${one}`)) {
    // Imported, never required: a module that is loaded both ways would exist twice.
    mocha.suite.emit('pre-require', globalThis as unknown as Mocha.MochaGlobals, file, mocha);
    await import(pathToFileURL(file).href);
  }

let passed = 0;
let skipped = 0;
const run = mocha.run((failed) => {
  const skippedInCi = inCi && skipped > 0;
  if (skippedInCi) console.log('\nA skipped test counts as a failure in CI.');
  console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  process.exit(failed > 0 || skippedInCi || process.exitCode ? 1 : 0);
});
run.on('pass', () => passed++);
run.on('pending', () => skipped++);

function testsIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .sort()
    .map((file) => join(folder, file));
}
