import { readFile, rm } from 'node:fs/promises';
import { removeLeftovers, Running } from './leftovers.ts';

// Run by a sandbox's process in its last moment, when that comes without warning: an exception, an exit.
const [file] = process.argv.slice(2);
if (file !== undefined) {
  await removeLeftovers(Running.parse(JSON.parse(await readFile(file, 'utf8'))));
  await rm(file, { force: true });
}
