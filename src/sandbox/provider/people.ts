/** An account at the sandbox's identity provider. */
export interface Person {
  /** The subject (`sub`) in tokens. */
  readonly id: string;
  readonly name: string;
  readonly groups: readonly string[];
  /** What somebody who tries Daypass plays as this person, for the sign-in page. */
  readonly role: string;
  readonly hint: string;
}

export const ana: Person = {
  id: 'ana',
  name: 'Ana Lima',
  groups: ['engineering', 'oncall'],
  role: 'Engineer',
  hint: 'Request access and work in production',
};

export const ben: Person = {
  id: 'ben',
  name: 'Ben Roth',
  groups: ['engineering', 'payments-leads'],
  role: 'Lead',
  hint: 'Approve or deny what others ask for',
};

export const carol: Person = {
  id: 'carol',
  name: 'Carol Weiss',
  groups: ['auditors'],
  role: 'Auditor',
  hint: 'Read everything, decide nothing',
};

export const dan: Person = {
  id: 'dan',
  name: 'Dan Okoye',
  groups: ['newcomers'],
  role: 'New colleague',
  hint: 'See what somebody without access sees',
};

export const eva: Person = {
  id: 'eva',
  name: 'Eva Lang',
  groups: ['engineering', 'payments-leads'],
  role: 'Second lead',
  hint: 'Told when Ben does not answer',
};

export const people: readonly Person[] = [ana, ben, eva, carol, dan];
