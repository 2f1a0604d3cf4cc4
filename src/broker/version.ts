import { readFileSync } from 'node:fs';

/** Of this package. Set at build time; run from source, package.json says it. */
export const version =
  process.env['DAYPASS_VERSION'] ??
  /"version": "([^"]+)"/.exec(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))?.[1] ??
  'unknown';
