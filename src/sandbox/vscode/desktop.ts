import { access, constants, mkdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { runToEnd, startChild } from '../child.ts';
import { end, familyOf } from '../processes.ts';
import { writeSettings } from './settings.ts';
import { prepareWorkspace, settingsFor, type VsCodeWindow, type WindowOptions } from './window.ts';

const stopGraceMs = 5000;
const onMac = '/Applications/Visual Studio Code.app/Contents/Resources/app/bin';

/** One person's window of the VS Code that is installed on this machine, with settings and extensions of its own. */
export async function openDesktop(
  options: Omit<WindowOptions, 'files' | 'port' | 'issuerPort'>,
): Promise<VsCodeWindow> {
  const { place, id } = options;
  const program = await findCode();
  const folder = join(place.folder, id);
  const userData = join(place.kept, `${id}-desktop`);
  const workspace = await prepareWorkspace(place, id);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeSettings(userData, settingsFor(options), options.defaults);
  const own = ['--user-data-dir', userData, '--extensions-dir', join(folder, 'extensions')];
  const environment = { ...process.env, ...place.mark, ...options.environment };
  if (options.extension !== undefined)
    await runToEnd(program, [...own, '--install-extension', options.extension, '--force'], { environment });
  const log = join(folder, 'desktop.log');
  const words = [
    ...own,
    '--new-window',
    '--wait',
    '--disable-workspace-trust',
    '--disable-telemetry',
    workspace,
  ];
  const child = await startChild(program, words, { environment, log });
  await place.record(child.pid);
  return {
    url: undefined,
    pid: child.pid,
    log,
    workspace,
    userData,
    folder,
    close: async () => {
      // `code` itself only waits; the window's own process is ended by its mark when the place is left.
      await end(await familyOf([child.pid]), stopGraceMs);
    },
  };
}

async function findCode(): Promise<string> {
  const name = process.platform === 'win32' ? 'code.cmd' : 'code';
  const folders = [
    ...(process.env['PATH'] ?? '').split(delimiter),
    ...(process.platform === 'darwin' ? [onMac] : []),
  ];
  for (const folder of folders.filter(Boolean)) {
    const file = join(folder, name);
    const usable = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (usable) return file;
  }
  throw new Error(
    'No VS Code is installed here: there is no "code" on the PATH. In VS Code, run "Shell Command: Install \'code\' command in PATH"; or start without --desktop.',
  );
}
