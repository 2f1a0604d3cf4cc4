import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { databaseOnLoopback } from '../broker/support/database-section.ts';
import { targetNames, type ServerName, type TargetName } from './schedule.ts';

/** Who asks for access: several people, since one person's calls are worked on a few at a time. */
export const requesters = Array.from({ length: 8 }, (_, n) => ({
  id: `engineer-${n}`,
  name: `Engineer ${n}`,
  groups: ['engineering'],
  role: 'Engineer',
  hint: 'Requests access',
}));

export const templateOf = (target: TargetName, approval: boolean) => `${approval ? 'fix' : 'read'}-${target}`;

const template = (target: TargetName, approval: boolean) => `
template: ${templateOf(target, approval)}
title: ${approval ? 'Fix' : 'Read'} orders at the ${target}
summary: ${approval ? 'Update the status of orders.' : 'Look at orders. Change nothing.'}
target: ${target}
scope:
  privileges: [select on sales.orders${approval ? ", 'update (status) on sales.orders'" : ''}]
duration: { default: PT1M, longest: PT1M }
terminals: 3
request: { by: [engineering] }
approve: ${approval ? '{ by: [payments-leads] }' : 'nobody'}
revoke: { by: [payments-leads] }
`;

export interface ConfigurationParts {
  readonly folder: string;
  /** What tokens name as their audience. */
  readonly publicUrl: string;
  readonly issuer: string;
  readonly passwords: Readonly<Record<'owner' | 'runtime' | 'target' | 'integrity', string>>;
  /** Where people's programs reach the targets. */
  readonly advertised: Readonly<Record<TargetName, number>>;
}

/** Writes what all brokers share: templates, and secrets in files. */
export async function writeShared({ folder, passwords }: ConfigurationParts): Promise<void> {
  const templates = join(folder, 'templates');
  await mkdir(templates);
  for (const target of targetNames)
    for (const approval of [true, false])
      await writeFile(join(templates, `${templateOf(target, approval)}.yaml`), template(target, approval));
  for (const [name, text] of Object.entries(passwords)) {
    const file = secretFile(folder, name);
    await writeFile(file, text, { mode: 0o600 });
    await chmod(file, 0o600);
  }
}

/** Where a broker reads one of its secrets. */
export const secretFile = (folder: string, name: string) => join(folder, `${name}.secret`);

/**
 * Writes `daypass.yaml` of one broker, which reaches everything over links of its own.
 * @param ports of its own, and of its links
 * @returns the file's path
 */
export async function writeConfiguration(
  parts: ConfigurationParts,
  name: string,
  ports: Readonly<Record<ServerName | 'listen', number>>,
): Promise<string> {
  const { folder, publicUrl, issuer, advertised } = parts;
  const targets = targetNames.map(
    (target) => `
  ${target}:
    title: ${target}
    kind: postgresql
    host: 127.0.0.1
    port: ${ports[target]}
    database: ${target}
    tls: { mode: off }
    login: { user: daypass_broker, password: { file: ./target.secret } }
    advertised: { host: 127.0.0.1, port: ${advertised[target]} }`,
  );
  const file = join(folder, `${name}.yaml`);
  await writeFile(
    file,
    `
listen: 127.0.0.1:${ports.listen}
public_url: ${publicUrl}
organisation: { name: Shop }
groups: [engineering, oncall, payments-leads, auditors, security, newcomers]
identity:
  issuer: ${issuer}
  audience: ${publicUrl}
  clients: [daypass-vscode]
audit: { by: [auditors] }
${databaseOnLoopback({
  port: ports.store,
  name: 'daypass',
  secrets: { owner: './owner.secret', runtime: './runtime.secret', integrity: './integrity.secret' },
})}
templates: ./templates
requests: { most_open: 1000 }
limits: { person: 10000000, address: 10000000 }
targets:${targets.join('')}
`,
  );
  return file;
}
