/**
 * `npm test` runs everything; `npm test -- unit broker` runs those folders; `npm test -- test/unit/x.test.ts` a file.
 * What a test needs and is not there is a loud skip, and a failure when CI is set.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import Mocha from 'mocha';
import { prepare } from './prerequisites.ts';

/** Side by side, when everything runs: the second mostly waits for editors and for sessions to end. */
const lanes = [
  ['unit', 'broker', 'fuzz', 'faults'],
  ['vscode', 'story', 'crashes'],
];

/** No single test may take as long. */
const minutesOfSilence = 10;

const readyMade = '--ready-made';
const inCi = process.env['CI'] === 'true';
const words = process.argv.slice(2);
const wanted = words.filter((word) => word !== readyMade);

if (!words.includes(readyMade)) {
  const missing = prepare();
  for (const line of missing) console.log(`\n!! ${line}`);
  if (missing.length > 0 && inCi) process.exitCode = 1;

  // Pictures of an earlier run would be taken for this one's.
  rmSync('dist/screenshots', { recursive: true, force: true });
  console.log('Building…');
  execFileSync(process.execPath, ['build.js', '--package'], { stdio: ['ignore', 'ignore', 'inherit'] });
}
if (wanted.length > 0) await runHere(wanted);
else await runSideBySide();

async function runHere(parts: readonly string[]): Promise<void> {
  const mocha = new Mocha({ timeout: 60_000, slow: 5_000, color: process.stdout.isTTY, forbidOnly: inCi });
  for (const one of parts)
    for (const file of one.endsWith('.ts') ? [one] : testsIn(`test/${one}`)) {
      // Imported, never required: a module that is loaded both ways would exist twice.
      mocha.suite.emit('pre-require', globalThis as unknown as Mocha.MochaGlobals, file, mocha);
      await import(pathToFileURL(file).href);
    }
  let passed = 0;
  let skipped = 0;
  const run = mocha.run((failed) => {
    finish({ passed, failed, skipped });
  });
  run.on('pass', () => passed++);
  run.on('pending', () => skipped++);
}

interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Says the totals and ends the process. */
function finish({ passed, failed, skipped }: Totals): never {
  const skippedInCi = inCi && skipped > 0;
  if (skippedInCi) console.log('\nA skipped test counts as a failure in CI.');
  console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  process.exit(failed > 0 || skippedInCi || process.exitCode ? 1 : 0);
}

/** Each lane in a process of its own; what it prints comes at once, so that a lane that hangs shows where. */
async function runSideBySide(): Promise<void> {
  const done = await Promise.all(lanes.map(runLane));
  const total = (name: keyof Totals) => done.reduce((sum, one) => sum + one[name], 0);
  finish({ passed: total('passed'), failed: total('failed'), skipped: total('skipped') });
}

async function runLane(folders: readonly string[]): Promise<Totals> {
  const name = folders.join(', ');
  const child = spawn(process.execPath, [...process.execArgv, 'test/run.ts', readyMade, ...folders], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let last = '';
  const hangs = () => {
    console.log(
      `${name} │ !! said nothing for ${minutesOfSilence} minutes, and is ended. Its last word: ${last}`,
    );
    child.kill('SIGKILL');
  };
  let silence = setTimeout(hangs, minutesOfSilence * 60_000);
  const lines = [child.stdout, child.stderr].map((stream) => createInterface({ input: stream }));
  for (const each of lines)
    each.on('line', (line) => {
      console.log(`${name} │ ${line}`);
      if (line.trim()) last = line;
      clearTimeout(silence);
      silence = setTimeout(hangs, minutesOfSilence * 60_000);
    });
  const [code] = (await once(child, 'exit')) as [number | null];
  // A program that a test left running holds the pipe open for ever: what the lane itself said is there by then.
  const ended = Promise.all(lines.map((each) => once(each, 'close')));
  await Promise.race([ended, delay(2_000, undefined, { ref: false })]);
  clearTimeout(silence);
  const [, passed, failed, skipped] = /(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\s*$/.exec(last) ?? [];
  // A lane that died before its last line has failed, whatever it had counted.
  const died = failed === undefined || (code !== 0 && failed === '0' && skipped === undefined);
  return { passed: Number(passed ?? 0), failed: died ? 1 : Number(failed), skipped: Number(skipped ?? 0) };
}

function testsIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .sort()
    .map((file) => join(folder, file));
}
