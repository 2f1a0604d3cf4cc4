import { isIP } from 'node:net';
import * as z from 'zod';
import { plainText } from '../../contract/values.ts';
import { Channels } from './channels.ts';
import { IdentitySettings } from './identity.ts';
import {
  Address,
  durationBetween,
  File,
  GroupName,
  Host,
  isNetwork,
  Port,
  PostgresName,
  SecretSource,
  SecureUrl,
} from './pieces.ts';
import { ScheduleSettings } from './shifts.ts';

/** `daypass.yaml` as it is written. Descriptions and examples are what editors show; keep them for people. */

const TlsMode = z.enum(['verify-full', 'verify-ca', 'require', 'off']).meta({
  description:
    'verify-full: the certificate must be that of the host. verify-ca: of a trusted authority. require: encrypted, ' +
    'not verified. off: in clear, which people are shown.',
});

const ServerTls = z
  .strictObject({
    mode: TlsMode.default('verify-full'),
    certificate_authority: File.optional().meta({
      description:
        'File (PEM) with the authorities that may vouch for the server; absent: those this machine trusts.',
      examples: ['certificates/shop-ca.pem'],
    }),
  })
  .meta({
    description: 'How the connection is encrypted and verified.',
    examples: [{ mode: 'verify-full' }],
  });

const Login = z.strictObject({
  user: PostgresName.meta({ description: 'Name of the role.', examples: ['daypass_broker'] }),
  password: SecretSource,
});

const Database = z
  .strictObject({
    embedded: File.optional().meta({
      description: 'Folder of a PostgreSQL that the broker starts itself: for one broker on one machine.',
      examples: ['./data'],
    }),
    host: Host.optional().meta({
      description: 'Host of the PostgreSQL server.',
      examples: ['db.shop.example'],
    }),
    port: Port.optional().meta({ description: 'Its port; 5432 unless said.' }),
    name: PostgresName.optional().meta({ description: 'Name of the database.', examples: ['daypass'] }),
    tls: ServerTls.optional(),
    owner: Login.optional().meta({ description: 'The role that owns the tables and migrates them.' }),
    runtime: Login.optional().meta({
      description:
        'The role that the broker works as. It owns nothing, so that the broker cannot rewrite the audit log. ' +
        'Absent: the owner, and /readyz warns.',
    }),
  })
  .meta({
    description:
      'Where the broker keeps its state: { embedded: folder }, or a PostgreSQL server with two roles.',
    examples: [{ embedded: './data' }],
    oneOf: [{ required: ['embedded'] }, { required: ['host', 'name', 'owner'] }],
  });

/** Checked beside the schema: a key that zod refuses would hide what is wrong under it. */
export const targetId = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

const HostAddress = z
  .string()
  .refine((text) => isIP(text) !== 0, 'should be an IP address.')
  .meta({
    description: 'IP address to connect to instead of looking the host up.',
    examples: ['10.0.3.7'],
  });

const Replica = z.strictObject({
  host: Host.meta({
    description: 'Host where the broker reaches it.',
    examples: ['shop-replica.internal'],
  }),
  hostaddr: HostAddress.optional(),
  port: Port.default(5432).meta({ description: 'Port where the broker reaches it.' }),
  tls: ServerTls.optional().meta({ description: 'Absent: as for the target itself.' }),
});

const Target = z.strictObject({
  title: plainText({ min: 1, max: 60 }).meta({ description: 'What people call it.', examples: ['Shop'] }),
  kind: z.enum(['postgresql']).meta({ description: 'What kind of system it is.' }),
  host: Host.meta({ description: 'Host where the broker reaches it.', examples: ['shop-db.internal'] }),
  hostaddr: HostAddress.optional(),
  port: Port.default(5432).meta({ description: 'Port where the broker reaches it.' }),
  database: PostgresName.meta({ description: 'The database that people work in.', examples: ['shop'] }),
  tls: ServerTls.optional(),
  login: Login.meta({ description: 'The broker’s own login; `daypass target setup` prints what it needs.' }),
  replicas: z
    .array(Replica)
    .max(20)
    .default([])
    .meta({
      description:
        'Its standbys that people can read from. Logins are the same there: an end is confirmed once it is proven on each.',
      examples: [[{ host: 'shop-replica.internal' }]],
    }),
  advertised: z
    .strictObject({
      host: Host.meta({ description: 'Host for people’s machines.' }),
      port: Port.default(5432),
    })
    .optional()
    .meta({ description: 'Where people’s machines reach it, if that is another address than the broker’s.' }),
});

export const Settings = z
  .strictObject({
    listen: Address.default('127.0.0.1:8443').meta({ description: 'Where the broker listens.' }),
    tls: z
      .strictObject({
        certificate: File.meta({ description: 'Certificate chain, PEM.', examples: ['tls/access.crt'] }),
        key: File.meta({ description: 'Its private key, PEM.', examples: ['tls/access.key'] }),
      })
      .optional()
      .meta({ description: 'Certificate of the broker; needed unless it listens on this machine only.' }),
    trusted_proxies: z
      .array(
        z
          .string()
          .refine(
            isNetwork,
            'should be an IP address or a network, like 10.0.3.7 or 10.0.0.0/8, and not every address.',
          ),
      )
      .default([])
      .meta({
        description:
          'Proxies in front of the broker, whose X-Forwarded-For is believed. Absent: nobody’s is, and every call counts ' +
          'as one of the address that it comes from.',
        examples: [['10.0.3.7']],
      }),
    limits: z
      .strictObject({
        person: z.int().min(60).max(10_000_000).default(1_200).meta({
          description: 'Calls a minute of one person, all their windows together.',
        }),
        address: z.int().min(60).max(10_000_000).default(600).meta({
          description: 'Calls a minute from one address whose sign-in does not count.',
        }),
      })
      .prefault({})
      .meta({
        description:
          'How much one broker takes. Ending, revoking and withdrawing are let in ten times more often.',
      }),
    metrics: Address.optional().meta({
      description: 'Where /metrics is served.',
      examples: ['127.0.0.1:9464'],
    }),
    public_url: SecureUrl.meta({
      description: 'The address that people configure in their editor.',
      examples: ['https://access.shop.example'],
    }),
    organisation: z
      .strictObject({
        name: plainText({ min: 1, max: 80 }).meta({ description: 'Shown to people.', examples: ['Shop'] }),
        ask: plainText({ min: 1, max: 200 })
          .optional()
          .meta({ description: 'Whom to ask for access.', examples: ['Ben Roth or #platform'] }),
      })
      .meta({ description: 'Whose broker this is.' }),
    groups: z
      .array(GroupName)
      .min(1)
      .meta({
        description:
          'Every group of the identity provider that templates may name; others are taken for typing errors.',
        examples: [['engineering', 'payments-leads']],
      }),
    identity: IdentitySettings,
    audit: z
      .strictObject({
        by: z
          .array(GroupName)
          .meta({ description: 'Groups whose members may read everything and decide nothing.' }),
      })
      .default({ by: [] })
      .meta({ description: 'Who audits.', examples: [{ by: ['auditors'] }] }),
    database: Database,
    integrity: z
      .strictObject({
        keys: z
          .array(SecretSource)
          .min(1)
          .meta({
            description:
              'Keys of at least 32 characters (openssl rand -base64 32). The first one is used; those after it still ' +
              'count for what was made with them.',
          }),
      })
      .optional()
      .meta({
        description:
          'Keys, kept outside the database, that tell what the broker wrote there from what somebody else did. An embedded ' +
          'database has one of its own unless some are named here; a server needs them.',
        examples: [{ keys: [{ file: '/run/secrets/daypass-integrity' }] }],
      }),
    templates: File.default('templates').meta({ description: 'Folder with the templates.' }),
    targets: z
      .record(z.string(), Target)
      .refine((targets) => Object.keys(targets).length > 0, 'names no target. Add at least one.')
      .meta({
        description: 'The production systems, by a short name that templates use.',
        propertyNames: { pattern: targetId.source, maxLength: 40 },
      }),
    schedules: z
      .record(z.string(), ScheduleSettings)
      .default({})
      .meta({
        description: 'Who is on call when, by a short name that templates use.',
        propertyNames: { pattern: targetId.source, maxLength: 40 },
      }),
    channels: Channels,
    requests: z
      .strictObject({
        answer_within: durationBetween('PT1M', 'PT168H')
          .default('PT12H')
          .meta({ description: 'How long a request waits for an answer before it expires.' }),
        activate_within: durationBetween('PT1M', 'PT24H')
          .default('PT15M')
          .meta({ description: 'How long an approved grant waits for its first terminal before it lapses.' }),
        most_open: z.int().min(1).max(1_000).default(10).meta({
          description: 'How many grants a person may have at once, open or approved and not opened yet.',
        }),
      })
      .prefault({})
      .meta({ description: 'How long things wait, and how many there may be.' }),
  })
  .meta({ title: 'Daypass', description: 'Configuration of a Daypass broker.' });
export type Settings = z.output<typeof Settings>;
