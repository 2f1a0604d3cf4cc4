import { readFile, stat } from 'node:fs/promises';
import { Secret } from '../../contract/secret.ts';
import { failureOf } from './files.ts';

/** Longest secret, in bytes. */
const longest = 4096;

export type Environment = Readonly<Record<string, string | undefined>>;

/** A secret; or, in words, why there is none here. `warning`: it is kept with less care than it should be. */
export type Found =
  | { readonly secret: Secret; readonly warning?: string }
  | { readonly secret?: undefined; readonly missing: string };

/** Stands where a secret could not be had; whoever gets it was told so. */
export const noSecret = new Secret('');

/** Reads a secret from where the configuration says that it is. One line break at its end does not belong to it. */
export async function findSecret(
  source: { readonly file: string } | { readonly env: string },
  environment: Environment,
): Promise<Found> {
  if ('env' in source) {
    const value = environment[source.env];
    if (value === undefined) return { missing: `the environment variable ${source.env} is not set.` };
    return wrap(value, `the environment variable ${source.env}`);
  }
  try {
    const { mode, size } = await stat(source.file);
    if (size > longest) return { missing: `${source.file} is larger than any password.` };
    const text = await readFile(source.file, 'utf8');
    const found = wrap(text.replace(/\r?\n$/, ''), source.file);
    const openToOthers = process.platform !== 'win32' && (mode & 0o077) !== 0;
    if (!found.secret || !openToOthers) return found;
    return {
      secret: found.secret,
      warning: `other users of this machine can read ${source.file}. Close it: chmod 600 ${source.file}`,
    };
  } catch (error) {
    return { missing: `${source.file} ${failureOf(error)}` };
  }
}

function wrap(value: string, where: string): Found {
  if (value === '') return { missing: `${where} is empty.` };
  if (/[\0\r\n]/.test(value)) return { missing: `${where} holds more than one line.` };
  return { secret: new Secret(value) };
}
