import { channel } from 'node:diagnostics_channel';

/** What commits in the broker's own database. */
const inTheStore = [
  'database made',
  'schema begun',
  'schema migrated',
  'installation named',
  'privileges given',
  'person known',
  'request made',
  'request refused',
  'attempt refused',
  'page signed in',
  'page signed out',
  'request decided',
  'request withdrawn',
  'glass broken',
  'request claimed',
  'claim released',
  'message written',
  'request expired',
  'grant ended',
  'grant revoked',
  'grant expired',
  'grant reviewed',
  'lease intended',
  'lease issued',
  'lease not issued',
  'lease ended',
  'leases closing',
  'evidence kept',
  'lease closed',
  'obstacle noted',
  'stranger noted',
  'shifts seen',
  'alarm recorded',
  'events numbered',
  'events logged',
  'keys forgotten',
  'deliveries taken',
  'on call chosen',
  'delivery recorded',
] as const;

/** What is said to a target; whether it changes something there or only looks. */
const atATarget = [
  'state before read',
  'issuing role taken',
  'target clock read',
  'login created',
  'login looked up',
  'issue broken off',
  'logins located',
  'connections ended',
  'logins closed',
  'arrivals looked for',
  'arrival taken on',
  'arrival ended',
  'arrival let go',
  'connections counted',
  'privileges held looked up',
  'privileges taken back',
  'probe prepared',
  'login probed',
  'prepared transactions found',
  'prepared transactions inherited',
  'prepared transaction taken on',
  'prepared transaction rolled back',
  'prepared transaction let go',
  'leftovers located',
  'leftovers lent looked for',
  'leftovers called in',
  'leftovers inherited',
  'leftovers described',
  'leftovers dropped',
  'heir looked up',
  'heir made',
  'leftovers given away',
  'leftovers removed',
  'leftovers listed',
  'leftover dropped',
  'default privileges read',
  'default privileges set back',
  'logins dropped',
  'issues under way looked for',
  'traces looked for',
  'standbys looked for',
  'replica asked',
  'state after read',
  'logins observed',
  'connections listed',
  'target checked',
] as const;

/** What is said to people through a channel. */
const throughAChannel = ['message sent'] as const;

export type StoreStep = (typeof inTheStore)[number];
export type TargetStep = (typeof atATarget)[number];
export type StepName = StoreStep | TargetStep | (typeof throughAChannel)[number];

export const stepNames: readonly StepName[] = [...inTheStore, ...atATarget, ...throughAChannel];

/** What subscribers of the channel `daypass:step` are told, in the moment that it happens. */
export interface StepMessage {
  readonly name: StepName;
  readonly is: 'begun' | 'done' | 'failed';
}

const steps = channel('daypass:step');

/**
 * Does what commits or touches a target, under its name. A broker may die after any step, or in the middle of one: what
 * it leaves is found and settled by whoever looks next. Each name is a point at which that is tried.
 */
export async function step<T>(name: StepName, work: () => Promise<T>): Promise<T> {
  tell({ name, is: 'begun' });
  try {
    const result = await work();
    tell({ name, is: 'done' });
    return result;
  } catch (error) {
    tell({ name, is: 'failed' });
    throw error;
  }
}

function tell(message: StepMessage): void {
  if (steps.hasSubscribers) steps.publish(message);
}
