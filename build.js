// Builds what is shipped: the extension, the launcher and the broker's command. `--package` also makes the .vsix.
import { build, transform } from 'esbuild';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { basename, dirname, join, relative } from 'node:path';

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
const { outputFiles, metafile } = await build({
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
  metafile: true,
});
const files = new Map();
for (const { path, text } of outputFiles) {
  const options = { format: 'cjs', platform: 'node', target: 'node20', minify: true };
  const { code } = await transform(text, { ...options, supported: { 'dynamic-import': false } });
  // Otherwise every module that names VS Code's interface gets a copy of it, made property by property.
  files.set(relative('.', path), code.replace(/[\w$]+\(require\("vscode"\)\)/g, 'require("vscode")'));
}

// What activation needs stands in one file, since each further one costs time while a window starts: the pieces that
// esbuild shares out become functions in it, and the files that are read later ask it for them.
const atOnce = new Set();
(function add(file) {
  if (atOnce.has(file)) return;
  atOnce.add(file);
  for (const { path, kind, external } of metafile.outputs[file].imports)
    if (kind === 'import-statement' && !external) add(path);
})('dist/extension.cjs');
const resolved = (file, code, part) =>
  code.replace(/require\("(\.[^"]+)"\)/g, (call, to) => {
    const wanted = join(dirname(file), to);
    if (atOnce.has(wanted)) return part(basename(wanted));
    return atOnce.has(file) ? `require("./${relative('dist', wanted)}")` : call;
  });
mkdirSync('dist/chunks', { recursive: true });
for (const [file, code] of files)
  if (!atOnce.has(file))
    writeFileSync(
      file,
      resolved(file, code, (name) => `require("../extension.cjs").part("${name}")`),
    );
const parts = [...atOnce].map(
  (file) =>
    `${JSON.stringify(basename(file))}(exports,module){${resolved(file, files.get(file), (name) => `part("${name}")`)}}`,
);
writeFileSync(
  'dist/extension.cjs',
  `"use strict";
const made={},part=(name)=>{if(!made[name]){const it=made[name]={exports:{}};parts[name](it.exports,it)}return made[name].exports},parts={${parts.join(',\n')}};
exports.part=part;exports.activate=part("extension.cjs").activate;
`,
);
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
  entryPoints: {
    daypass: 'src/cli/main.ts',
    // The program of a thread, beside the file that starts it.
    'commands/calendar-worker': 'src/broker/schedules/calendar-worker.ts',
  },
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
