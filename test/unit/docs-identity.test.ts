import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { Settings } from '../../src/broker/config/settings.ts';

const folder = 'docs/identity';

describe('docs/identity', () => {
  for (const page of readdirSync(folder))
    it(`${page}: its configuration is one that the broker takes, and its links lead somewhere`, () => {
      const text = readFileSync(join(folder, page), 'utf8');
      for (const [, block = ''] of text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)) {
        const { identity } = parse(block.replace(/<[^>]+>/g, 'x')) as { identity?: { issuer?: unknown } };
        // A page about something else shows only what it is about.
        if (identity?.issuer === undefined) continue;
        const { error } = Settings.shape.identity.safeParse(identity);
        assert.equal(error, undefined, `${page}: ${error?.message ?? ''}`);
      }
      for (const [, link = ''] of text.matchAll(/\]\(([^)#]+)\)/g))
        if (!link.startsWith('https://')) assert.ok(existsSync(join(folder, link)), link);
    });
});
