import { isIP } from 'node:net';
import * as z from 'zod';
import { secondsOf, spokenDuration } from '../../contract/durations.ts';
import { Duration, plainText } from '../../contract/values.ts';

/** The values that our files are made of. Messages say what would be right; none repeats what could be a secret. */

export const Host = z
  .string()
  .max(253)
  .refine(
    (text) => isIP(text) !== 0 || /^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$/.test(text),
    'should be one host name or IP address, without a port and without https://.',
  );

export const Port = z.int().min(1).max(65535);

const addressForm = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9_.-]+)):(\d{1,5})$/;

/** Host and port of what `Address` accepts. */
export function addressOf(text: string): { host: string; port: number } {
  const [, six, host, port] = addressForm.exec(text) ?? [];
  return { host: six ?? host ?? '', port: Number(port) };
}

/** `127.0.0.1:8443`, `[::1]:8443` */
export const Address = z
  .string()
  .refine(
    (text) => {
      const port = Number(addressForm.exec(text)?.[3]);
      return port >= 1 && port <= 65535;
    },
    { error: 'should be an address to listen on with a port, like 127.0.0.1:8443 or [::1]:8443.' },
  )
  .meta({ examples: ['127.0.0.1:8443'], pattern: '^(\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9_.-]+):[0-9]{1,5}$' });

/** A name inside PostgreSQL, in the characters that need no quoting in any connection string. */
export const PostgresName = z
  .string()
  .max(63)
  .regex(
    /^[A-Za-z_][A-Za-z0-9_$.@-]*$/,
    'should start with a letter and hold letters, digits and _ $ . @ - only.',
  );

export const File = z
  .string()
  .min(1)
  .max(4096)
  .refine((text) => !text.includes('\0'), 'cannot be a file name.');

export const GroupName = plainText({ min: 1, max: 100 });

/** An IP address, or a network of them in CIDR form; not the network of all addresses. */
export function isNetwork(text: string): boolean {
  const [, address = '', bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address);
  return (
    version !== 0 && (bits === undefined || (Number(bits) >= 1 && Number(bits) <= (version === 4 ? 32 : 128)))
  );
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** An address that may be plain HTTP on loopback only; nothing of it is repeated, it could hold a password. */
export const SecureUrl = z
  .string()
  .max(2000)
  .superRefine((text, context) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    const wrong =
      !url || !/^https?:\/\//.test(text)
        ? 'should be a complete address, like https://access.shop.example.'
        : url.username !== '' || url.password !== ''
          ? 'holds a user name or a password. Remove it from the address.'
          : url.protocol === 'http:' && !isLoopback(url.hostname)
            ? 'should begin with https://. Plain http:// is accepted on this machine (127.0.0.1, localhost) only.'
            : url.hash !== '' || url.search !== ''
              ? 'should have nothing after a ? or #.'
              : undefined;
    if (wrong !== undefined) context.addIssue({ code: 'custom', message: wrong });
  })
  .meta({ pattern: '^https?://[^@?#]+$' });

/** One line, one address: what is joined into a header holds nothing that a header is made of. */
export const MailAddress = z
  .string()
  .max(254)
  .regex(
    /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$/,
    'should be an e-mail address.',
  );

export const SlackId = z
  .string()
  .regex(/^[A-Z0-9]{2,40}$/, 'should be the id of a channel or a person, like C0123456789, not its name.');

/** A duration between two others, in ISO 8601. */
export function durationBetween(shortest: string, longest: string) {
  return Duration.refine(
    (text) => {
      const seconds = secondsOf(text);
      return Number.isNaN(seconds) || (seconds >= secondsOf(shortest) && seconds <= secondsOf(longest));
    },
    `should lie between ${spokenDuration(shortest)} (${shortest}) and ${spokenDuration(longest)} (${longest}).`,
  );
}

/** Where a secret is found. It is never written into the file itself. */
export const SecretSource = z
  .strictObject(
    {
      file: File.optional().meta({ description: 'A file that holds the secret and nothing else.' }),
      env: z
        .string()
        .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'should be the name of an environment variable.')
        .optional()
        .meta({ description: 'Name of an environment variable that holds the secret.' }),
    },
    {
      error: (issue) =>
        issue.code === 'invalid_type' && issue.input !== undefined && issue.input !== null
          ? 'secrets are never written here. Name where it is found: { file: /run/secrets/name } or { env: NAME }.'
          : undefined,
    },
  )
  .refine(({ file, env }) => (file === undefined) !== (env === undefined), {
    error: 'should name one place: { file: /run/secrets/name } or { env: NAME }.',
  })
  .meta({
    description: 'Where the secret is found: a file or an environment variable. Never the secret itself.',
    examples: [{ file: '/run/secrets/daypass' }],
    oneOf: [{ required: ['file'] }, { required: ['env'] }],
  });
