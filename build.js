// Builds what is shipped: the extension, the launcher and the broker's command. `--package` also makes the .vsix.
import { build } from 'esbuild';
import { mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { execFileSync } from 'node:child_process';

const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
const common = {
  bundle: true,
  platform: 'node',
  minify: true,
  sourcemap: false,
  legalComments: 'none',
  logLevel: 'warning',
  define: { 'process.env.DAYPASS_VERSION': JSON.stringify(version) },
};

mkdirSync('dist', { recursive: true });
for (const old of ['extension.cjs', 'launcher.cjs', 'daypass.js', 'chunks', 'schemas'])
  rmSync(`dist/${old}`, { recursive: true, force: true });

await build({
  ...common,
  entryPoints: { extension: 'src/extension/extension.ts' },
  outdir: 'dist',
  outExtension: { '.js': '.cjs' },
  format: 'cjs',
  target: 'node20',
  external: ['vscode'],
});
await build({
  ...common,
  entryPoints: { launcher: 'src/launcher/main.ts' },
  outdir: 'dist',
  outExtension: { '.js': '.cjs' },
  format: 'cjs',
  target: 'node20',
});
await build({
  ...common,
  entryPoints: { daypass: 'src/cli/main.ts' },
  outdir: 'dist',
  format: 'esm',
  target: 'node20',
  packages: 'external',
  minify: false,
  banner: { js: '#!/usr/bin/env node' },
});
execFileSync(process.execPath, ['dist/daypass.js', 'schemas', '--out', 'dist/schemas'], { stdio: 'inherit' });

if (process.argv.includes('--package')) {
  const file = `dist/daypass-${version}.vsix`;
  execFileSync(
    'npx',
    [
      'vsce',
      'package',
      '--no-dependencies',
      '--no-rewrite-relative-links',
      '--allow-missing-repository',
      '--out',
      file,
    ],
    {
      stdio: 'inherit',
    },
  );
  console.log(`${file}: ${Math.round(statSync(file).size / 1024)} KB`);
}
