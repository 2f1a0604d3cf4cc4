import { configuration, stored, templates } from './files.ts';
import { http } from './http.ts';
import { files, views } from './shown.ts';
import { lives } from './lives.ts';
import { sql } from './sql.ts';
import type { Surface } from './surface.ts';
import { streamIds, tokens, words } from './words.ts';

/** Every place where inputs come in; the quickest first. */
export const surfaces: readonly Surface[] = [
  words,
  streamIds,
  tokens,
  files,
  views,
  stored,
  sql,
  lives,
  configuration,
  templates,
  http,
];
