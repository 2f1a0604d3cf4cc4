import * as z from 'zod';
import type { Secret } from '../../contract/secret.ts';
import { plainText } from '../../contract/values.ts';
import type { ServerTls } from './config.ts';
import {
  File,
  GroupName,
  Host,
  isLoopback,
  MailAddress,
  Port,
  SecretSource,
  SecureUrl,
  SlackId,
} from './pieces.ts';
import type { Path } from './problem.ts';
import type { Report } from './report.ts';
import { noSecret } from './secrets.ts';

/** `channels:` of `daypass.yaml`: how people are told of what waits for them, and whom each way reaches. */

const common = {
  title: plainText({ min: 1, max: 60 })
    .optional()
    .meta({
      description: 'Whom it reaches, as those who wait for them are shown it; absent: its name.',
      examples: ['Ben Roth'],
    }),
  reaches: z
    .array(GroupName)
    .default([])
    .meta({
      description: 'Groups whose members it reaches. Templates may name such a group instead of the channel.',
      examples: [['payments-leads']],
    }),
};

const Webhook = z.strictObject({
  kind: z
    .literal('webhook')
    .meta({ description: 'A signed call of a service of yours (Standard Webhooks).' }),
  ...common,
  url: SecureUrl.meta({
    description: 'What is called. Redirects are not followed.',
    examples: ['https://hooks.shop.example/daypass'],
  }),
  secrets: z
    .array(SecretSource)
    .min(1)
    .max(5)
    .meta({
      description:
        'Secrets that each call is signed with: whsec_ and 24 to 64 bytes in base64. Several while one is replaced.',
      examples: [[{ file: '/run/secrets/daypass-webhook' }]],
    }),
});

const Slack = z.strictObject({
  kind: z.literal('slack').meta({ description: 'A message in Slack, changed once somebody has taken it.' }),
  ...common,
  channel: SlackId.optional().meta({
    description: 'Id of the channel or the person; absent: it reaches whoever is on call and nobody else.',
    examples: ['C0123456789'],
  }),
  token: SecretSource.meta({
    description: 'Where the bot token is found (xoxb-…). It needs the scope chat:write and nothing else.',
    examples: [{ file: '/run/secrets/daypass-slack' }],
  }),
  api: SecureUrl.default('https://slack.com/api').meta({
    description: 'The Web API; Slack’s own unless said.',
  }),
});

const Email = z.strictObject({
  kind: z.literal('email').meta({ description: 'A message by e-mail; what follows stays in its thread.' }),
  ...common,
  to: z
    .array(MailAddress)
    .min(1)
    .max(20)
    .optional()
    .meta({
      description: 'Whom it goes to; absent: to whoever is on call and nobody else.',
      examples: [['payments-leads@shop.example']],
    }),
  from: MailAddress.meta({ description: 'Whom it comes from.', examples: ['daypass@shop.example'] }),
  server: z
    .strictObject({
      host: Host.meta({ description: 'The mail server.', examples: ['smtp.shop.example'] }),
      port: Port.optional().meta({ description: 'Its port; 587 unless said, 465 with implicit TLS.' }),
      tls: z.enum(['starttls', 'implicit', 'off']).default('starttls').meta({
        description:
          'starttls: encrypted before anything is said. implicit: encrypted from the first byte (465). off: in clear, on this machine only.',
      }),
      certificate_authority: File.optional().meta({
        description:
          'File (PEM) with the authorities that may vouch for it; absent: those this machine trusts.',
      }),
      login: z
        .strictObject({
          user: z.string().min(1).max(255).meta({ description: 'Who the broker is there.' }),
          password: SecretSource,
        })
        .optional()
        .meta({ description: 'Absent: it takes mail from this machine without a login.' }),
    })
    .meta({ description: 'The server that takes the mail.', examples: [{ host: 'smtp.shop.example' }] }),
});

/** Checked beside the schema, as the ids of targets are. */
const channelName = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

export const Channels = z
  .record(z.string(), z.discriminatedUnion('kind', [Webhook, Slack, Email]))
  .default({})
  .meta({
    description: 'How people are told of what waits for them, by a short name that templates use.',
    propertyNames: { pattern: channelName.source, maxLength: 40 },
    examples: [
      { 'payments-slack': { kind: 'slack', channel: 'C0123456789', token: { file: '/run/secrets/slack' } } },
    ],
  });
type Written = z.output<typeof Channels>[string];

interface Common {
  readonly name: string;
  /** Whom it reaches, for people to read. */
  readonly title: string;
  /** Groups whose members it reaches. */
  readonly reaches: readonly string[];
}

export interface WebhookConfig extends Common {
  readonly kind: 'webhook';
  readonly url: string;
  /** Each signs every call. */
  readonly secrets: readonly Secret[];
}

export interface SlackConfig extends Common {
  readonly kind: 'slack';
  /** Absent: it reaches nobody but whom a step names. */
  readonly channel?: string;
  readonly token: Secret;
  /** Without a slash at its end. */
  readonly api: string;
}

export interface EmailConfig extends Common {
  readonly kind: 'email';
  /** Empty: it reaches nobody but whom a step names. */
  readonly to: readonly string[];
  readonly from: string;
  readonly server: {
    readonly host: string;
    readonly port: number;
    readonly tls: 'starttls' | 'implicit' | 'off';
    /** PEM; absent: the authorities that this machine trusts. */
    readonly certificateAuthority?: string;
    readonly login?: { readonly user: string; readonly password: Secret };
  };
}

export type ChannelConfig = WebhookConfig | SlackConfig | EmailConfig;

/** How one person is reached, by the kind of a channel. */
export interface Reached {
  readonly email?: string;
  readonly slack?: string;
}

/** Whether a channel reaches a person by what is known of them. A webhook is told who it is for. */
export function reaches({ kind }: Pick<ChannelConfig, 'kind'>, person: Reached): boolean {
  return kind === 'webhook' || person[kind] !== undefined;
}

/** Whether a channel reaches somebody of whom a step says nothing. */
export function hasAddress(channel: ChannelConfig): boolean {
  switch (channel.kind) {
    case 'webhook':
      return true;
    case 'slack':
      return channel.channel !== undefined;
    case 'email':
      return channel.to.length > 0;
  }
}

/** What one key says about another; reported, nothing returned. */
export function checkChannels(
  channels: Readonly<Record<string, Written>>,
  groups: readonly string[],
  report: Report,
  unknownGroup: (group: string, known: readonly string[]) => string,
): void {
  for (const [name, channel] of Object.entries(channels)) {
    const path = ['channels', name];
    if (!channelName.test(name) || name.length > 40)
      report.isWrong(path, 'should be called by lower-case words joined by hyphens, like payments-slack.');
    if (groups.includes(name))
      report.isWrong(
        path,
        'is the name of a group too. Call it by its kind as well, like payments-leads-slack.',
      );
    for (const [at, group] of channel.reaches.entries())
      if (!groups.includes(group)) report.isWrong([...path, 'reaches', at], unknownGroup(group, groups));
    const missing = channel.reaches.length > 0 ? missingAddress(channel) : undefined;
    if (missing !== undefined)
      report.isWrong([...path, 'reaches'], `says whom it reaches. Say where, too: "${missing}" is missing.`);
    if (channel.kind === 'email' && channel.server.tls === 'off' && !isLoopback(channel.server.host))
      report.isWrong(
        [...path, 'server', 'tls'],
        `would send requests and a password in clear to ${channel.server.host}. Use starttls or implicit.`,
      );
  }
}

/** The key that would say where a channel leads, where it was left out. */
function missingAddress(channel: Written): string | undefined {
  if (channel.kind === 'slack' && channel.channel === undefined) return 'channel';
  return channel.kind === 'email' && channel.to === undefined ? 'to' : undefined;
}

export interface Resolving {
  readonly secret: (source: z.output<typeof SecretSource>, path: Path) => Promise<Secret>;
  readonly authority: (
    tls: { mode: 'verify-full'; certificate_authority?: string },
    path: Path,
  ) => Promise<ServerTls>;
  readonly wrong: (path: Path, words: string) => void;
}

/** A channel with its secrets. */
export async function channelOf(name: string, written: Written, given: Resolving): Promise<ChannelConfig> {
  const path = ['channels', name];
  const { title = name, reaches } = written;
  const common = { name, title, reaches };
  switch (written.kind) {
    case 'webhook': {
      const secrets: Secret[] = [];
      for (const [at, source] of written.secrets.entries()) {
        const secret = await given.secret(source, [...path, 'secrets', at]);
        if (secret !== noSecret && !isWebhookSecret(secret))
          given.wrong(
            [...path, 'secrets', at],
            'is no webhook secret: whsec_ and 24 to 64 bytes in base64. Make one: echo "whsec_$(openssl rand -base64 32)"',
          );
        secrets.push(secret);
      }
      return { kind: 'webhook', ...common, url: written.url, secrets };
    }
    case 'slack':
      return {
        kind: 'slack',
        ...common,
        ...(written.channel === undefined ? {} : { channel: written.channel }),
        token: await given.secret(written.token, [...path, 'token']),
        api: written.api.replace(/\/+$/, ''),
      };
    case 'email': {
      const { host, tls, login, certificate_authority: authority } = written.server;
      const { certificateAuthority } = await given.authority(
        { mode: 'verify-full', ...(authority === undefined ? {} : { certificate_authority: authority }) },
        [...path, 'server'],
      );
      return {
        kind: 'email',
        ...common,
        to: written.to ?? [],
        from: written.from,
        server: {
          host,
          tls,
          port: written.server.port ?? (tls === 'implicit' ? 465 : 587),
          ...(certificateAuthority === undefined ? {} : { certificateAuthority }),
          ...(login
            ? {
                login: {
                  user: login.user,
                  password: await given.secret(login.password, [...path, 'server', 'login', 'password']),
                },
              }
            : {}),
        },
      };
    }
  }
}

/** Standard Webhooks, "Signature scheme": base64 of 24 to 64 bytes behind `whsec_`. */
function isWebhookSecret(secret: Secret): boolean {
  const [, text = ''] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret.reveal()) ?? [];
  const { length } = Buffer.from(text, 'base64');
  return length >= 24 && length <= 64;
}
