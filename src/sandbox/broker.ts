import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { startChild, runToEnd, type Child } from './child.ts';
import { deviceClient, pagesClient, vscodeClient } from './provider/configuration.ts';
import { shopBroker, type Shop } from './shop/shop.ts';
import { telling } from './telling.ts';

export interface BrokerOptions {
  /** For the configuration, its secrets and the broker's database. */
  readonly folder: string;
  readonly port: number;
  readonly metricsPort: number;
  readonly issuer: string;
  /** Of the client of the broker's pages at the provider. */
  readonly pagesSecret: string;
  readonly shop: Shop;
  /** How it hands mail in. */
  readonly mail: { readonly port: number; readonly user: string; readonly password: string };
  /** The folder with the templates. */
  readonly templates: string;
  /** How the broker's command is run: a program and its first words. */
  readonly command: readonly [string, ...string[]];
  readonly environment: NodeJS.ProcessEnv;
}

export interface Broker {
  readonly url: string;
  readonly configuration: string;
  readonly log: string;
  readonly child: Child;
  stop(): Promise<void>;
}

const startDeadlineMs = 60_000;
const stopGraceMs = 20_000;

/** The real broker, as people run it: `daypass serve`, its target prepared by what `daypass target setup` prints. */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const { folder, port, shop, environment } = options;
  const url = `http://127.0.0.1:${port}`;
  const configuration = await writeConfiguration(options, url);
  const [program, ...first] = options.command;

  const setup = await runToEnd(
    program,
    [...first, 'target', 'setup', 'shop', '--config', configuration.file],
    { environment },
  );
  await shop.run(setup);
  await shop.run(`alter role ${shopBroker} password '${configuration.password}'`);

  const log = join(folder, 'broker.log');
  const child = await startChild(program, [...first, 'serve', '--config', configuration.file], {
    environment,
    log,
  });
  await ready(url, child);
  return { url, configuration: configuration.file, log, child, stop: () => child.stop(stopGraceMs) };
}

async function writeConfiguration(
  options: BrokerOptions,
  url: string,
): Promise<{ file: string; password: string }> {
  const { folder, port, metricsPort, issuer, pagesSecret, shop, mail, templates } = options;
  await mkdir(folder, { recursive: true });
  const password = randomBytes(24).toString('base64url');
  const passwordFile = join(folder, 'shop-password');
  await writeFile(passwordFile, password, { mode: 0o600 });
  const authorityFile = join(folder, 'shop-authority.pem');
  await writeFile(authorityFile, shop.server.certificateAuthority, { mode: 0o600 });
  const pagesSecretFile = join(folder, 'pages-secret');
  await writeFile(pagesSecretFile, pagesSecret, { mode: 0o600 });
  const mailPasswordFile = join(folder, 'mail-password');
  await writeFile(mailPasswordFile, mail.password, { mode: 0o600 });
  const file = join(folder, 'daypass.yaml');
  const settings = {
    listen: `127.0.0.1:${port}`,
    public_url: url,
    metrics: `127.0.0.1:${metricsPort}`,
    organisation: { name: 'Shop', ask: 'Ben Roth or #platform' },
    groups: ['engineering', 'oncall', 'payments-leads', 'auditors', 'security', 'newcomers'],
    identity: {
      issuer,
      clients: [vscodeClient],
      device_client: deviceClient,
      pages_client: { id: pagesClient, secret: { file: pagesSecretFile } },
      groups_claim: 'groups',
      // Everybody has one account there.
      person_claim: 'sub',
    },
    audit: { by: ['auditors'] },
    database: { embedded: join(folder, 'database') },
    templates,
    ...telling({ port: mail.port, user: mail.user, passwordFile: mailPasswordFile }),
    targets: {
      shop: {
        title: 'Shop',
        kind: 'postgresql',
        // Its certificate is for the name; the address keeps other programs on this port out of the way.
        host: 'localhost',
        hostaddr: shop.host,
        port: shop.port,
        database: shop.database,
        tls: { mode: 'verify-full', certificate_authority: authorityFile },
        login: { user: shopBroker, password: { file: passwordFile } },
      },
    },
  };
  await writeFile(file, stringify(settings), { mode: 0o600 });
  return { file, password };
}

async function ready(url: string, child: Child): Promise<void> {
  const deadline = Date.now() + startDeadlineMs;
  while (!child.hasEnded() && Date.now() < deadline) {
    try {
      const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2000) });
      if (response.ok) return;
    } catch {
      // Not listening yet.
    }
    await sleep(50);
  }
  await child.stop(0);
  throw new Error(`The broker did not start. It said:\n${await child.said()}`);
}
