import { stat } from 'node:fs/promises';
import { ensureBuilt } from '../../src/sandbox/build.ts';
import { silent } from '../../src/sandbox/progress.ts';
import type { Benchmark } from './benchmark.ts';

const mostKb = 400;

/** What people download. */
export const vsix: Benchmark = {
  name: 'vsix',
  what: 'the size of the packaged extension',
  async run({ progress, signal }) {
    progress('Packaging, if what is there is old…');
    const { extension } = await ensureBuilt(silent, signal);
    const kb = (await stat(extension)).size / 1024;
    return {
      value: kb,
      unit: 'KB',
      bare: null,
      aim: `under ${mostKb} KB`,
      met: kb < mostKb,
      details: [],
      obstacles: kb < mostKb ? [] : [`it is ${Math.ceil(kb - mostKb)} KB too large`],
    };
  },
};
