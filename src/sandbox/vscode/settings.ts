import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';

export type Settings = Readonly<Record<string, unknown>>;

/** Quiet, and nothing between the person and Daypass. A person who changes one of these keeps the change. */
const defaults: Settings = {
  'chat.disableAIFeatures': true,
  'extensions.autoCheckUpdates': false,
  'extensions.autoUpdate': false,
  'extensions.ignoreRecommendations': true,
  'git.openRepositoryInParentFolders': 'never',
  'telemetry.telemetryLevel': 'off',
  'terminal.integrated.initialHint': false,
  'update.mode': 'none',
  'workbench.enableExperiments': false,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
};

/** Settings of the machine that the server runs on, which VS Code reads from a file of their own. */
const forMachine: Settings = {
  // Otherwise every program that listens somewhere on this machine is announced as "your application".
  'remote.autoForwardPorts': false,
};

/**
 * Writes a person's settings: `ours` always (the broker's address), the defaults and `more` of them
 * where there is nothing yet.
 */
export async function writeSettings(userData: string, ours: Settings, more: Settings = {}): Promise<void> {
  await write(join(userData, 'User'), (there) => ({ ...defaults, ...more, ...there, ...ours }));
  await write(join(userData, 'Machine'), (there) => ({ ...forMachine, ...there }));
}

async function write(folder: string, change: (there: Settings) => Settings): Promise<void> {
  const file = join(folder, 'settings.json');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const settings = change(await readSettings(file));
  await writeFile(file, `${JSON.stringify(settings, null, 2)}\n`, { mode: 0o600 });
}

/** A file with comments in it, or broken, is begun anew: this is a sandbox. */
async function readSettings(file: string): Promise<Settings> {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return {};
  }
}
