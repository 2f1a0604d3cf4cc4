import { escaped, type PageParts } from './sessionPage.ts';

/** The page of a review before its script has drawn anything. */
export function reviewPage(title: string, { style, script, source, nonce, id }: PageParts): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src ${source}; script-src 'nonce-${nonce}'; base-uri 'none'; form-action 'none'">
<link rel="stylesheet" href="${escaped(style)}">
<title>${escaped(title)}</title>
</head>
<body data-page="${escaped(id)}">
<main id="review"></main>
<p id="said" class="unseen" aria-live="polite"></p>
<p id="urgent" class="unseen" role="alert"></p>
<script nonce="${nonce}" src="${escaped(script)}"></script>
</body>
</html>`;
}
