import type { AxiosInstance } from 'axios';

let instance: Promise<AxiosInstance> | undefined;

/** One answer holds at most this much; a list of templates is some 100 KB. */
const longestAnswerBytes = 8 * 1024 * 1024;

/**
 * axios, loaded when the first call is made. It follows no redirect (a token must not travel), leaves proxies to the
 * editor, and gives the answer as text whatever its status.
 */
export function http(): Promise<AxiosInstance> {
  instance ??= import('axios').then(({ default: axios }) =>
    axios.create({
      adapter: 'http',
      timeout: 15_000,
      maxRedirects: 0,
      maxContentLength: longestAnswerBytes,
      proxy: false,
      validateStatus: () => true,
      responseType: 'text',
      transformResponse: (body: unknown) => body,
    }),
  );
  return instance;
}

/** JSON, or undefined if it is none. */
export function parseJson(text: unknown): unknown {
  if (typeof text !== 'string') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
