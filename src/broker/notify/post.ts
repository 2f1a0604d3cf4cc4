import { abandoned } from './message.ts';

/** Largest answer that is read, in bytes; none of ours is. */
const largest = 64 * 1024;

export interface Posted {
  readonly status: number;
  readonly text: string;
  /** `Retry-After` (RFC 9110, section 10.2.3) in seconds, where it says seconds. */
  readonly retryAfterS?: number;
}

/** No answer, in words for a log: neither the address nor anything that was sent is in them. */
export class NotPosted extends Error {
  override readonly name = 'NotPosted';
}

/**
 * Posts JSON, bounded in what is read, and follows no redirect.
 * @throws NotPosted
 */
export async function post(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  stop: AbortSignal,
): Promise<Posted> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      redirect: 'manual',
      headers: { 'content-type': 'application/json; charset=utf-8', 'user-agent': 'Daypass', ...headers },
      body,
      signal: stop,
    });
    const seconds = /^\d{1,6}$/.exec(response.headers.get('retry-after') ?? '')?.[0];
    return {
      status: response.status,
      text: await bounded(response),
      ...(seconds === undefined ? {} : { retryAfterS: Number(seconds) }),
    };
  } catch (error) {
    if (error instanceof NotPosted) throw error;
    if (stop.aborted) throw new NotPosted(abandoned(stop));
    throw new NotPosted(`it cannot be reached${codeOf(error)}`);
  }
}

async function bounded(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += part.byteLength;
    if (size > largest) throw new NotPosted(`it answered with more than ${largest / 1024} KB`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

/** ` (ECONNREFUSED)`: what the machine says of a connection, a word of few. */
export function codeOf(error: unknown): string {
  for (let here: unknown = error; here instanceof Error; here = here.cause) {
    const { code } = here as NodeJS.ErrnoException;
    if (typeof code === 'string' && /^[A-Z][A-Z0-9_]{2,40}$/.test(code)) return ` (${code})`;
  }
  return '';
}
