import { access, constants, readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** Whether a program can be started by its name: a look along `PATH`, nothing is run. */
export async function isInstalled(
  program: string,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Promise<boolean> {
  const path = environment['PATH'] ?? environment['Path'] ?? '';
  const endings = process.platform === 'win32' ? (environment['PATHEXT'] ?? '.EXE;.CMD').split(';') : [''];
  const candidates = path
    .split(delimiter)
    .filter(Boolean)
    .flatMap((folder) => endings.map((ending) => join(folder, program + ending)));
  const found = await Promise.all(
    candidates.map((file) =>
      access(file, constants.X_OK).then(
        () => true,
        () => false,
      ),
    ),
  );
  return found.includes(true);
}

/** What to type so that psql is there. `osRelease` is the text of `/etc/os-release`. */
export function howToInstallPsql(platform: NodeJS.Platform, osRelease: string): string {
  if (platform === 'darwin') return 'brew install libpq && brew link --force libpq';
  if (platform === 'win32') return 'winget install PostgreSQL.PostgreSQL.17';
  const ids = [...osRelease.matchAll(/^ID(?:_LIKE)?="?([^"\n]*)"?$/gm)]
    .flatMap(([, value]) => (value ?? '').split(/\s+/))
    .filter(Boolean);
  const is = (...names: string[]): boolean => names.some((name) => ids.includes(name));
  if (is('debian', 'ubuntu')) return 'sudo apt install postgresql-client';
  if (is('fedora', 'rhel', 'centos')) return 'sudo dnf install postgresql';
  if (is('arch')) return 'sudo pacman -S postgresql';
  if (is('alpine')) return 'sudo apk add postgresql-client';
  if (is('suse', 'opensuse')) return 'sudo zypper install postgresql';
  return 'sudo apt install postgresql-client';
}

export async function howToInstallPsqlHere(): Promise<string> {
  const osRelease = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return howToInstallPsql(process.platform, osRelease);
}
