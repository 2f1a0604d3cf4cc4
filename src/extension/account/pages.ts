export interface Page {
  readonly title: string;
  readonly text: string;
}

export const signedIn: Page = {
  title: 'You are signed in',
  text: 'Go back to VS Code. You can close this page.',
};

export const notOurs: Page = {
  title: 'This page belongs to no sign-in',
  text: 'The sign-in that it came from is over, or was started elsewhere. Start again in VS Code.',
};

export function failed(why: string): Page {
  return { title: 'You are not signed in', text: `${why} VS Code says what you can do.` };
}

/** A page that stands for itself: no scripts, nothing loaded, light and dark as the person has it. */
export function render({ title, text }: Page): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escape(title)} – Daypass</title>
<style>
:root { color-scheme: light dark; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: light-dark(#f6f7f9, #16181d); color: light-dark(#1c2027, #e6e8ec); font: 17px/1.5 system-ui, sans-serif; }
main { max-width: 26rem; margin: 1.5rem; padding: 2rem 2.25rem; border-radius: 12px; background: light-dark(#fff, #20232a); border: 1px solid light-dark(#d9dde3, #363b45); }
h1 { margin: 0 0 .5rem; font-size: 1.35rem; line-height: 1.3; }
p { margin: 0; }
</style>
</head>
<body><main><h1>${escape(title)}</h1><p>${escape(text)}</p></main></body>
</html>
`;
}

/** Nothing may run, load, frame this page, or learn from it where the browser was. */
export const headers: Readonly<Record<string, string>> = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; form-action 'none'; base-uri 'none'",
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  connection: 'close',
};

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
