/** One thing that takes a while. */
export interface Step {
  /** A few words beside what is being done, for as long as it lasts. */
  detail(words: string): void;
  done(words?: string): void;
}

export interface Progress {
  begin(what: string): Step;
}

/** For tests: nothing is shown. */
export const silent: Progress = { begin: () => ({ detail: () => undefined, done: () => undefined }) };

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/** A line for each step: alive on a terminal, with seconds; plain lines in a log. */
export function shown(stream: NodeJS.WriteStream = process.stderr): Progress {
  const running = new Set<{ what: string; words: string; since: number }>();
  let drawn = 0;
  let frame = 0;
  let timer: NodeJS.Timeout | undefined;

  const erase = () => {
    if (drawn > 0) stream.write(`\x1b[${drawn}A\x1b[0J`);
    drawn = 0;
  };
  const draw = () => {
    erase();
    for (const { what, words, since } of running) {
      const seconds = Math.round((Date.now() - since) / 1000);
      const line = ` ${frames[frame % frames.length] ?? ''} ${what}${words && ` ${words}`}${seconds > 1 ? `  ${seconds} s` : ''}`;
      stream.write(`${line.slice(0, Math.max(stream.columns - 1, 20))}\n`);
      drawn++;
    }
    frame++;
  };

  return {
    begin(what) {
      const step = { what, words: '', since: Date.now() };
      running.add(step);
      if (stream.isTTY) {
        timer ??= setInterval(draw, 100);
        draw();
      } else stream.write(`   ${what}…\n`);
      return {
        detail: (words) => {
          step.words = words;
        },
        done: (words = '') => {
          running.delete(step);
          if (stream.isTTY) {
            erase();
            stream.write(` ✓ ${what}${words && ` ${words}`}\n`);
            draw();
          } else stream.write(` ✓ ${what}${words && ` ${words}`}\n`);
          if (running.size === 0) {
            clearInterval(timer);
            timer = undefined;
          }
        },
      };
    },
  };
}
