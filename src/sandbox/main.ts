import { Command } from 'commander';
import { openInBrowser } from './browser.ts';
import { parentOf } from './processes.ts';
import { shown } from './progress.ts';
import { startSandbox, type Sandbox } from './sandbox.ts';
import { screen } from './screen.ts';

interface Options {
  readonly open: boolean;
  readonly json?: true;
  readonly desktop?: true;
}

const { open, json, desktop } = new Command('npm start --')
  .description(
    'Everything on this machine: a sign-in, a broker, a production database, and VS Code for two people.',
  )
  .option('--no-open', 'open no browser')
  .option('--json', 'print the addresses as one line of JSON, and open no browser')
  .option('--desktop', 'use the VS Code that is installed here (code)')
  .parse()
  .opts<Options>();

const stopping = new AbortController();
let sandbox: Sandbox | undefined;
let asked = 0;
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const numbers = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

for (const signal of signals)
  process.on(signal, () => {
    asked++;
    clearInterval(watch);
    process.exitCode = signal === 'SIGINT' ? 0 : 128 + numbers[signal];
    stopping.abort(new Error('Stopped while it was starting.'));
    // Ctrl+C reaches us twice under npm; somebody who presses it again and again means it.
    if (asked > 3) process.exit(130);
  });

/**
 * A signal for npm does not reach us, it only ends the shell between us: losing either of them is a signal too. Who
 * starts us without npm, in the background for instance, may well end before us.
 */
const above = () => [process.ppid, parentOf(process.ppid)].join();
const startedBy = above();
const watch = setInterval(() => {
  if (process.env['npm_lifecycle_event'] !== undefined && above() !== startedBy)
    process.kill(process.pid, 'SIGHUP');
}, 500);

const stopped = new Promise<void>((resolve) => {
  stopping.signal.addEventListener('abort', () => resolve(), { once: true });
});

try {
  sandbox = await startSandbox({
    stablePorts: true,
    progress: shown(process.stderr),
    signal: stopping.signal,
    desktop: desktop === true,
    defaults: { 'workbench.startupEditor': 'readme', 'window.autoDetectColorScheme': true },
  });
  if (json) process.stdout.write(`${JSON.stringify(sandbox.addresses)}\n`);
  else process.stdout.write(screen(sandbox, process.stdout.isTTY));
  const { vscode, approver } = sandbox.addresses;
  if (open && !json && vscode !== undefined && approver !== undefined) {
    openInBrowser(approver);
    openInBrowser(vscode);
  }
  await stopped;
} catch (error) {
  if (!stopping.signal.aborted) {
    process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
} finally {
  if (sandbox) {
    process.stderr.write('\n  Ending everything…\n');
    await sandbox.close();
  }
}
process.exit();
