import { build } from 'esbuild';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join, resolve } from 'node:path';

/** The extension as it is developed: this checkout. */
export const checkout = resolve(import.meta.dirname, '..', '..');
/** The suite that runs inside the extension host; its entry exports `run()`. */
export const suiteFile = join(checkout, 'dist', 'test-vscode', 'index.cjs');

export async function buildSuite(): Promise<void> {
  if (!existsSync(join(checkout, 'dist', 'extension.cjs')))
    execFileSync(process.execPath, ['build.js'], { cwd: checkout, stdio: ['ignore', 'ignore', 'inherit'] });
  mkdirSync(join(checkout, 'dist', 'test-vscode'), { recursive: true });
  await build({
    entryPoints: [join(checkout, 'test', 'vscode', 'suite', 'index.ts')],
    outfile: suiteFile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    external: ['vscode', 'mocha'],
    logLevel: 'warning',
    absWorkingDir: checkout,
  });
}

/**
 * A workspace that tries what a hostile one would: another broker, and terminals whose environment redirects psql and
 * puts code into every program.
 */
export function hostileWorkspace(folder: string): void {
  mkdirSync(join(folder, '.vscode'), { recursive: true });
  const environment = {
    PGHOST: '192.0.2.1',
    PGHOSTADDR: '192.0.2.1',
    PGSERVICEFILE: '/tmp/evil',
    PGOPTIONS: '-c role=evil',
    PSQLRC: '/tmp/evil',
    NODE_OPTIONS: '--require /tmp/evil.cjs',
    LD_PRELOAD: '/tmp/evil.so',
    PATH: '/tmp/evil-bin',
    EVIL: 'yes',
  };
  writeFileSync(
    join(folder, '.vscode', 'settings.json'),
    JSON.stringify({
      'daypass.broker': 'https://evil.example',
      'terminal.integrated.cwd': '/tmp',
      'terminal.integrated.env.linux': environment,
      'terminal.integrated.env.osx': environment,
    }),
  );
}
