import { readFile } from 'node:fs/promises';
// zod/mini: read at the start of every window in which something was left.
import * as z from 'zod/mini';

/** What stands in a file of ours. `newer`: a later version of Daypass, in another window of this machine, wrote it. */
export type Found<T> =
  | { readonly is: 'this'; readonly value: T }
  | { readonly is: 'missing' }
  | { readonly is: 'broken' }
  | { readonly is: 'newer' };

/** Every version's files say which one they are, as a number; what is written here is 1. */
const Newer = z.object({ version: z.number().check(z.gt(1)) });

/**
 * Reads a JSON file of ours, of version 1.
 * @throws NodeJS.ErrnoException it cannot be read now (no right, too many open files, a broken disk): whether it is
 * there, and what stands in it, is not known
 */
export async function find<T extends z.ZodMiniType>(schema: T, path: string): Promise<Found<z.infer<T>>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isAbsence(error)) return { is: 'missing' };
    throw error;
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { is: 'broken' };
  }
  const parsed = z.safeParse(schema, json);
  if (parsed.success) return { is: 'this', value: parsed.data };
  return { is: z.safeParse(Newer, json).success ? 'newer' : 'broken' };
}

/** Whether an error of the file system says that there is no such thing. */
export function isAbsence(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
