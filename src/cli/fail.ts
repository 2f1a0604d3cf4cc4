/** Something that ends a command, already in people's words. */
export class CommandFailed extends Error {
  readonly exitCode: number;

  constructor(words: string, exitCode = 1) {
    super(words);
    this.exitCode = exitCode;
  }
}

/** Tells why a command ended and sets the exit code. Stacks are for those who ask: `DAYPASS_DEBUG=1`. */
export function fail(error: unknown): void {
  const words = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${words}\n`);
  if (process.env['DAYPASS_DEBUG'] === '1' && error instanceof Error && error.stack !== undefined)
    process.stderr.write(`${error.stack}\n`);
  process.exitCode = error instanceof CommandFailed ? error.exitCode : 1;
}
