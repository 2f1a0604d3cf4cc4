import type { ServerResponse } from 'node:http';
import { contentSecurityPolicy } from './pages.ts';

/** Sends one of our pages. */
export function show(
  response: ServerResponse,
  status: number,
  html: string,
  policy = contentSecurityPolicy,
): void {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': policy,
  });
  response.end(html);
}
