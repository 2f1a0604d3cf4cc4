import type { References } from '../../../src/broker/config/load.ts';

/** What the sandbox's templates refer to, as its `daypass.yaml` says it. */
export const sandboxReferences = {
  groups: ['engineering', 'oncall', 'payments-leads', 'auditors', 'security', 'newcomers'],
  targets: new Map([['shop', { kind: 'postgresql', database: 'shop' }]]),
  schedules: new Map(['payments', 'payments-second'].map((name) => [name, { contacts: new Map() }])),
  channels: new Map([
    [
      'mail',
      {
        kind: 'email',
        name: 'mail',
        title: 'mail',
        reaches: [],
        to: [],
        from: 'daypass@shop.example',
        server: { host: '127.0.0.1', port: 25, tls: 'off' },
      },
    ],
  ]),
} satisfies References;
