import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import type { Browser } from 'playwright-core';
import type { Editor } from '../story/support/editor.ts';
import type { Benchmark } from './benchmark.ts';
import { rounded } from './numbers.ts';
import { openWindow, sees } from './stage/window.ts';

const watchedMs = 60_000;
/** What a window does after something was opened in it is not what it does then on. */
const settleMs = 15_000;
const mostMore = 1;
/** Of /proc/<pid>/stat: Linux counts processor time in hundredths of a second. */
const tickMs = 10;

/**
 * What a window costs while it shows a session that counts down, with its terminal beside it, against the same window with
 * a plain terminal and without the extension.
 */
export const countdown: Benchmark = {
  name: 'countdown',
  what: 'processor time of a window that shows a countdown, against the same window without Daypass',
  async run(surroundings) {
    const { progress } = surroundings;
    const editor = await openWindow(surroundings);
    progress('Without Daypass…');
    await editor.run('Extensions: Disable All Installed Extensions');
    await editor.reload();
    await editor.run('Terminal: Create New Terminal');
    await sees(editor, 'prompt');
    const without = await shareOf(editor);
    await editor.run('Terminal: Kill the Active Terminal Instance');

    progress('With Daypass…');
    await editor.run('Extensions: Enable All Extensions');
    await editor.reload();
    await openSession(editor);
    const counting = await shareOf(editor);
    const [ours, bare] = [counting.page + counting.host, without.page + without.host];
    const spoken = ({ page, host }: Share) =>
      `page ${rounded(page)} %, extension host ${rounded(host)} % of a core`;
    return {
      value: ours,
      unit: '%',
      bare,
      aim: `≤ ${mostMore} % of a core more than without`,
      met: ours <= bare + mostMore,
      details: [`counting down: ${spoken(counting)}`, `without Daypass: ${spoken(without)}`],
      obstacles: [],
    };
  },
};

async function openSession(editor: Editor): Promise<void> {
  await editor.openSidebar();
  await editor.signInAs('Ana', () => editor.run('Daypass: Request Production Access'));
  await sees(editor, 'templates');
  await editor.input.fill('Read orders');
  await editor.rows.filter({ hasText: 'Read orders' }).first().waitFor();
  await editor.press('Enter');
  await sees(editor, 'duration');
  await editor.press('Enter');
  await sees(editor, 'reason');
  await editor.page.keyboard.type('Measuring what a countdown costs');
  await editor.press('Enter');
  await sees(editor, 'production prompt');
}

/** Processor time in percent of one core. */
interface Share {
  readonly page: number;
  readonly host: number;
}

async function shareOf(editor: Editor): Promise<Share> {
  await pause(settleMs);
  const browser = editor.context.browser();
  if (!browser) throw new Error('There is no browser to ask.');
  const host = await extensionHost();
  const before = { page: await pagesMs(browser), host: await processorMs(host) };
  const began = performance.now();
  await pause(watchedMs);
  const took = performance.now() - began;
  return {
    page: (100 * ((await pagesMs(browser)) - before.page)) / took,
    host: (100 * ((await processorMs(host)) - before.host)) / took,
  };
}

/** Milliseconds that the pages' processes took so far, as Chromium counts them. */
async function pagesMs(browser: Browser): Promise<number> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  const pages = processInfo.filter(({ type }) => type === 'renderer');
  return pages.reduce((sum, { cpuTime }) => sum + cpuTime * 1000, 0);
}

/** The process id of the newest extension host that this process has started, through whatever stands between. */
async function extensionHost(): Promise<number> {
  const ours = new Set([process.pid]);
  const all = await Promise.all(
    (await readdir('/proc'))
      .filter((name) => /^\d+$/.test(name))
      .map(async (pid) => ({ pid: Number(pid), ...(await whatIs(pid)) })),
  );
  for (let before = 0; before < ours.size;) {
    before = ours.size;
    for (const { pid, parent } of all) if (ours.has(parent)) ours.add(pid);
  }
  const hosts = all.filter(({ pid, command }) => ours.has(pid) && command.includes('--type=extensionHost'));
  // That of a window which was reloaded lives on for a while.
  const [newest] = hosts.toSorted((one, another) => another.started - one.started);
  if (!newest) throw new Error('There is no extension host.');
  return newest.pid;
}

async function whatIs(pid: string): Promise<{ parent: number; started: number; command: string }> {
  try {
    const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ');
    const stat = await statOf(pid);
    return { parent: Number(stat[1]), started: Number(stat[19]), command };
  } catch {
    return { parent: 0, started: 0, command: '' };
  }
}

async function processorMs(pid: number): Promise<number> {
  const stat = await statOf(String(pid));
  // User and system time, the 14th and 15th field (proc_pid_stat(5)).
  return (Number(stat[11]) + Number(stat[12])) * tickMs;
}

/** The fields after the name, which may hold anything: the third is first. */
async function statOf(pid: string): Promise<string[]> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}
