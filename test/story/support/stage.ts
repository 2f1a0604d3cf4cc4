import { chmod, cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { Browser } from 'playwright-core';
import { Running } from '../../../src/broker/running.ts';
import { startSandbox, type Sandbox, type SandboxOptions } from '../../../src/sandbox/sandbox.ts';
import type { VsCodeWindow } from '../../../src/sandbox/vscode/window.ts';
import { launchBrowser } from './browser.ts';
import { Editor } from './editor.ts';

/** What people type as their reason. */
export const reason = 'Order 4711 is stuck after a payment retry';

export interface StageOptions extends Pick<SandboxOptions, 'windows' | 'environment' | 'accessTokenTtl'> {
  /** More templates beside the shop's own: their YAML by file name. */
  readonly templates?: Readonly<Record<string, string>>;
}

/** A sandbox, a browser, and whoever has a window open in it. */
export class Stage {
  readonly #editors = new Map<string, Editor>();
  readonly #running = new Running();
  #sandbox: Sandbox | undefined;
  #browser: Browser | undefined;

  get sandbox(): Sandbox {
    if (!this.#sandbox) throw new Error('The sandbox has not been started.');
    return this.#sandbox;
  }

  get browser(): Browser {
    if (!this.#browser) throw new Error('The browser has not been started.');
    return this.#browser;
  }

  async start({ templates = {}, ...options }: StageOptions): Promise<void> {
    const state = await mkdtemp(join(tmpdir(), 'daypass-story-'));
    this.atTheEnd(() => rm(state, { recursive: true, force: true }));
    // As root, databases run as an account of their own, which must be able to pass through.
    await chmod(state, 0o711);
    const folder = join(state, 'templates');
    await cp('src/sandbox/templates', folder, { recursive: true });
    for (const [name, text] of Object.entries(templates)) await writeFile(join(folder, 'shop', name), text);
    this.#sandbox = await startSandbox({
      ...options,
      state: join(state, 'sandbox'),
      templates: folder,
      settings: {
        'terminal.integrated.gpuAcceleration': 'off',
        'workbench.colorTheme': 'Default Dark Modern',
      },
    });
    this.atTheEnd(() => this.sandbox.close());
    this.#browser = await launchBrowser();
    this.atTheEnd(() => this.browser.close());
  }

  /** Runs it when everything is closed; the last that was given is first. */
  atTheEnd(work: () => Promise<unknown>): void {
    this.#running.add(work, (one) => one());
  }

  async close(): Promise<void> {
    await this.#running.end();
  }

  window(person: string): VsCodeWindow {
    const window = this.sandbox.windows.get(person);
    if (!window) throw new Error(`${person} has no window.`);
    return window;
  }

  /** Opens a person's VS Code; with `same`, as another window of that browser profile. */
  async open(person: string, same?: Editor): Promise<Editor> {
    const editor = await Editor.open(this.browser, this.window(person).url ?? '', same);
    this.#editors.set(same ? `${person}-${this.#editors.size}` : person, editor);
    return editor;
  }

  /** Opens it and signs in with the button in the sidebar. */
  async openSignedIn(person: string): Promise<Editor> {
    const editor = await this.open(person);
    await editor.openSidebar();
    const button = editor.sidebar.getByRole('button', { name: 'Sign in' });
    const firstName = `${person.charAt(0).toUpperCase()}${person.slice(1)}`;
    await editor.signInAs(firstName, () => button.click());
    await editor.sidebar.getByText('Templates').first().waitFor();
    return editor;
  }

  async screenshots(name: string): Promise<void> {
    for (const [person, editor] of this.#editors)
      await editor.screenshot(`${name}-${person}`).catch(() => undefined);
  }

  /** Rows from the shop's database, read as its superuser. */
  async query(sql: string, values: readonly unknown[] = []): Promise<Record<string, string>[]> {
    const client = new pg.Client({ connectionString: this.sandbox.superuser?.reveal() });
    await client.connect();
    try {
      return (await client.query<Record<string, string>>(sql, [...values])).rows;
    } finally {
      await client.end();
    }
  }

  /** The names of the logins that leases have at the shop. */
  async leaseLogins(): Promise<string[]> {
    const rows = await this.query("select rolname from pg_roles where rolname ~ '^daypass_[0-9a-f]{8}_'");
    return rows.map(({ rolname }) => rolname ?? '');
  }
}

/** A stage for a `describe`: started before its first test, closed after its last, with pictures of what failed. */
export function useStage(options: StageOptions): Stage {
  const stage = new Stage();
  before(async function () {
    this.timeout(300_000);
    await stage.start(options);
  });
  after(async function () {
    this.timeout(60_000);
    await stage.close();
  });
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') await stage.screenshots('failed');
  });
  return stage;
}

/** Goes through the whole flow of a request, from the palette to the last Enter. */
export async function askFor(
  editor: Editor,
  template: string,
  more: { ticket?: string; duration?: string } = {},
): Promise<void> {
  await editor.run('Daypass: Request Production Access');
  await answerSteps(editor, template, more);
}

/** The steps of a flow that was started. */
export async function answerSteps(
  editor: Editor,
  template: string,
  more: { ticket?: string; duration?: string } = {},
): Promise<void> {
  await editor.pick(template);
  await editor.title(/2\//);
  if (more.duration === undefined) await editor.press('Enter');
  else await editor.pick(more.duration);
  await editor.title(/3\//);
  await editor.page.keyboard.type(reason);
  await editor.press('Enter');
  if (more.ticket === undefined) return;
  await editor.title(/4\//);
  await editor.page.keyboard.type(more.ticket);
  await editor.press('Enter');
}

/** How many processes of this machine were started with these words. */
export async function running(words: string): Promise<number> {
  const commands = (await readdir('/proc'))
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''));
  return (await Promise.all(commands)).filter((line) => line.replaceAll('\0', ' ').startsWith(words)).length;
}
