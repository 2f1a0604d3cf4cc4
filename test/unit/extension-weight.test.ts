import assert from 'node:assert/strict';
import { build } from 'esbuild';

const entry = 'src/extension/extension.ts';

describe('Activation', () => {
  it('loads no library: axios, zod and openid-client wait until they are needed', async () => {
    const { metafile } = await build({
      entryPoints: [entry],
      bundle: true,
      platform: 'node',
      format: 'esm',
      external: ['vscode'],
      write: false,
      metafile: true,
      logLevel: 'silent',
    });
    const loaded = new Set<string>();
    const load = (file: string): void => {
      if (loaded.has(file)) return;
      loaded.add(file);
      for (const { path, kind, external } of metafile.inputs[file]?.imports ?? [])
        if (kind !== 'dynamic-import' && external !== true) load(path);
    };
    load(entry);
    assert.ok(loaded.size > 20);
    assert.deepEqual(
      [...loaded].filter((file) => file.includes('node_modules')),
      [],
    );
    const libraries = Object.keys(metafile.inputs).join();
    for (const name of ['axios', 'zod', 'openid-client', 'eventsource-parser'])
      assert.match(libraries, new RegExp(`node_modules/${name}/`));
  });
});
