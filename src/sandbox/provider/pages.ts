import { createHash } from 'node:crypto';
import type { Person } from './people.ts';
import type { CodeVerdict } from './second-factor.ts';
import { style } from './style.ts';

/** For every page of ours: one style sheet by its hash, no script, no frame; forms lead here and back to VS Code. */
export const contentSecurityPolicy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
  "form-action 'self' http://127.0.0.1:*",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ');

const escaped = (text: string) => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

const mark =
  '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" aria-hidden="true"><path d="M12 3a9 9 0 1 1-8.2 5.3"/><path d="M12 7.5V12l3 2"/></svg>';

/** @param body HTML, of which everything from outside is escaped */
export function document(title: string, body: string, width: 'wide' | 'narrow' = 'narrow'): string {
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escaped(title)} · Daypass sandbox</title><style>${style}</style></head><body>`,
    `<main class="${width}"><header>${mark}<span>Daypass sandbox</span></header>${body}</main></body></html>`,
  ].join('');
}

export interface SignInPage {
  /** Where the form goes. */
  readonly action: string;
  /** Who asked for the sign-in. */
  readonly client: string;
  readonly people: readonly Person[];
}

/** Whom to be: a card each, one click. */
export function signIn({ action, client, people }: SignInPage): string {
  const cards = people.map(
    ({ id, name, role, hint }) =>
      `<li><button class="person ${escaped(id)}" name="person" value="${escaped(id)}">` +
      `<span class="face" aria-hidden="true">${escaped(initials(name))}</span>` +
      `<span><span class="name">${escaped(name)}</span> <span class="role">${escaped(role)}</span></span>` +
      `<span class="hint">${escaped(hint)}</span></button></li>`,
  );
  return document(
    'Sign in',
    '<h1>Who are you today?</h1>' +
      `<p>Pick a person to sign in to ${escaped(client)}. This is a practice sign-in: no passwords, and nothing behind it is real.</p>` +
      `<form method="post" action="${escaped(action)}"><ul>${cards.join('')}</ul>` +
      '<div class="row"><p>You are asked every time, so that one browser can hold several people.</p>' +
      '<button class="plain" name="cancel" value="yes">Cancel</button></div></form>',
    'wide',
  );
}

export interface SecondFactorPage {
  readonly action: string;
  readonly person: Person;
  /** The code that the person's authenticator shows. */
  readonly shown: string;
  /** Whether the client takes a sign-in without, too. */
  readonly optional: boolean;
  /** What was wrong with the code that was typed last. */
  readonly wrong: Exclude<CodeVerdict, 'right'> | undefined;
}

const wrongCode = {
  wrong: 'That code is not right. Look again.',
  'used already': 'That code was used already. Take the next one.',
  'too many wrong ones': 'Too many wrong codes. Wait a minute, then try again.',
} as const;

/** The code of an authenticator, which the page shows too, in place of a phone. */
export function secondFactor({ action, person, shown, optional, wrong }: SecondFactorPage): string {
  const digits = `${shown.slice(0, 3)} ${shown.slice(3)}`;
  return document(
    'Enter the code',
    '<h1>Now your second factor</h1>' +
      `<p>Enter the code that ${escaped(person.name)}’s authenticator shows. It is a new one every 30 seconds, and each counts once.</p>` +
      `<p class="phone ${escaped(person.id)}"><span>In place of a phone</span> <output>${escaped(digits)}</output></p>` +
      `<form method="post" action="${escaped(action)}"><input type="hidden" name="person" value="${escaped(person.id)}">` +
      '<input type="text" name="code" aria-label="Code" inputmode="numeric" autocomplete="one-time-code" maxlength="12" autofocus' +
      `${wrong === undefined ? '' : ' aria-invalid="true" aria-describedby="wrong"'}>` +
      (wrong === undefined ? '' : `<p class="note" role="alert" id="wrong">${wrongCode[wrong]}</p>`) +
      '<div class="row"><button class="main">Continue</button><span class="plains">' +
      (optional ? '<button class="plain" name="without" value="yes">Sign in without it</button>' : '') +
      '<button class="plain" name="cancel" value="yes">Cancel</button></span></div></form>',
  );
}

const initials = (name: string) =>
  name
    .split(/\s+/)
    .map((part) => part.charAt(0))
    .slice(0, 2)
    .join('');

/** @param form the library's, with the hidden fields; its id is `op.logoutForm` */
export function logout(form: string): string {
  return document(
    'Sign out',
    `<h1>Sign out?</h1><p>You will be asked who you are the next time anyway.</p>${form}` +
      '<div class="row"><button class="main" form="op.logoutForm" name="logout" value="yes">Sign out</button></div>',
  );
}

export function signedOut(): string {
  return document('Signed out', '<h1>You are signed out</h1><p>You can close this page.</p>');
}

/** @param form the library's, with the field for the code; its id is `op.deviceInputForm` */
export function deviceCode(form: string, wrong: boolean): string {
  return document(
    'Enter the code',
    '<h1>Enter the code</h1><p>VS Code shows it beside the address of this page.</p>' +
      (wrong
        ? '<p class="note" role="alert">That code is not known, or it is too old. Look again.</p>'
        : '') +
      form
        .replace(/ onfocus="[^"]*"/, '')
        .replace('placeholder="Enter code"', 'placeholder="ABCD-EFGH" aria-label="Code"') +
      '<div class="row"><button class="main" form="op.deviceInputForm">Continue</button></div>',
  );
}

/** @param form the library's, with the hidden fields; its id is `op.deviceConfirmForm` */
export function deviceConfirm(form: string, client: string, code: string): string {
  return document(
    'Is this yours?',
    `<h1>Is this code yours?</h1><p>${escaped(client)} should show exactly this one. If somebody sent it to you, say no: whoever sees it signs in as you.</p>` +
      `<code>${escaped(code)}</code>${form}<div class="row">` +
      '<button class="main" form="op.deviceConfirmForm" autofocus>Yes, go on</button>' +
      '<button class="plain" form="op.deviceConfirmForm" name="abort" value="yes">No</button></div>',
  );
}

export function deviceDone(): string {
  return document(
    'Signed in',
    '<h1>You are signed in</h1><p>Go back to VS Code. You can close this page.</p>',
  );
}

export function failure(error: string, description?: string): string {
  const what = description ?? error;
  return document(
    'That did not work',
    `<h1>That did not work</h1><p>${escaped(what)}</p><p>Go back to VS Code and start again.</p>`,
  );
}
