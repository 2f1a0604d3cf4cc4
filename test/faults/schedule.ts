/**
 * From a seed, what goes wrong and what people do, in lanes that run side by side. Pure: the same seed gives the same
 * schedule. When exactly each fault falls is the machine's timing: a fault waits for an operation to fall into.
 */
import type { StepName } from '../../src/broker/step.ts';
import { randomOf, type Random } from './random.ts';

export const brokerNames = ['one', 'two'] as const;
export type BrokerName = (typeof brokerNames)[number];
export const targetNames = ['shop', 'depot'] as const;
export type TargetName = (typeof targetNames)[number];
/** Where a broker's connections lead. */
export type ServerName = 'store' | TargetName;
export const serverNames: readonly ServerName[] = ['store', ...targetNames];

/** What happens to a connection between a broker and a server, in the middle of an exchange. */
export type LinkFault = { readonly afterMs: number } & (
  | { readonly kind: 'cut, question lost' | 'cut, answer lost' | 'cut, all connections' }
  | {
      readonly kind: 'delayed' | 'held half open' | 'held, then delivered late';
      readonly direction: 'to the server' | 'to the broker' | 'both ways';
      readonly forMs: number;
    }
  | {
      /** The statements that make a login arrive when whoever sent them has given them up. */
      readonly kind: 'issue held, then delivered late';
      readonly direction: 'to the server' | 'both ways';
      readonly forMs: number;
    }
);

/** What happens to a call of a person's program on its way. */
export type CallFault = { readonly afterMs: number } & (
  | {
      readonly kind:
        | 'call cut, question lost'
        | 'call cut, answer lost'
        | 'call duplicated'
        | 'call duplicated at the other broker'
        | 'call reordered';
    }
  | { readonly kind: 'call delayed' | 'answer to a call delayed'; readonly forMs: number }
);

/** At what moment of a broker's work. */
export interface Moment {
  readonly step: StepName;
  readonly is: 'begun' | 'done';
}

/** What happens to a broker. */
export type BrokerFault = { readonly afterMs: number } & (
  | { readonly kind: 'broker killed' }
  | { readonly kind: 'broker killed at a step'; readonly at: Moment }
  | { readonly kind: 'broker stopped for a while'; readonly at: Moment; readonly forMs: number }
  | {
      readonly kind: 'broker paused in the middle of a cut' | 'broker paused in the middle of an issue';
      readonly at: Moment;
      readonly forMs: number;
    }
  | { readonly kind: 'clock jumped'; readonly byMs: number }
);

/** What happens to a server. */
export type ServerFault = { readonly afterMs: number } & (
  | {
      readonly kind: 'database restarted' | 'target restarted';
      readonly server: ServerName;
      /** `SIGINT`: in order; `SIGQUIT`: at once, as in a crash. */
      readonly by: 'SIGINT' | 'SIGQUIT';
      readonly awayMs: number;
    }
  | { readonly kind: 'database failed over' }
  | { readonly kind: 'target failed over'; readonly target: TargetName }
  | { readonly kind: 'disk of the database full'; readonly forMs: number }
  | {
      readonly kind: 'slow target';
      readonly target: TargetName;
      readonly byMs: number;
      readonly forMs: number;
    }
  | { readonly kind: 'target busy with a lock'; readonly target: TargetName; readonly forMs: number }
);

export type Fault = LinkFault | CallFault | BrokerFault | ServerFault;
export type FaultKind = Fault['kind'];

/** What one person does with one access. */
export interface Life {
  readonly target: TargetName;
  /** Somebody must approve. */
  readonly approval: boolean;
  readonly course: 'ends' | 'expires' | 'is revoked' | 'closes its terminals' | 'is denied' | 'withdraws';
  readonly seconds: number;
  readonly terminals: number;
  readonly useMs: number;
  /** Which broker each call goes to first; used in turn. */
  readonly brokers: readonly BrokerName[];
}

export interface Schedule {
  readonly links: ReadonlyMap<BrokerName, ReadonlyMap<ServerName, readonly LinkFault[]>>;
  readonly calls: ReadonlyMap<BrokerName, readonly CallFault[]>;
  readonly brokers: ReadonlyMap<BrokerName, readonly BrokerFault[]>;
  readonly servers: readonly ServerFault[];
  /** What the person of a lane does the n-th time. */
  life(lane: number, n: number): Life;
}

/** How many faults each lane holds. */
export interface Size {
  readonly perLink: number;
  readonly perCalls: number;
  readonly perBroker: number;
  readonly servers: number;
  /** How long a broker that is paused in the middle of a cut or an issue stays so, in ms. */
  readonly pauseMs: number;
}

/** Longer than the longest that anything waits for, which is twice the time that an issue may take. */
const longerThanEverythingMs = 65_000;
/** What a seed holds unless told: a little over a thousand. */
export const wholeSize: Size = {
  perLink: 110,
  perCalls: 200,
  perBroker: 24,
  servers: 16,
  pauseMs: longerThanEverythingMs,
};
/** What CI has time for; a pause that is longer only than another broker is left alone with an end. */
export const smallSize: Size = { perLink: 8, perCalls: 16, perBroker: 3, servers: 7, pauseMs: 12_000 };

/** In ms: longer than an answer of a target is waited for, than one of the store. */
const longerThanAnswersMs = { shop: 7_000, depot: 7_000, store: 22_000 } as const;
/** Around the time after which a login is not made any more, and after which nobody expects one; in ms. */
const lateMs = [5_000, 30_000] as const;

export function scheduleOf(seed: number, size: Size = wholeSize): Schedule {
  const lane = <T>(name: string, count: number, make: (random: Random, n: number) => T): readonly T[] => {
    const random = randomOf(seed, name);
    return Array.from({ length: count }, (_, n) => make(random, n));
  };
  const perBroker = <T>(make: (broker: BrokerName) => T) =>
    new Map(brokerNames.map((name) => [name, make(name)] as const));
  // Of two brokers, one is paused for long in each seed, by turns in the middle of one thing and of the other.
  const paused = brokerNames[Math.floor(seed / 2) % 2];
  const pause = seed % 2 === 0 ? pausedInACut : pausedInAnIssue;
  return {
    links: perBroker(
      (broker) =>
        new Map(
          serverNames.map((server) => [
            server,
            lane(`link ${broker} ${server}`, size.perLink, (random) => linkFault(random, server)),
          ]),
        ),
    ),
    calls: perBroker((broker) => lane(`calls ${broker}`, size.perCalls, callFault)),
    brokers: perBroker((broker) =>
      lane(`broker ${broker}`, size.perBroker, (random, n) =>
        n === Math.min(1, size.perBroker - 1) && broker === paused
          ? pause(random, size.pauseMs)
          : brokerFault(random),
      ),
    ),
    servers: inEveryKind(lane('servers', size.servers, serverFault), randomOf(seed, 'every kind')),
    life: (one, n) => lifeOf(randomOf(seed, `life ${one} ${n}`)),
  };
}

function linkFault(random: Random, server: ServerName): LinkFault {
  const afterMs = random.between(0, 400);
  const direction = random.pick(['to the server', 'to the broker', 'both ways'] as const);
  if (random.inHundred(2))
    return { kind: 'held half open', direction, forMs: longerThanAnswersMs[server], afterMs };
  if (random.inHundred(server === 'store' ? 2 : 4)) return late(random, server, { direction, afterMs });
  if (random.inHundred(40)) return { kind: 'delayed', direction, forMs: random.between(20, 1_200), afterMs };
  if (random.inHundred(15)) return { kind: 'cut, all connections', afterMs };
  return { kind: random.pick(['cut, question lost', 'cut, answer lost'] as const), afterMs };
}

function late(
  random: Random,
  server: ServerName,
  { direction, afterMs }: Pick<Extract<LinkFault, { direction: unknown }>, 'direction' | 'afterMs'>,
): LinkFault {
  const forMs = random.between(...lateMs);
  return server === 'store' || direction === 'to the broker'
    ? { kind: 'held, then delivered late', direction, forMs, afterMs }
    : { kind: 'issue held, then delivered late', direction, forMs, afterMs };
}

function callFault(random: Random): CallFault {
  const afterMs = random.between(0, 150);
  const kind = random.pick([
    'call cut, question lost',
    'call cut, answer lost',
    'call duplicated',
    'call duplicated at the other broker',
    'call reordered',
    'call delayed',
    'answer to a call delayed',
  ] as const);
  if (kind === 'call delayed' || kind === 'answer to a call delayed')
    return { kind, forMs: random.between(50, 2_000), afterMs };
  return { kind, afterMs };
}

/** Steps that ordinary accesses take; those of a start and of rare states of things would be waited for in vain. */
const usual: readonly StepName[] = [
  'request made',
  'request decided',
  'request withdrawn',
  'grant ended',
  'grant revoked',
  'grant expired',
  'lease intended',
  'lease issued',
  'lease ended',
  'leases closing',
  'evidence kept',
  'lease closed',
  'obstacle noted',
  'events numbered',
  'login created',
  'logins located',
  'connections ended',
  'logins closed',
  'arrivals looked for',
  'connections counted',
  'privileges held looked up',
  'probe prepared',
  'login probed',
  'prepared transactions found',
  'leftovers located',
  'logins dropped',
  'traces looked for',
  'standbys looked for',
];
const cutting = ['connections ended', 'logins closed', 'leases closing'] as const;

const momentOf = (random: Random, steps: readonly StepName[]): Moment => ({
  step: random.pick(steps),
  is: random.pick(['begun', 'done'] as const),
});

function brokerFault(random: Random): BrokerFault {
  const afterMs = random.between(200, 2_500);
  if (random.inHundred(15)) return { kind: 'broker killed', afterMs };
  if (random.inHundred(50)) return { kind: 'broker killed at a step', at: momentOf(random, usual), afterMs };
  if (random.inHundred(50))
    return {
      kind: 'broker stopped for a while',
      at: momentOf(random, random.inHundred(30) ? cutting : usual),
      forMs: random.between(500, 8_000),
      afterMs,
    };
  const size = random.pick([900, 20_000, 70_000, 3_600_000]);
  return { kind: 'clock jumped', byMs: random.pick([-1, 1]) * random.between(size / 2, size), afterMs };
}

const pausedInACut = (random: Random, forMs: number): BrokerFault => ({
  kind: 'broker paused in the middle of a cut',
  at: { step: random.pick(cutting), is: 'begun' },
  forMs,
  afterMs: 0,
});

const pausedInAnIssue = (random: Random, forMs: number): BrokerFault => ({
  kind: 'broker paused in the middle of an issue',
  at: random.pick<Moment>([
    { step: 'lease intended', is: 'done' },
    { step: 'login created', is: 'begun' },
    { step: 'login created', is: 'done' },
    { step: 'lease issued', is: 'begun' },
  ]),
  forMs,
  afterMs: 0,
});

const serverKinds = [
  (random: Random, afterMs: number): ServerFault => ({
    kind: 'database restarted',
    server: 'store',
    by: random.pick(['SIGINT', 'SIGQUIT'] as const),
    awayMs: random.between(0, 3_000),
    afterMs,
  }),
  (random: Random, afterMs: number): ServerFault => ({
    kind: 'target restarted',
    server: random.pick(targetNames),
    by: random.pick(['SIGINT', 'SIGQUIT'] as const),
    awayMs: random.between(0, 3_000),
    afterMs,
  }),
  (_random: Random, afterMs: number): ServerFault => ({ kind: 'database failed over', afterMs }),
  (random: Random, afterMs: number): ServerFault => ({
    kind: 'target failed over',
    target: random.pick(targetNames),
    afterMs,
  }),
  (random: Random, afterMs: number): ServerFault => ({
    kind: 'disk of the database full',
    forMs: random.between(500, 2_500),
    afterMs,
  }),
  (random: Random, afterMs: number): ServerFault => ({
    kind: 'slow target',
    target: random.pick(targetNames),
    byMs: random.between(50, 800),
    forMs: random.between(1_000, 5_000),
    afterMs,
  }),
  (random: Random, afterMs: number): ServerFault => ({
    kind: 'target busy with a lock',
    target: random.pick(targetNames),
    forMs: random.between(500, 4_000),
    afterMs,
  }),
];

const serverFault = (random: Random): ServerFault =>
  random.pick(serverKinds)(random, random.between(500, 4_000));

/** The first ones are one of each kind, in an order of the seed's. */
function inEveryKind(faults: readonly ServerFault[], random: Random): readonly ServerFault[] {
  const kinds = [...serverKinds];
  return faults.map((fault) => {
    const [kind] = kinds.splice(random.between(0, kinds.length - 1), 1);
    return kind ? kind(random, fault.afterMs) : fault;
  });
}

function lifeOf(random: Random): Life {
  const approval = random.inHundred(35);
  const courses = approval
    ? (['ends', 'expires', 'is revoked', 'closes its terminals', 'is denied', 'withdraws'] as const)
    : (['ends', 'expires', 'expires', 'is revoked', 'closes its terminals'] as const);
  const course = random.pick<Life['course']>(courses);
  return {
    target: random.pick(targetNames),
    approval,
    course,
    seconds: course === 'expires' ? random.between(1, 5) : random.between(3, 20),
    terminals: random.between(1, 3),
    useMs: random.between(0, 1_200),
    brokers: Array.from({ length: 8 }, () => random.pick(brokerNames)),
  };
}
