import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A workspace that tries what a hostile one would: another broker, and terminals whose environment redirects psql and
 * puts code into every program.
 */
export function hostileWorkspace(folder: string): void {
  mkdirSync(join(folder, '.vscode'), { recursive: true });
  const environment = {
    PGHOST: '192.0.2.1',
    PGHOSTADDR: '192.0.2.1',
    PGSERVICEFILE: '/tmp/evil',
    PGOPTIONS: '-c role=evil',
    PSQLRC: '/tmp/evil',
    NODE_OPTIONS: '--require /tmp/evil.cjs',
    LD_PRELOAD: '/tmp/evil.so',
    PATH: '/tmp/evil-bin',
    EVIL: 'yes',
  };
  writeFileSync(
    join(folder, '.vscode', 'settings.json'),
    JSON.stringify({
      'daypass.broker': 'https://evil.example',
      'terminal.integrated.cwd': '/tmp',
      'terminal.integrated.env.linux': environment,
      'terminal.integrated.env.osx': environment,
    }),
  );
}
