import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Secret } from '../../../src/contract/secret.ts';
import { Account } from '../../../src/extension/account/account.ts';
import type { Editor } from '../../../src/extension/account/editor.ts';
import { refresher } from '../../../src/extension/account/refresh.ts';
import { TokenKeeper } from '../../../src/extension/account/tokens.ts';
import { Vault, type Secrets } from '../../../src/extension/account/vault.ts';
import { ApiClient } from '../../../src/extension/client/api.ts';
import { SignedOut } from '../../../src/extension/client/call.ts';
import type { Log } from '../../../src/extension/services.ts';
import { Clock } from '../../../src/extension/state/clock.ts';
import { Emitter } from '../../../src/extension/state/event.ts';
import { Store } from '../../../src/extension/state/store.ts';
import { Sync } from '../../../src/extension/state/sync.ts';
import type { TimeSource } from '../../../src/extension/state/steady.ts';

/** One browser profile's secret storage: each window reads it once, and the last window to write overwrites the rest. */
export class BrowserSecrets {
  stored: Record<string, string> = {};

  window(): Secrets {
    const known = { ...this.stored };
    return {
      get: (name) => Promise.resolve(known[name]),
      store: (name, value) => {
        known[name] = value;
        this.stored = { ...known };
        return Promise.resolve();
      },
    };
  }
}

export interface TestEditor extends Editor {
  readonly said: string[];
  readonly told: string[];
  readonly pages: URL[];
  /** What the person's browser does with a page. */
  browse: (page: URL) => void;
  /** Presses Cancel on whatever is awaited. */
  cancel: () => void;
  answers: string[];
}

export function testEditor(): TestEditor {
  const cancels = new Set<() => void>();
  const editor: TestEditor = {
    said: [],
    told: [],
    pages: [],
    answers: [],
    browse: () => undefined,
    cancel: () => cancels.forEach((cancel) => cancel()),
    window: { node: true, ui: 'desktop', remote: false },
    reach: (listening) => Promise.resolve(listening),
    open: (page) => {
      editor.pages.push(page);
      editor.browse(page);
      return Promise.resolve(true);
    },
    wait: async (_message, work) => {
      const abort = new AbortController();
      let cancel = (): void => undefined;
      const cancelled = new Promise<'cancelled'>((resolve) => {
        cancel = () => resolve('cancelled');
      });
      cancels.add(cancel);
      try {
        return await Promise.race([work(abort.signal), cancelled]);
      } finally {
        cancels.delete(cancel);
        abort.abort();
      }
    },
    showCode: () => Promise.resolve(true),
    say: (message) => {
      editor.said.push(message);
      return Promise.resolve(editor.answers.shift());
    },
    tell: (message) => {
      editor.told.push(message);
      return Promise.resolve(editor.answers.shift());
    },
    connect: () => Promise.resolve(false),
  };
  return editor;
}

/** Everything of a VS Code window that has to do with the broker, but VS Code. */
export function openWindow(options: {
  folder: string;
  secrets: Secrets;
  broker: string | undefined;
  time?: TimeSource;
  /** This machine's clock, ms, as far as tokens are concerned. */
  wall?: () => number;
}) {
  const logged: string[] = [];
  const write = (message: string, cause?: unknown) => {
    const why = cause instanceof Error ? `${cause.name}: ${cause.message} ${String(cause.cause)}` : '';
    logged.push(`${message} ${why}`);
  };
  const log: Log = { debug: write, info: write, warn: write, error: write };
  const store = new Store();
  const clock = new Clock(options.time);
  const settingChanged = new Emitter<undefined>();
  let broker = options.broker;
  const setting = { get: () => broker, onDidChange: settingChanged.event };
  const vault = new Vault({ folder: options.folder, secrets: options.secrets, log });
  /**
   * What goes wrong with the folder: its disk is full when something is to be written, or it cannot be read; what
   * happens `before` this window gets at it.
   */
  const disk = { full: false, unreadable: false, before: () => Promise.resolve() };
  const refuse = (code: string) => Object.assign(new Error(`${code}: not now`), { code });
  const onDisk: Pick<Vault, 'read' | 'change' | 'remove' | 'wasLeft'> = {
    read: async () => {
      if (disk.unreadable) throw refuse('EIO');
      return vault.read();
    },
    change: async (work, read) => {
      await disk.before();
      return vault.change(async (current) => {
        const verdict = await work(current);
        if (disk.full && !('keep' in verdict)) throw refuse('ENOSPC');
        return verdict;
      }, read);
    },
    remove: () => vault.remove(),
    wasLeft: () => vault.wasLeft(),
  };
  const refreshed = { count: 0 };
  const refresh = refresher(clock);
  const keeper = new TokenKeeper({
    vault: onDisk,
    broker: setting.get,
    refresh: (signIn, token) => {
      refreshed.count++;
      return refresh(signIn, token);
    },
    log,
    ...(options.wall ? { wall: options.wall } : {}),
  });
  const editor = testEditor();
  const account = new Account({
    store,
    keeper,
    kept: vault.onDidChange,
    setting,
    editor,
    clock,
    log,
    pauses: { firstMs: 5, longestMs: 20 },
  });
  const caller = () => {
    const { account: now } = store.world;
    return now.is === 'signed in' ? { broker: now.broker, who: now.me.person.id } : undefined;
  };
  const api = new ApiClient({
    caller,
    tokens: keeper,
    clock,
    heard: (name, output) => sync.heard(name, output),
    pausesMs: [5, 5, 5],
  });
  const sync = new Sync({
    store,
    api,
    tokens: keeper,
    clock,
    log,
    onSignedOut: () => void account.settle(),
    stream: { pauses: { firstMs: 10, longestMs: 50 } },
  });
  return {
    store,
    clock,
    vault,
    disk,
    keeper,
    /** A token for whoever is signed in here. */
    access: async (rejected?: Secret) => {
      const now = caller();
      if (!now) throw new SignedOut();
      return (await keeper.access(now, rejected)).token;
    },
    account,
    api,
    sync,
    editor,
    log,
    logged,
    refreshed,
    setBroker: (url: string | undefined) => {
      broker = url;
      settingChanged.fire(undefined);
    },
    dispose: () => {
      for (const part of [sync, account, vault, clock, store]) part.dispose();
    },
  };
}
export type TestWindow = ReturnType<typeof openWindow>;

export async function temporaryFolder(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'daypass-test-'));
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) };
}

/** Looks until it holds; the deadline is for a test that would otherwise hang. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  what: string,
  withinMs = 10_000,
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`This never came true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Signs somebody in on the provider's page as a person with a browser would. @returns the last page's text */
export async function browseAs(person: string, page: URL): Promise<string> {
  let url = page;
  let body: URLSearchParams | undefined;
  const cookies = new Map<string, string>();
  for (let hops = 0; hops < 12; hops++) {
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(body ? { method: 'POST', body } : {}),
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '') cookies.delete(name);
      else cookies.set(name, value);
    }
    const text = await response.text();
    const location = response.headers.get('location');
    const code = /<output>(\d{3}) (\d{3})<\/output>/.exec(text);
    const form = /name="person"/.test(text) && !body;
    body = undefined;
    if (location !== null) url = new URL(location, url);
    else if (code) body = new URLSearchParams({ person, code: `${code[1]}${code[2]}` });
    else if (form) body = new URLSearchParams(person === 'cancel' ? { cancel: 'yes' } : { person });
    else if (/<input type="hidden"/.test(text)) {
      body = new URLSearchParams(
        [...text.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)].map(
          ([, n = '', v = '']) => [n, v] as [string, string],
        ),
      );
      url = new URL(/action="([^"]+)"/.exec(text)?.[1] ?? url.href, url);
    } else return text;
  }
  throw new Error('The provider redirects in circles.');
}
