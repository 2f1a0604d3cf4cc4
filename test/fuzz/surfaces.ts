import { configuration, stored, templates } from './files.ts';
import type { Surface } from './surface.ts';
import { streamIds, tokens, words } from './words.ts';

/** Every place where inputs come in; the shares make a thousand. */
export const surfaces: readonly Surface[] = [words, streamIds, tokens, templates, configuration, stored];
