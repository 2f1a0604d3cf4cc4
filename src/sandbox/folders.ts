import { homedir } from 'node:os';
import { join } from 'node:path';

interface Machine {
  readonly platform: NodeJS.Platform;
  readonly home: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

const here = (): Machine => ({ platform: process.platform, home: homedir(), environment: process.env });

/** What can be fetched again: VS Code. XDG base directories, or what the platform has in their place. */
export function cacheFolder({ platform, home, environment }: Machine = here()): string {
  if (platform === 'win32')
    return join(environment['LOCALAPPDATA'] ?? join(home, 'AppData', 'Local'), 'daypass', 'cache');
  if (platform === 'darwin') return join(home, 'Library', 'Caches', 'daypass');
  return join(absolute(environment['XDG_CACHE_HOME']) ?? join(home, '.cache'), 'daypass');
}

/** What a sandbox remembers between starts: keys that belong to its addresses, and which process holds it. */
export function stateFolder({ platform, home, environment }: Machine = here()): string {
  if (platform === 'win32')
    return join(environment['LOCALAPPDATA'] ?? join(home, 'AppData', 'Local'), 'daypass', 'state');
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'daypass');
  return join(absolute(environment['XDG_STATE_HOME']) ?? join(home, '.local', 'state'), 'daypass');
}

/** The specification has relative values ignored. */
const absolute = (path: string | undefined) => (path?.startsWith('/') === true ? path : undefined);
