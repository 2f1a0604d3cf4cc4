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
