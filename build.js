// Builds what is shipped: the extension, the launcher and the broker's command. `--package` also makes the .vsix.
import { build, transform } from 'esbuild';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
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
for (const old of ['extension.cjs', 'launcher.cjs', 'daypass.js', 'chunks', 'commands', 'schemas'])
  rmSync(`dist/${old}`, { recursive: true, force: true });

// What is imported dynamically becomes a file of its own, read when it is first needed: parsing axios and zod would
// cost more than all of activation. esbuild splits ES modules only, so what comes out of that is made CommonJS here.
const { outputFiles } = await build({
  ...common,
  entryPoints: { extension: 'src/extension/extension.ts' },
  outdir: 'dist',
  outExtension: { '.js': '.cjs' },
  chunkNames: 'chunks/[name]-[hash]',
  format: 'esm',
  splitting: true,
  target: 'node20',
  external: ['vscode'],
  write: false,
});
mkdirSync('dist/chunks', { recursive: true });
for (const { path, text } of outputFiles) {
  const options = { format: 'cjs', platform: 'node', target: 'node20', minify: true };
  const { code } = await transform(text, { ...options, supported: { 'dynamic-import': false } });
  writeFileSync(path, code);
}
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
  chunkNames: 'commands/[name]-[hash]',
  format: 'esm',
  splitting: true,
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
