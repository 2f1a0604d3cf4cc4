import { build } from 'esbuild';
import { resolve } from 'node:path';

/** Bundles the suite that runs inside VS Code; Mocha stays outside, as VS Code's own node finds it. */
export async function buildSuite(): Promise<string> {
  const outfile = resolve('dist/test/suite.cjs');
  await build({
    entryPoints: ['test/vscode/suite/index.ts'],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    external: ['vscode', 'mocha'],
    logLevel: 'warning',
  });
  return outfile;
}
