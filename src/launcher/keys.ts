import { closeSync, constants, openSync, readSync } from 'node:fs';

const ctrlC = 3;
const ctrlD = 4;

/**
 * While nothing runs yet: takes every key and drops it, so that what is typed ahead is neither shown nor run in
 * production later; Ctrl+C and Ctrl+D leave. Returns what gives the keyboard back.
 */
export function takeKeys(leave: () => void): () => void {
  const { stdin } = process;
  if (!stdin.isTTY) return () => undefined;
  const typed = (keys: Buffer): void => {
    if (keys.includes(ctrlC) || keys.includes(ctrlD)) leave();
  };
  // A terminal that has gone away is told by its signal.
  stdin.on('error', () => undefined);
  stdin.on('data', typed);
  raw(true);
  return () => {
    stdin.off('data', typed);
    stdin.pause();
    drain();
    raw(false);
  };

  function raw(on: boolean): void {
    try {
      stdin.setRawMode(on);
    } catch {
      // Not the foreground of its terminal: then no key arrives either.
    }
  }
}

/** Takes what was typed and not yet read: under load that is more than the event loop has come to. */
function drain(): void {
  if (process.platform === 'win32') return;
  let terminal: number | undefined;
  try {
    terminal = openSync('/dev/tty', constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    const keys = Buffer.alloc(1024);
    while (readSync(terminal, keys) > 0);
  } catch {
    // EAGAIN: nothing is left. Anything else: there is no terminal to read from.
  } finally {
    if (terminal !== undefined) closeSync(terminal);
  }
}
