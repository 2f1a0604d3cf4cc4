import { get as getPlain, type IncomingMessage, type RequestOptions } from 'node:http';
import { get as getSecure } from 'node:https';
import type { CalendarConfig } from '../config/config.ts';
import { CalendarUnread } from './unread.ts';

/** Longest that a whole answer is waited for, in milliseconds. */
const patienceMs = 10_000;
/** Largest answer that is read, in bytes. */
const largest = 2 * 1024 * 1024;
const longestTag = 1_000;

/** A calendar's text; its tag (RFC 9110 section 8.8.3) tells whether there is another one. */
export interface CalendarText {
  readonly text: string;
  readonly tag?: string;
}

/**
 * Asks for a calendar; undefined: it is still the one with this tag. Bounded in time and size, and redirects are not
 * followed: the address and what is sent along are meant for one server.
 * @throws CalendarUnread
 */
export async function fetchCalendar(
  { address, authorization, certificateAuthority }: CalendarConfig,
  {
    tag,
    signal,
    withinMs = patienceMs,
  }: { readonly tag?: string; readonly signal?: AbortSignal; readonly withinMs?: number },
): Promise<CalendarText | undefined> {
  const late = AbortSignal.timeout(withinMs);
  const url = new URL(address.reveal());
  const options: RequestOptions & { ca?: string } = {
    headers: {
      accept: 'text/calendar',
      'accept-encoding': 'identity',
      'cache-control': 'no-cache',
      ...(authorization ? { authorization: authorization.reveal() } : {}),
      ...(tag === undefined ? {} : { 'if-none-match': tag }),
    },
    ...(certificateAuthority === undefined ? {} : { ca: certificateAuthority }),
    agent: false,
    signal: AbortSignal.any([late, ...(signal ? [signal] : [])]),
  };
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const get = url.protocol === 'https:' ? getSecure : getPlain;
      get(url, options, resolve).on('error', reject);
    });
    try {
      return await read(response, tag);
    } finally {
      response.destroy();
    }
  } catch (error) {
    if (error instanceof CalendarUnread) throw error;
    if (late.aborted) throw new CalendarUnread(`did not come within ${withinMs / 1000} s`);
    throw new CalendarUnread('cannot be reached', error);
  }
}

async function read(response: IncomingMessage, asked: string | undefined): Promise<CalendarText | undefined> {
  const { statusCode: status = 0, headers } = response;
  if (status === 304 && asked !== undefined) return undefined;
  if (status >= 300 && status < 400)
    throw new CalendarUnread(
      'was answered with a redirect, which is not followed: name the address that it leads to',
    );
  if (status !== 200) throw new CalendarUnread(`was answered with status ${status}`);
  if ((headers['content-encoding'] ?? 'identity') !== 'identity')
    throw new CalendarUnread('came compressed, which was not asked for');
  const text = await readBounded(response);
  const tag = headers.etag;
  return { text, ...(tag === undefined || tag.length > longestTag ? {} : { tag }) };
}

async function readBounded(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    size += part.byteLength;
    if (size > largest) throw new CalendarUnread(`is larger than ${largest / 1024 / 1024} MB`);
    parts.push(part);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(parts));
  } catch {
    throw new CalendarUnread('is not in UTF-8');
  }
}
