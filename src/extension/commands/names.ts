/** Every command, as package.json contributes it; a test holds the two against each other. */
export const commandIds = {
  connect: 'daypass.connect',
  signIn: 'daypass.signIn',
  signOut: 'daypass.signOut',
  requestAccess: 'daypass.requestAccess',
  showSession: 'daypass.showSession',
  openTerminal: 'daypass.openTerminal',
  endSession: 'daypass.endSession',
  withdraw: 'daypass.withdraw',
  breakGlass: 'daypass.breakGlass',
  decide: 'daypass.decide',
  answer: 'daypass.answer',
  revoke: 'daypass.revoke',
  signOff: 'daypass.signOff',
  copyConnectionDetails: 'daypass.copyConnectionDetails',
  openDocumentation: 'daypass.openDocumentation',
  refresh: 'daypass.refresh',
} as const;
export type CommandId = (typeof commandIds)[keyof typeof commandIds];

export const viewIds = {
  start: 'daypass.start',
  session: 'daypass.session',
  templates: 'daypass.templates',
  requests: 'daypass.requests',
} as const;

/** Its value is one of `accountContexts`. */
export const accountContextKey = 'daypass.account';
export const accountContexts = {
  starting: 'starting',
  'no broker': 'noBroker',
  'signed out': 'signedOut',
  'signed in': 'signedIn',
} as const;

export const terminalProfileId = 'daypass.production';

/** What a command is about, as views and notifications hand it over; each item of a tree has one of these members. */
export interface About {
  readonly templateId?: string;
  readonly requestId?: string;
  readonly grantId?: string;
}

/** The id that a command was called with; `undefined` from the palette. */
export function idIn(argument: unknown, member: keyof About): string | undefined {
  if (typeof argument !== 'object' || argument === null || !(member in argument)) return undefined;
  const id: unknown = (argument as Record<string, unknown>)[member];
  return typeof id === 'string' ? id : undefined;
}
