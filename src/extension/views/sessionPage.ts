import type { SessionModel } from './sessionModel.ts';

export interface PageParts {
  readonly style: string;
  readonly script: string;
  /** What `style-src` allows besides. */
  readonly source: string;
  /** Random, new for each page. */
  readonly nonce: string;
  /** Tells one page from another. */
  readonly id: string;
}

/**
 * The page of the view "Session" before its script has drawn anything: what is said where there is nothing stands in
 * it, in the same form in which the script draws it, so that nothing flashes.
 */
export function sessionPage(model: SessionModel, { style, script, source, nonce, id }: PageParts): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src ${source}; script-src 'nonce-${nonce}'">
<link rel="stylesheet" href="${escaped(style)}">
<title>Session</title>
</head>
<body data-page="${escaped(id)}">
<header>
<h1 class="unseen">Session</h1>
<p id="trouble" role="status"${model.trouble === undefined ? ' hidden' : ''}>${escaped(model.trouble ?? '')}</p>
<p id="said" aria-live="polite"></p>
</header>
<main id="cards">${model.cards.length ? '' : nothing(model)}</main>
<script nonce="${nonce}" src="${escaped(script)}"></script>
</body>
</html>`;
}

function nothing({ nothing: words, mayRequest }: SessionModel): string {
  const ask =
    '<div class="actions"><button type="button" class="primary" data-do="request" data-id="">Request production access</button></div>';
  return `<section class="card nothing"><p>${escaped(words)}</p>${mayRequest ? ask : ''}</section>`;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (char) => entities[char] ?? '');
}
