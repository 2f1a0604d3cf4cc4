import type { Person } from './people.ts';

const escape = (text: string) =>
  text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0).toString()};`);

function document(title: string, body: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escape(title)}</title></head><body><main>${body}</main></body></html>`;
}

export interface SignInPage {
  readonly action: string;
  readonly client: string;
  readonly people: readonly Person[];
  readonly secondStep: boolean;
}

export function signIn({ action, people }: SignInPage): string {
  const cards = people.map((p) => `<button name="person" value="${escape(p.id)}">${escape(p.name)}</button>`);
  return document('Sign in', `<form method="post" action="${escape(action)}">${cards.join('')}</form>`);
}
export const logout = (form: string) =>
  document('Sign out', `${form}<button form="op.logoutForm" name="logout" value="yes">Sign out</button>`);
export const signedOut = () => document('Signed out', '<p>Signed out.</p>');
export const deviceCode = (form: string, wrong: boolean) =>
  document(
    'Enter the code',
    `${wrong ? '<p>That code is not known.</p>' : ''}${form}<button form="op.deviceInputForm">Continue</button>`,
  );
export const deviceConfirm = (form: string, client: string, code: string) =>
  document(
    'Is this you?',
    `<p>${escape(client)} <code>${escape(code)}</code></p>${form}<button form="op.deviceConfirmForm">Yes</button>`,
  );
export const deviceDone = () => document('Signed in', '<p>Signed in. Go back to VS Code.</p>');
export const failure = (error: string, description?: string) =>
  document('That did not work', `<p>${escape(description ?? error)}</p>`);
