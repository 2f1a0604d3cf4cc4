import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { shown } from '../../../src/sandbox/progress.ts';
import { startSandbox } from '../../../src/sandbox/sandbox.ts';
import { launchBrowser } from '../../story/support/browser.ts';
import { Editor } from '../../story/support/editor.ts';
import type { Surroundings } from '../benchmark.ts';

/** Ana's VS Code with the packaged extension, a broker and a production database; gone when the benchmark is over. */
export async function openWindow({ atEnd, signal }: Surroundings): Promise<Editor> {
  const state = await mkdtemp(join(tmpdir(), 'daypass-bench-'));
  // As root, databases run as an account of their own, which must be able to pass through.
  await chmod(state, 0o711);
  const starting = startSandbox({
    state: join(state, 'sandbox'),
    windows: ['ana'],
    // Text that is drawn by the graphics card cannot be read from the page.
    settings: { 'terminal.integrated.gpuAcceleration': 'off' },
    progress: shown(),
    signal,
  });
  atEnd(async () => {
    // Interrupted while it starts, it ends by itself; what it works in stays until then.
    const sandbox = await starting.catch(() => undefined);
    await sandbox?.close();
    await rm(state, { recursive: true, force: true });
  });
  const sandbox = await starting;
  const browser = await launchBrowser({ onCtrlC: false });
  atEnd(() => browser.close());
  const url = sandbox.windows.get('ana')?.url;
  if (url === undefined) throw new Error('There is no VS Code to look at.');
  const editor = await Editor.open(browser, url);
  await editor.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  return editor;
}

// In the page's own words, as an expression: nothing here knows the types of a page.
const text = (selector: string) =>
  `[...document.querySelectorAll(${JSON.stringify(selector)})].map((one) => one.innerText).join('\\n').replaceAll('\\u00a0', ' ').trimEnd()`;
const title = text('.quick-input-widget:not([style*="display: none"]) .quick-input-title');
const screen = text('.terminal-wrapper.active .xterm-rows');

/** What a page can come to show. */
const sights = {
  templates: `/1\\//.test(${title}) && document.querySelector('.quick-input-list .monaco-list-row') !== null`,
  duration: `/2\\//.test(${title})`,
  reason: `/3\\//.test(${title})`,
  prompt: `/[#$%>]$/.test(${screen})`,
  'production prompt': `/psql is ready[^]*[#$%>]$/.test(${screen})`,
} as const;

/** Until the page shows it; looked at with every picture that is drawn. */
export async function sees(editor: Editor, sight: keyof typeof sights): Promise<void> {
  await editor.page.waitForFunction(sights[sight], undefined, { polling: 'raf', timeout: 30_000 });
}
