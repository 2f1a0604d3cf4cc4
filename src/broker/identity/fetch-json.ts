/** Longest that the identity provider is waited for, in milliseconds. */
export const patience = 5_000;
/** Largest answer that is read, in bytes. */
const largest = 512 * 1024;

/** What did not come; the message says what happened, for the log. */
export class NoAnswer extends Error {
  /** HTTP status, if one came. */
  readonly status: number | undefined;

  constructor(message: string, options: { status?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'NoAnswer';
    this.status = options.status;
  }
}

/**
 * Fetches JSON from the identity provider, bounded in time and size, and follows no redirect.
 * @throws NoAnswer
 */
export async function fetchJson(url: string, fetch: typeof globalThis.fetch): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(url, {
      redirect: 'error',
      headers: { accept: 'application/json' },
      signal: AbortSignal.timeout(patience),
    });
    if (!response.ok) {
      await response.body?.cancel();
      throw new NoAnswer(`${url} answered with status ${response.status}.`, { status: response.status });
    }
    const text = await readBounded(response, url);
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (error instanceof NoAnswer) throw error;
    if (error instanceof SyntaxError) throw new NoAnswer(`${url} answered with something that is not JSON.`);
    if (error instanceof Error && error.name === 'TimeoutError')
      throw new NoAnswer(`${url} did not answer within ${patience / 1000} s.`);
    throw new NoAnswer(`${url} cannot be reached.`, { cause: error });
  }
}

async function readBounded(response: Response, url: string): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += part.byteLength;
    if (size > largest) throw new NoAnswer(`${url} answered with more than ${largest / 1024} KB.`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
