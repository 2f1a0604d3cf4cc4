import { watch, type FSWatcher } from 'node:fs';
import type { References } from '../config/load.ts';
import { ProblemsFound, type Problem } from '../config/problem.ts';
import type { Policy } from '../rules/verdict.ts';
import { digestOf } from './digest.ts';
import { listTemplates, readTemplates } from './folder.ts';
import type { ParsedTemplates } from './parse.ts';
import { noPolicy } from './policy.ts';
import type { TemplateSet } from './template.ts';

/** How often the files are looked at where nothing tells of a change (network drives, mounts), in milliseconds. */
const everyMs = 2_000;
/** How long files must have been left alone before they are read: a save can be several steps. */
const settledMs = 100;

export interface WatchOptions {
  readonly folder: string;
  readonly references: References;
  /** There is another good set. */
  readonly onChange?: (templates: TemplateSet) => void;
  /** What is on disk is not in use any more (problems), or is again (none). */
  readonly onProblems?: (problems: readonly Problem[]) => void;
}

export interface WatchedTemplates {
  /** The last good set. */
  readonly current: TemplateSet;
  /** What holds for all of them. */
  readonly policy: Policy;
  /** Why what is on disk is not in use; empty: it is. */
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  close(): void;
}

/**
 * Reads the templates of a folder and reads them again whenever they change. A broken edit keeps the last good set.
 * @throws ProblemsFound if they are not right at the start
 */
export async function watchTemplates(options: WatchOptions): Promise<WatchedTemplates> {
  const watched = new Watched(options);
  await watched.begin();
  return watched;
}

class Watched implements WatchedTemplates {
  current: TemplateSet = new Map();
  policy: Policy = noPolicy;
  problems: readonly Problem[] = [];
  warnings: readonly Problem[] = [];
  readonly #options: WatchOptions;
  readonly #watchers = new Map<string, FSWatcher>();
  #timer: NodeJS.Timeout | undefined;
  /** Signature of what `current` or `problems` came from. */
  #read = '';
  /** Signature at the last look. */
  #seen = '';
  #looking = false;
  /** A look is due shortly. */
  #soon = false;
  #closed = false;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  async begin(): Promise<void> {
    const { folder, references } = this.#options;
    const listing = await listTemplates(folder);
    const { templates, policy, problems, warnings } = await readTemplates(listing, references);
    if (problems.length > 0) throw new ProblemsFound(problems);
    this.current = templates;
    this.policy = policy;
    this.warnings = warnings;
    this.#read = this.#seen = listing.signature;
    this.#listen(listing.folders);
    this.#schedule(everyMs);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers.values()) watcher.close();
  }

  #schedule(ms: number): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(), ms);
    this.#timer.unref();
  }

  /** Something happened in a folder. However often that is, files are looked at after `settledMs`. */
  #told(): void {
    if (this.#soon) return;
    this.#soon = true;
    if (!this.#looking) this.#schedule(settledMs);
  }

  async #look(): Promise<void> {
    this.#looking = true;
    this.#soon = false;
    const listing = await listTemplates(this.#options.folder);
    this.#listen(listing.folders);
    const settled = listing.signature === this.#seen;
    const unread = listing.signature !== this.#read;
    this.#seen = listing.signature;
    if (settled && unread) {
      this.#read = listing.signature;
      const found = await readTemplates(listing, this.#options.references);
      if (!this.#closed) this.#take(found);
    }
    this.#looking = false;
    this.#next(unread && !settled);
  }

  #next(unsettled: boolean): void {
    this.#schedule(unsettled || this.#soon ? settledMs : everyMs);
  }

  #take({ templates, policy, problems, warnings }: ParsedTemplates): void {
    const had = this.problems.length > 0;
    this.problems = problems;
    if (problems.length > 0 || had) this.#options.onProblems?.(problems);
    if (problems.length > 0) return;
    this.warnings = warnings;
    if (isSame(this.current, templates) && digestOf(written(this.policy)) === digestOf(written(policy)))
      return;
    this.current = templates;
    this.policy = policy;
    this.#options.onChange?.(templates);
  }

  /** Being told only makes it quicker: where that does not work, the next look finds the change. */
  #listen(folders: readonly string[]): void {
    if (this.#closed) return;
    for (const [folder, watcher] of this.#watchers)
      if (!folders.includes(folder)) {
        watcher.close();
        this.#watchers.delete(folder);
      }
    for (const folder of folders) {
      if (this.#watchers.has(folder)) continue;
      try {
        const watcher = watch(folder, { persistent: false }, () => this.#told());
        watcher.on('error', () => {
          watcher.close();
          this.#watchers.delete(folder);
        });
        this.#watchers.set(folder, watcher);
      } catch {
        // Gone again, or no watches left.
      }
    }
  }
}

/** As JSON, so that two can be compared. */
function written({ freezes, caps }: Policy) {
  return JSON.parse(JSON.stringify({ freezes, caps: [...caps] })) as unknown;
}

function isSame(a: TemplateSet, b: TemplateSet): boolean {
  return a.size === b.size && [...a].every(([id, { digest }]) => b.get(id)?.digest === digest);
}
