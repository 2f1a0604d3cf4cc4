import { createHash } from 'node:crypto';
import { markup, Html } from './html.ts';
import { style } from './style.ts';

/**
 * Headers of every page. Nothing runs, nothing is loaded, no other page shows this one in a frame, nothing is kept.
 * @param hasForms a form that is sent under `no-referrer` says that it comes from nowhere (Fetch, section 3.2), and
 * where it comes from is what it is known by: then our own pages are told, and nobody else's
 */
export function pageHeaders(hasForms: boolean): Record<string, string> {
  return {
    'content-security-policy': contentSecurityPolicy,
    'cross-origin-opener-policy': 'same-origin',
    'x-frame-options': 'DENY',
    'x-robots-tag': 'noindex, nofollow, noarchive, nosnippet',
    'referrer-policy': hasForms ? 'same-origin' : 'no-referrer',
  };
}

const contentSecurityPolicy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ');

const mark = new Html(
  '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" aria-hidden="true" focusable="false"><path d="M12 3a9 9 0 1 1-8.2 5.3"/><path d="M12 7.5V12l3 2"/></svg>',
);

const sheet = new Html(`<style>${style}</style>`);

/** @param title of the browser's tab; nothing of a request stands there for whoever is not signed in */
export function document(title: string, top: Html, body: Html): string {
  return markup`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>${title} · Daypass</title>
        ${sheet}
      </head>
      <body>
        <div class="page">
          <header class="top">${mark}${top}</header>
          ${body}
        </div>
      </body>
    </html>`.text;
}

/** A page with one thing to say. */
export function alone(title: string, body: Html): string {
  return document(
    title,
    markup`<span>Daypass</span>`,
    markup`<main class="alone">
      <div>
        <h1>${title}</h1>
        ${body}
      </div>
    </main>`,
  );
}
