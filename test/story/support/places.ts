import { readdirSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import pg from 'pg';
import type { Frame, Page } from 'playwright-core';
import * as z from 'zod';
import { Haystack, type Needle } from './needles.ts';

/** One place and what was found there. */
export interface Found {
  readonly name: string;
  readonly where: string;
}

/** Looks for secrets in one place after the other, and keeps what it found where. */
export class Search {
  readonly found: Found[] = [];
  /** How many places of each kind were looked at: a search that looked nowhere finds nothing. */
  readonly looked = new Map<string, number>();
  readonly #haystack: Haystack;

  constructor(needles: readonly Needle[]) {
    this.#haystack = new Haystack(needles);
  }

  look(kind: string, where: string, hay: Buffer | string): void {
    this.looked.set(kind, (this.looked.get(kind) ?? 0) + 1);
    for (const name of this.#haystack.search(typeof hay === 'string' ? Buffer.from(hay) : hay))
      this.found.push({ name, where: `${kind} ${where}` });
  }

  /** Every file below a folder, and its name: text, databases, whatever it is. */
  async files(kind: string, folder: string): Promise<void> {
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      const where = relative(folder, path);
      this.look(`${kind} (name)`, where, where);
      // Files come and go while it looks.
      if (entry.isFile()) this.look(kind, where, await readFile(path).catch(() => Buffer.alloc(0)));
    }
  }

  /** Arguments and environment of every process of this machine that may be looked at. */
  async processes(): Promise<void> {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      const [words, environment] = await Promise.all(
        ['cmdline', 'environ'].map((file) => readFile(`/proc/${pid}/${file}`).catch(() => Buffer.alloc(0))),
      );
      const program = words?.toString('utf8').split('\0')[0] ?? '';
      this.look('arguments', program, words ?? '');
      this.look('environment', program, environment ?? '');
    }
  }

  /** Every row of every table and of what the server shows of its sessions and statements. */
  async database(kind: string, connection: pg.ClientConfig): Promise<void> {
    const client = new pg.Client(connection);
    await client.connect();
    try {
      const { rows } = await client.query<{ name: string }>(
        `select format('%I.%I', n.nspname, c.relname) as name
           from pg_class c join pg_namespace n on n.oid = c.relnamespace
          where c.relkind in ('r', 'p', 'm')
            and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
            and has_table_privilege(c.oid, 'select') and has_schema_privilege(n.oid, 'usage')
         union all select oid::regclass::text from pg_class
          where relname in ('pg_stat_statements', 'pg_stat_activity', 'pg_shdescription', 'pg_db_role_setting')`,
      );
      for (const { name } of rows) {
        const { rows: texts } = await client.query<{ text: string | null }>(
          `select string_agg(t::text, E'\\n') as text from ${name} t`,
        );
        this.look(kind, name, texts[0]?.text ?? '');
      }
    } finally {
      await client.end();
    }
  }

  /** What the pages keep in their browser: cookies, web storage, databases, of each frame's own origin too. */
  async browser(page: Page): Promise<void> {
    const { cookies } = await page.context().storageState();
    for (const { name, value } of cookies) this.look('browser cookie', name, value);
    for (const frame of page.frames()) {
      const kept = Kept.safeParse(await frame.evaluate(storageOf).catch(() => []));
      for (const [kind, name, text] of kept.data ?? [])
        this.look(`browser ${kind}`, `${originOf(frame)} ${name}`, text);
    }
    this.look('browser address', '', page.url());
  }
}

const originOf = (frame: Frame) => frame.url().split('/').slice(0, 3).join('/');

const Kept = z.array(z.tuple([z.string(), z.string(), z.string()]));

/** Runs in the page: kind, name and text of everything that it keeps. Bytes are read as text. */
const storageOf = `(async () => {
  const kept = [];
  for (const [kind, storage] of [['local storage', localStorage], ['session storage', sessionStorage]])
    for (const [name, text] of Object.entries(storage)) kept.push([kind, name, String(text)]);
  const finished = (request) =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  const asText = (value) => {
    if (typeof value === 'string') return value;
    if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return new TextDecoder().decode(value);
    return String(JSON.stringify(value));
  };
  for (const { name } of await indexedDB.databases()) {
    const database = await finished(indexedDB.open(name));
    for (const table of database.objectStoreNames) {
      const store = database.transaction(table, 'readonly').objectStore(table);
      const [keys, values] = await Promise.all([finished(store.getAllKeys()), finished(store.getAll())]);
      values.forEach((value, at) => kept.push(['database', [name, table, keys[at]].join(' '), asText(value)]));
    }
    database.close();
  }
  return kept;
})()`;

/** The files below a folder that are called so, as absolute paths. */
export async function filesCalled(folder: string, name: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true });
  const paths = entries
    .filter((entry) => entry.split('/').at(-1) === name)
    .map((entry) => join(folder, entry));
  // One that goes at this moment is none any more.
  const isFile = (path: string) =>
    stat(path).then(
      (found) => found.isFile(),
      () => false,
    );
  const files = await Promise.all(paths.map(async (path) => ((await isFile(path)) ? [path] : [])));
  return files.flat();
}
