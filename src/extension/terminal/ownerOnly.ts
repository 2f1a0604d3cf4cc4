import { execFile } from 'node:child_process';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/**
 * Makes a folder its owner's alone on Windows, where modes mean nothing: inherited rights are cut off, one is given,
 * to this account, for the folder and what will be in it. Untested.
 */
export async function ownerOnly(folder: string): Promise<void> {
  const system = process.env['SystemRoot'] ?? 'C:\\Windows';
  const { username } = userInfo();
  const domain = process.env['USERDOMAIN'];
  const account = domain === undefined ? username : `${domain}\\${username}`;
  await promisify(execFile)(
    join(system, 'System32', 'icacls.exe'),
    [folder, '/inheritance:r', '/grant:r', `${account}:(OI)(CI)F`],
    { windowsHide: true, timeout: 10_000 },
  );
}
