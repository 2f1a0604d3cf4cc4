import { spawnSync } from 'node:child_process';
import { writeSync } from 'node:fs';

/** What stands at the left of every line of ours. With a sign of its own: not everybody sees its colour. */
const bars = {
  production: '\x1b[0;41m \x1b[0m ',
  'glass broken': '\x1b[0;30;43m!\x1b[0m ',
} as const;
export type Look = keyof typeof bars;

let bar: string = bars.production;

/** From now on; a terminal has one look at a time. */
export function lookLike(look: Look = 'production'): void {
  bar = bars[look];
}

const holding = 'This text stays until you close the terminal.';

/** Text without what could move the cursor, hide or reorder text: whoever wrote a reason wrote part of these lines. */
export function harmless(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, '');
}

/** The first lines of a production terminal: the bar beside them, the first in bold. */
export function heading(lines: readonly string[], columns = width()): string {
  const [first, ...rest] = lines;
  const title = first === undefined ? '' : beside([first], columns, (part) => `\x1b[1m${part}\x1b[0m`);
  return `${title}${beside(rest, columns)}\r\n`;
}

/** What is said after the end, in the same hand. */
export function afterwards(lines: readonly string[], columns = width()): string {
  return beside(lines, columns);
}

/** A terminal that starts before its panel is laid out has about ten columns for a moment. */
const narrowest = 20;

/** How many characters a line of this terminal holds. */
function width(): number {
  const { columns } = process.stdout;
  return columns >= narrowest ? columns : 80;
}

/** Lines with the bar beside each; the terminal itself would break a long one within a word, and leave the bar out. */
function beside(lines: readonly string[], columns: number, styled = (part: string) => part): string {
  return lines
    .flatMap((line) => wrapped(harmless(line), Math.max(columns - 2, 1)))
    .map((part) => `${bar}${styled(part)}\r\n`)
    .join('');
}

/** Broken between words, and within those that are longer than a line. */
function wrapped(text: string, most: number): string[] {
  const parts: string[] = [];
  let part = '';
  for (const word of text.split(' ')) {
    const longer = part === '' ? word : `${part} ${word}`;
    if (longer.length <= most) {
      part = longer;
      continue;
    }
    if (part !== '') parts.push(part);
    const characters = Array.from(word);
    while (characters.length > most) parts.push(characters.splice(0, most).join(''));
    part = characters.join('');
  }
  return [...parts, part];
}

/** The last line: nothing runs here any more. */
export const hold = (): string => `${bar}\x1b[2m${holding}\x1b[0m\r\n`;

/**
 * Undoes what a killed program left switched on in the terminal, without touching what stands in its scrollback.
 * The cursor is saved before the alternate screen is left: where no program was in it, the way back restores this
 * position and nothing is overwritten; where one was, the saved position belongs to the screen that vanishes.
 */
export const calm = [
  '\x1b7\x1b[?1049l', // alternate screen
  '\x1b7\x1b[r\x1b8', // scroll region
  '\x1b[?9l\x1b[?1000l\x1b[?1001l\x1b[?1002l\x1b[?1003l\x1b[?1005l\x1b[?1006l\x1b[?1015l\x1b[?1016l', // mouse
  '\x1b[?1004l\x1b[?2004l\x1b[?2026l', // focus reports, bracketed paste, synchronised output
  '\x1b[?1l\x1b>\x1b[4l\x1b[<u\x1b[>4;0m', // cursor keys, keypad, insert mode, other keyboards
  '\x1b[?7h\x1b[?12l\x1b[?25h\x1b[0 q', // wrapping, the cursor's look
  '\x0f\x1b(B\x1b]8;;\x1b\\\x1b[0m', // character set, link, colours
  '\r\n',
].join('');

/**
 * Writes to the terminal and never fails: a terminal that has gone away has no reader left to tell.
 * At most two seconds are spent on one that takes nothing.
 */
export function write(text: string): void {
  let rest = Buffer.from(text);
  const giveUp = Date.now() + 2000;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || Date.now() > giveUp) return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
}

/** Where the system's own programs are; the inherited PATH is the workspace's. */
export const systemPath = '/usr/bin:/bin:/usr/sbin:/sbin:/run/current-system/sw/bin';

/**
 * Brings the terminal's line settings back from whatever was killed in it, and turns off echo and the keys' signals:
 * nobody reads any more. `stty` runs in a session of its own, without this terminal as its controlling one: after a
 * SIGKILL the terminal's foreground process group is a dead one, and only such a process may still change settings.
 * `-tostop` is what lets the launcher go on writing.
 */
export function quietKeyboard(): void {
  if (process.platform === 'win32') return;
  spawnSync('stty', ['sane', '-echo', '-icanon', '-isig', '-ixon', '-tostop'], {
    stdio: ['inherit', 'ignore', 'ignore'],
    detached: true,
    env: { PATH: systemPath },
    timeout: 2000,
  } as Parameters<typeof spawnSync>[2]);
}
