import { readdir, readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as z from 'zod';
import { runToEnd } from './child.ts';
import { cacheFolder } from './folders.ts';
import { waitForLock } from './lock.ts';
import type { Progress } from './progress.ts';

/** The checkout that this sandbox is part of. */
const checkout = join(import.meta.dirname, '..', '..');

export interface Built {
  /** The extension, packaged. */
  readonly extension: string;
  /** The broker's command. */
  readonly command: string;
}

/** The broker's command run from the checkout, without building it: a program and its first words. */
export function sourceCommand(): readonly [string, ...string[]] {
  const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  return [process.execPath, '--import', loader, join(checkout, 'src', 'cli', 'main.ts')];
}

const sources = [
  'src',
  'media',
  'snippets',
  'package.json',
  'README.md',
  'CHANGELOG.md',
  'build.js',
  '.vscodeignore',
];

/** Packages extension and broker, unless what is in `dist` is newer than everything that it is made of. */
export async function ensureBuilt(progress: Progress, signal?: AbortSignal): Promise<Built> {
  const { version } = z
    .object({ version: z.string() })
    .parse(JSON.parse(await readFile(join(checkout, 'package.json'), 'utf8')));
  const built = {
    extension: join(checkout, 'dist', `daypass-${version}.vsix`),
    command: join(checkout, 'dist', 'daypass.js'),
  };
  // Two sandboxes that start side by side would build over each other.
  const lock = await waitForLock(join(cacheFolder(), 'build.lock'), signal);
  try {
    if (await isFresh(Object.values(built))) return built;
    const step = progress.begin('Daypass, built from here');
    await runToEnd(process.execPath, ['build.js', '--package'], {
      environment: process.env,
      folder: checkout,
      signal,
    });
    step.done();
    return built;
  } finally {
    await lock.release();
  }
}

async function isFresh(made: readonly string[]): Promise<boolean> {
  const oldest = Math.min(...(await Promise.all(made.map(changed))));
  const newest = Math.max(...(await Promise.all(sources.map((path) => newestIn(join(checkout, path))))));
  return oldest > newest;
}

const changed = (path: string) =>
  stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );

async function newestIn(path: string): Promise<number> {
  const own = await changed(path);
  const entries = await readdir(path, { recursive: true }).catch(() => []);
  // The sandbox itself is in neither package.
  const inside = entries.filter((entry) => !entry.split(sep).includes('sandbox'));
  return Math.max(own, ...(await Promise.all(inside.map((entry) => changed(join(path, entry))))));
}
