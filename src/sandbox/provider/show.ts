import type { ServerResponse } from 'node:http';
import { contentSecurityPolicy } from './pages.ts';

/** Sends one of our pages. */
export function show(response: ServerResponse, status: number, html: string): void {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': contentSecurityPolicy,
  });
  response.end(html);
}
