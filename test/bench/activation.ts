import type { Editor } from '../story/support/editor.ts';
import type { Benchmark } from './benchmark.ts';
import { percentile, rounded } from './numbers.ts';
import { openWindow } from './stage/window.ts';

const runs = 7;
const mostShare = 0.5;
const ours = 'daypass.daypass';
const theirs = 'vscode.github-authentication';

/** How long the extension takes to load and activate, beside one of VS Code's own that signs people in as well. */
export const activation: Benchmark = {
  name: 'activation',
  what: 'activation beside the built-in GitHub Authentication, in the same window',
  async run(surroundings) {
    const editor = await openWindow(surroundings);
    const mine: Activation[] = [];
    const beside: Activation[] = [];
    for (let run = 0; run < runs && !surroundings.signal.aborted; run += 1) {
      surroundings.progress(`${run} of ${runs}`);
      if (run > 0) await editor.reload();
      const report = await startupPerformance(editor);
      mine.push(report.mine);
      beside.push(report.beside);
    }
    const value = median(mine, total);
    const bare = median(beside, total);
    const met = value <= mostShare * bare;
    return {
      value,
      unit: 'ms',
      bare,
      aim: `median ≤ ${mostShare} × GitHub Authentication`,
      met,
      details: [
        `Daypass: ${mine.map(total).join(', ')} ms; GitHub Authentication: ${beside.map(total).join(', ')} ms`,
      ],
      obstacles: met
        ? []
        : [
            `of that, loading the code ${rounded(median(mine, ({ load }) => load))} ms, activate() ${rounded(median(mine, ({ call }) => call))} ms, what it waits for ${rounded(median(mine, ({ finish }) => finish))} ms`,
          ],
    };
  },
};

/** Milliseconds, as VS Code reports them. */
interface Activation {
  readonly load: number;
  readonly call: number;
  readonly finish: number;
}

const total = ({ load, call, finish }: Activation) => load + call + finish;
const median = (all: readonly Activation[], of: (one: Activation) => number) => percentile(all.map(of), 0.5);

const reportWithinMs = 30_000;

/** What "Developer: Startup Performance" says once both extensions are in it. */
async function startupPerformance(editor: Editor): Promise<{ mine: Activation; beside: Activation }> {
  const deadline = Date.now() + reportWithinMs;
  for (;;) {
    await editor.run('Developer: Startup Performance');
    await editor.page.locator('.editor-instance .view-lines').first().waitFor();
    await editor.page.waitForTimeout(1_000);
    await editor.page.locator('.editor-instance .view-lines').first().click();
    await editor.press('Control+A');
    await editor.press('Control+C');
    const text = String(await editor.page.evaluate('navigator.clipboard.readText()'));
    await editor.press('Control+F4');
    const [mine, beside] = [activationIn(text, ours), activationIn(text, theirs)];
    if (mine && beside) return { mine, beside };
    if (Date.now() > deadline) throw new Error(`${mine ? theirs : ours} was not activated.`);
  }
}

/** From the table whose columns are: extension, eager, load code, call activate, finish activate, and more. */
function activationIn(report: string, extension: string): Activation | undefined {
  const rows = report.split('\n').map((line) => line.split('|').map((cell) => cell.trim()));
  const [, , , ...times] = rows.find(([, name]) => name === extension) ?? [];
  const [load = Number.NaN, call = Number.NaN, finish = Number.NaN] = times.slice(0, 3).map(Number);
  return [load, call, finish].every(Number.isFinite) ? { load, call, finish } : undefined;
}
