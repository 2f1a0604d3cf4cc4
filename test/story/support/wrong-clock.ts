import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { VsCodeWindow } from '../../../src/sandbox/vscode/window.ts';
import { filesCalled } from './places.ts';

/** A clock that is off, for all JavaScript that runs after it in the same process. */
const shifted = (byMs: number) => `{
  const Right = Date;
  globalThis.Date = class Date extends Right {
    constructor(...parts) {
      if (parts.length) super(...parts);
      else super(Right.now() + ${byMs});
    }
    static now() {
      return Right.now() + ${byMs};
    }
  };
}
`;

/** Before somebody's VS Code is opened: its extension host and its launchers get a clock that is off. */
export async function putClockWrong({ folder }: VsCodeWindow, byMs: number): Promise<void> {
  for (const name of ['extension.cjs', 'launcher.cjs'])
    for (const file of await filesCalled(join(folder, 'extensions'), name))
      await writeFile(file, shifted(byMs) + (await readFile(file, 'utf8')));
}
