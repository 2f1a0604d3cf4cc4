import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

interface Needed {
  readonly what: string;
  readonly programs: readonly string[];
  readonly debian: string;
  readonly elsewhere: string;
}

const needed: readonly Needed[] = [
  {
    what: 'a browser to drive VS Code in',
    programs: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
    debian: 'chromium',
    elsewhere: 'Install Chromium or Google Chrome, or name its program in CHROMIUM.',
  },
  {
    what: 'psql, which people type in a production terminal',
    programs: ['psql'],
    debian: 'postgresql-client',
    elsewhere: 'Install the PostgreSQL client programs (postgresql-client, or "brew install libpq").',
  },
  { what: 'zsh', programs: ['zsh'], debian: 'zsh', elsewhere: 'Install zsh.' },
  { what: 'fish', programs: ['fish'], debian: 'fish', elsewhere: 'Install fish.' },
  {
    what: 'python3, which gives the tests a terminal',
    programs: ['python3'],
    debian: 'python3',
    elsewhere: 'Install Python 3.',
  },
  {
    what: 'glewlwyd, an identity provider that others have written',
    programs: ['glewlwyd'],
    // The second keeps it from bringing a database server’s programs along.
    debian: 'glewlwyd dbconfig-no-thanks',
    elsewhere: 'Install Glewlwyd; what signs in there is skipped without it.',
  },
];

/** The first of these programs that is on the PATH. */
export function find(programs: readonly string[]): string | undefined {
  for (const program of programs) {
    const { status, stdout } = spawnSync('/bin/sh', ['-c', 'command -v -- "$1"', 'sh', program], {
      encoding: 'utf8',
    });
    if (status === 0) return stdout.trim();
  }
  return undefined;
}

/** The browser that stories and pictures are made with. */
export function browser(): string | undefined {
  return process.env['CHROMIUM'] ?? find(needed[0]?.programs ?? []);
}

/** Installs what the tests need where that can be done (Debian, as root) and says what is missing elsewhere. */
export function prepare(): string[] {
  const missing = needed.filter(({ programs, debian }) =>
    debian === 'chromium' ? !browser() : !find(programs),
  );
  if (missing.length === 0) return [];
  if (process.getuid?.() === 0 && isDebian()) {
    const packages = missing.flatMap((one) => one.debian.split(' '));
    console.log(`Installing what the tests need: ${packages.join(', ')}`);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    execFileSync('apt-get', ['update', '-qq'], { stdio: 'inherit', env });
    quietly(() =>
      execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], {
        stdio: ['ignore', 'ignore', 'inherit'],
        env,
      }),
    );
  }
  return needed
    .filter(({ programs, debian }) => (debian === 'chromium' ? !browser() : !find(programs)))
    .map(({ what, elsewhere }) => `Missing: ${what}. ${elsewhere}`);
}

/**
 * Nothing that is installed is started: the tests start their own. Glewlwyd's package would set one up that everybody
 * knows the password of.
 */
function quietly(install: () => void): void {
  const answer = 'glewlwyd\tglewlwyd/config_type\tselect\tNo configuration\n';
  execFileSync('debconf-set-selections', { input: answer });
  const policy = '/usr/sbin/policy-rc.d';
  const isOurs = !existsSync(policy);
  if (isOurs) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    install();
  } finally {
    if (isOurs) rmSync(policy);
  }
}

function isDebian(): boolean {
  return (
    existsSync('/etc/os-release') && /^ID(_LIKE)?=.*debian/m.test(readFileSync('/etc/os-release', 'utf8'))
  );
}
