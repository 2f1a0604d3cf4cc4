import { connect } from 'node:net';

const words: Readonly<Record<string, string>> = {
  ENOTFOUND: 'there is no such host, as far as this machine knows',
  EAI_AGAIN: 'its name cannot be looked up at the moment',
  ECONNREFUSED: 'nothing answers on that port',
  EHOSTUNREACH: 'there is no way to it from here',
  ENETUNREACH: 'there is no way to it from here',
  ETIMEDOUT: 'it does not answer',
};

/**
 * Whether this machine can open a TCP connection; nothing is sent.
 * @returns undefined if it can, otherwise why not, in the middle of a sentence
 */
export function whyUnreachable(
  host: string,
  port: number,
  timeoutMs = 2500,
  signal?: AbortSignal,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const done = (why?: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(why);
    };
    const timer = setTimeout(() => done(words['ETIMEDOUT']), timeoutMs);
    socket.once('connect', () => done());
    socket.once('error', (error: NodeJS.ErrnoException) => done(words[codeOf(error)] ?? error.message));
    signal?.addEventListener('abort', () => done(), { once: true });
  });
}

/** Where several addresses were tried, the first failure stands for all. */
function codeOf(error: NodeJS.ErrnoException | AggregateError): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  return (first as NodeJS.ErrnoException | undefined)?.code ?? '';
}
