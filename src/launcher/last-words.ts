import type { Bell } from './bell.ts';
import { linesOf, withStopped } from './ending.ts';
import type { Folder } from './folder.ts';
import { afterwards, hold, write } from './screen.ts';
import type { Stopped } from './stop.ts';

/** How long the last line waits for what the target says. */
const targetSpeaksMs = 3000;

export interface Said {
  readonly folder: Folder;
  readonly bell: Bell;
  readonly closed: () => boolean;
  /** What the launcher itself has to say, the first line why it ended. */
  readonly own: readonly string[];
  readonly stopped: Stopped;
  /** How long the extension, which may know more, has the first word. 0: the launcher has it. */
  readonly patienceMs: number;
}

/**
 * Says what happened, then what the target says of it, whenever there is something new; and holds the screen until the
 * terminal is closed. Why it ended is said once, by whoever speaks first: the launcher's clock, the broker and the person
 * may end it in the same second, and two first lines would contradict each other. Keys are ignored: whoever is in the
 * middle of typing when the time is up must not lose the text.
 */
export async function sayAndHold({ folder, bell, closed, own, stopped, patienceMs }: Said): Promise<void> {
  const shown = new Set<string>();
  const say = (lines: readonly string[]): void => {
    const first = shown.size === 0;
    const fresh = first ? lines : lines.slice(1).filter((line) => !shown.has(line));
    for (const line of fresh) shown.add(line);
    if (fresh.length > 0) write(afterwards(first ? withStopped(fresh, stopped) : fresh));
  };
  const began = performance.now();
  let looking = true;
  let held = false;
  if (patienceMs <= 0) say(own);
  while (!closed()) {
    folder.tellAgain();
    if (looking) {
      const session = folder.session();
      const over = typeof session === 'object' && session.state.is === 'over' ? session.state : undefined;
      if (over) say(linesOf(over));
      looking = session !== 'missing' && over?.final !== true;
    }
    const ms = performance.now() - began;
    if (shown.size === 0 && (!looking || ms >= patienceMs)) say(own);
    if (!held && (!looking || ms >= targetSpeaksMs)) {
      write(hold());
      held = true;
    }
    await bell.wait(held ? 1000 : 100);
  }
}
