import { createHash } from 'node:crypto';
import type { Person } from './people.ts';
import { passkeyScript } from './passkey-script.ts';
import type { CodeVerdict } from './second-factor.ts';
import { style } from './style.ts';

const hashed = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** For every page of ours: one style sheet by its hash, no script, no frame; forms lead here and back to VS Code. */
export const contentSecurityPolicy = [
  "default-src 'none'",
  `style-src ${hashed(style)}`,
  "form-action 'self' http://127.0.0.1:*",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ');

/** For those that ask for a passkey: the one script for it, by its hash. */
export const policyWithPasskeys = `${contentSecurityPolicy}; script-src ${hashed(passkeyScript)}`;

export const escaped = (text: string) =>
  text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

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
  /** What was wrong with the code that was typed last, or that the passkey did not count. */
  readonly wrong: Wrong | undefined;
  /** What the browser is to be asked for, JSON; undefined where the person has no passkey. */
  readonly passkey: string | undefined;
}

export type Wrong = Exclude<CodeVerdict, 'right'> | 'passkey';

const wrongs: Readonly<Record<Wrong, string>> = {
  wrong: 'That code is not right. Look again.',
  'used already': 'That code was used already. Take the next one.',
  'too many wrong ones': 'Too many wrong codes. Wait a minute, then try again.',
  passkey: 'That passkey did not count. Try again, or enter the code.',
};

const script = `<script>${passkeyScript}</script>`;
const trouble = '<p class="note" role="alert" id="trouble" hidden></p>';

/** A button that asks the browser for a passkey; shown where the browser can be asked. */
const passkeyButton = (options: string, label: string) =>
  `<button type="button" class="main passkey" data-passkey="${escaped(options)}" hidden>${label}</button>`;

/** The code of an authenticator, which the page shows too, in place of a phone; or a passkey, where there is one. */
export function secondFactor({ action, person, shown, optional, wrong, passkey }: SecondFactorPage): string {
  const digits = `${shown.slice(0, 3)} ${shown.slice(3)}`;
  return document(
    'Enter the code',
    '<h1>Now your second factor</h1>' +
      `<p>Enter the code that ${escaped(person.name)}’s authenticator shows. It is a new one every 30 seconds, and each counts once.</p>` +
      `<form method="post" action="${escaped(action)}"><input type="hidden" name="person" value="${escaped(person.id)}">` +
      '<input type="hidden" name="passkey" value="">' +
      (passkey === undefined ? '' : passkeyButton(passkey, 'Use your passkey')) +
      trouble +
      `<p class="phone ${escaped(person.id)}"><span>In place of a phone</span> <output>${escaped(digits)}</output></p>` +
      '<input type="text" name="code" aria-label="Code" inputmode="numeric" autocomplete="one-time-code" maxlength="12" autofocus' +
      `${wrong === undefined || wrong === 'passkey' ? '' : ' aria-invalid="true" aria-describedby="wrong"'}>` +
      (wrong === undefined ? '' : `<p class="note" role="alert" id="wrong">${wrongs[wrong]}</p>`) +
      '<div class="row"><button class="main">Continue</button><span class="plains">' +
      '<button class="plain" name="add" value="yes" hidden>Continue and add a passkey</button>' +
      (optional ? '<button class="plain" name="without" value="yes">Sign in without it</button>' : '') +
      '<button class="plain" name="cancel" value="yes">Cancel</button></span></div></form>' +
      script,
  );
}

export interface AddPasskeyPage {
  readonly action: string;
  readonly person: Person;
  /** What the browser is to be asked for, JSON. */
  readonly passkey: string;
  /** The one that came last did not count. */
  readonly failed: boolean;
}

/** For whoever has shown a code: from now on a passkey can stand for it. */
export function addPasskey({ action, person, passkey, failed }: AddPasskeyPage): string {
  return document(
    'Add a passkey',
    '<h1>Add a passkey</h1>' +
      `<p>From the next sign-in on it stands for ${escaped(person.name)}’s code. The sandbox forgets it when it stops.</p>` +
      `<form method="post" action="${escaped(action)}"><input type="hidden" name="person" value="${escaped(person.id)}">` +
      '<input type="hidden" name="passkey" value="">' +
      (failed ? '<p class="note" role="alert">That passkey did not count. Try again.</p>' : '') +
      trouble +
      `<div class="row">${passkeyButton(passkey, 'Add a passkey')}<button class="plain">Continue without it</button></div></form>` +
      script,
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
