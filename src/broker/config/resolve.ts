import { dirname, resolve } from 'node:path';
import { secondsOf } from '../../contract/durations.ts';
import { Secret } from '../../contract/secret.ts';
import { authorityIn, certificateFiles } from './certificates.ts';
import { channelOf, type ChannelConfig } from './channels.ts';
import type {
  CalendarConfig,
  Config,
  Contact,
  DatabaseConfig,
  Login,
  PagesClient,
  ScheduleConfig,
  ServerTls,
  TargetConfig,
  WrittenShift,
} from './config.ts';
import { addressOf } from './pieces.ts';
import { spokenProblem, type Path } from './problem.ts';
import type { Report } from './report.ts';
import { findSecret, noSecret, type Environment } from './secrets.ts';
import type { Settings } from './settings.ts';
import { addressProblem, shiftMoment } from './shifts.ts';

interface Context {
  /** Folder of the file: what relative paths are relative to. */
  readonly folder: string;
  readonly environment: Environment;
  readonly report: Report;
}

/**
 * Settings of a valid shape with everything that they name: absolute paths, secrets, certificates.
 * Whatever is not to be had is reported, and its place in the result then holds nothing of use.
 */
export async function resolveSettings(
  file: string,
  settings: Settings,
  environment: Environment,
  report: Report,
): Promise<Config> {
  const context: Context = { folder: dirname(file), environment, report };
  const { identity, organisation, requests } = settings;
  const { clients } = identity;
  const [editor = '', ...others] = clients;
  const pagesClient = identity.pages_client && (await pagesClientOf(identity.pages_client, context));
  const publicUrl = new URL(settings.public_url).origin;
  const tls = settings.tls && (await certificateFiles(settings.tls, context));
  const database = await databaseOf(settings.database, context);
  const keys = await integrityKeys(settings.integrity?.keys ?? [], context);
  const targets = new Map<string, TargetConfig>();
  for (const [id, target] of Object.entries(settings.targets))
    targets.set(id, await targetOf(id, target, context));
  const schedules = new Map<string, ScheduleConfig>();
  for (const [name, schedule] of Object.entries(settings.schedules))
    schedules.set(name, await scheduleOf(name, schedule, context));
  const channels = new Map<string, ChannelConfig>();
  for (const [name, channel] of Object.entries(settings.channels))
    channels.set(
      name,
      await channelOf(name, channel, {
        secret: (source, path) => secretOf(source, path, context),
        authority: (tls, path) => tlsOf(tls, path, context),
        wrong: (path, words) => report.isWrong(path, words),
      }),
    );
  return {
    file,
    listen: addressOf(settings.listen),
    trustedProxies: settings.trusted_proxies,
    limits: settings.limits,
    ...(tls ? { tls } : {}),
    ...(settings.metrics === undefined ? {} : { metrics: addressOf(settings.metrics) }),
    publicUrl,
    organisation: {
      name: organisation.name,
      ...(organisation.ask === undefined ? {} : { ask: organisation.ask }),
    },
    groups: settings.groups,
    identity: {
      issuer: identity.issuer,
      audience: identity.audience ?? publicUrl,
      clients: [
        editor,
        ...others,
        ...(pagesClient && !clients.includes(pagesClient.id) ? [pagesClient.id] : []),
      ],
      ...(identity.device_client === undefined ? {} : { deviceClient: identity.device_client }),
      ...(pagesClient ? { pagesClient } : {}),
      groupsClaim: identity.groups_claim,
      ...(identity.groups_separator === undefined ? {} : { groupsSeparator: identity.groups_separator }),
      nameClaim: identity.name_claim,
      ...(identity.person_claim === undefined ? {} : { personClaim: identity.person_claim }),
      ...(identity.acr_claim === undefined ? {} : { acrClaim: identity.acr_claim }),
      ...(identity.session === 'unlimited' ? {} : { sessionSeconds: secondsOf(identity.session) }),
      scopes: identity.scopes,
      audienceParameter: identity.audience_parameter,
      ...(identity.loopback_ports === undefined ? {} : { loopbackPorts: identity.loopback_ports }),
      algorithms: identity.algorithms,
    },
    audit: settings.audit,
    database,
    ...(keys ? { integrity: { keys } } : {}),
    templates: resolve(context.folder, settings.templates),
    targets,
    schedules,
    channels,
    requests: {
      answerWithinSeconds: secondsOf(requests.answer_within),
      activateWithinSeconds: secondsOf(requests.activate_within),
      mostOpen: requests.most_open,
    },
    warnings: report.warnings.map((warning) => spokenProblem(warning)),
  };
}

async function pagesClientOf(
  { id, secret }: NonNullable<Settings['identity']['pages_client']>,
  context: Context,
): Promise<PagesClient> {
  if (!secret) return { id };
  return { id, secret: await secretOf(secret, ['identity', 'pages_client', 'secret'], context) };
}

async function databaseOf(written: Settings['database'], context: Context): Promise<DatabaseConfig> {
  const { embedded, host = '', port = 5432, name = '', tls, owner, runtime } = written;
  if (embedded !== undefined) return { kind: 'embedded', folder: resolve(context.folder, embedded) };
  const path = ['database'];
  return {
    kind: 'server',
    host,
    port,
    database: name,
    tls: await tlsOf(tls, [...path, 'tls'], context),
    owner: await loginOf(owner, [...path, 'owner'], context),
    ...(runtime ? { runtime: await loginOf(runtime, [...path, 'runtime'], context) } : {}),
  };
}

const shortestKey = 32;

async function integrityKeys(
  sources: NonNullable<Settings['integrity']>['keys'],
  context: Context,
): Promise<readonly [Secret, ...Secret[]] | undefined> {
  const keys: Secret[] = [];
  for (const [at, source] of sources.entries()) {
    const path = ['integrity', 'keys', at];
    const key = await secretOf(source, path, context);
    if (key !== noSecret && key.reveal().length < shortestKey)
      context.report.isWrong(
        path,
        `is shorter than ${shortestKey} characters. Make one: openssl rand -base64 32`,
      );
    keys.push(key);
  }
  const [first, ...others] = keys;
  return first && [first, ...others];
}

async function targetOf(
  id: string,
  written: Settings['targets'][string],
  context: Context,
): Promise<TargetConfig> {
  const path = ['targets', id];
  const { title, kind, host, hostaddr, port, database, tls, login, replicas, advertised } = written;
  reportTwice(replicas, written, path, context);
  return {
    id,
    title,
    kind,
    host,
    ...(hostaddr === undefined ? {} : { hostaddr }),
    port,
    database,
    tls: await tlsOf(tls, [...path, 'tls'], context),
    login: await loginOf(login, [...path, 'login'], context),
    replicas: await Promise.all(
      replicas.map(async (replica, at) => ({
        host: replica.host,
        ...(replica.hostaddr === undefined ? {} : { hostaddr: replica.hostaddr }),
        port: replica.port,
        tls: await tlsOf(
          replica.tls ?? tls,
          [...path, ...(replica.tls ? ['replicas', at] : []), 'tls'],
          context,
        ),
      })),
    ),
    advertised: advertised ?? { host, port },
  };
}

type Server = { readonly host: string; readonly port: number };

/** A server that stands there twice would be proven in place of another one. */
function reportTwice(replicas: readonly Server[], target: Server, path: Path, { report }: Context): void {
  const known = new Set([nameOf(target)]);
  for (const [at, replica] of replicas.entries()) {
    const name = nameOf(replica);
    if (known.has(name))
      report.isWrong([...path, 'replicas', at], `${name} is the target itself, or named already.`);
    known.add(name);
  }
}

const nameOf = ({ host, port }: Server) => `${host.toLowerCase()}:${port}`;

async function scheduleOf(
  name: string,
  { people: called, zone, shifts = [], calendar }: Settings['schedules'][string],
  context: Context,
): Promise<ScheduleConfig> {
  const all = Object.entries(called).map(([name, one]) => contactOf(name, one));
  const people = new Map(all.map((one) => [one.called, one.subject]));
  const contacts = new Map<string, Contact>();
  // Somebody may be called several names, with an address beside one of them.
  for (const one of all) contacts.set(one.subject, { ...one, ...contacts.get(one.subject) });
  if (!calendar) {
    const written = shifts.flatMap(({ who, from, until }): WrittenShift[] => {
      const [person, begin, end] = [people.get(who), shiftMoment(from), shiftMoment(until)];
      return person !== undefined && begin && end ? [{ person, from: begin, until: end }] : [];
    });
    return { name, people, contacts, kept: { in: 'configuration', zone: zone ?? 'UTC', shifts: written } };
  }
  const path = ['schedules', name, 'calendar'];
  return {
    name,
    people,
    contacts,
    kept: {
      in: 'calendar',
      ...(zone === undefined ? {} : { zone }),
      calendar: await calendarOf(calendar, path, context),
    },
  };
}

function contactOf(called: string, written: Settings['schedules'][string]['people'][string]): Contact {
  if (typeof written === 'string') return { called, subject: written };
  const { subject, email, slack } = written;
  return {
    called,
    subject,
    ...(email === undefined ? {} : { email }),
    ...(slack === undefined ? {} : { slack }),
  };
}

async function calendarOf(
  written: NonNullable<Settings['schedules'][string]['calendar']>,
  path: Path,
  context: Context,
): Promise<CalendarConfig> {
  const { url, authorization, certificate_authority: authority, refresh, stale_after } = written;
  const address = typeof url === 'string' ? new Secret(url) : await secretOf(url, [...path, 'url'], context);
  const wrong = address === noSecret ? undefined : addressProblem(address.reveal());
  if (typeof url !== 'string' && wrong !== undefined) context.report.isWrong([...path, 'url'], wrong);
  const pem = authority === undefined ? undefined : await authorityIn(authority, path, context);
  return {
    address,
    ...(authorization
      ? { authorization: await secretOf(authorization, [...path, 'authorization'], context) }
      : {}),
    ...(pem === undefined ? {} : { certificateAuthority: pem }),
    refreshSeconds: secondsOf(refresh),
    staleAfterSeconds: secondsOf(stale_after),
  };
}

async function tlsOf(
  written: Settings['targets'][string]['tls'],
  path: Path,
  context: Context,
): Promise<ServerTls> {
  const mode = written?.mode ?? 'verify-full';
  if (written?.certificate_authority === undefined) return { mode };
  const pem = await authorityIn(written.certificate_authority, path, context);
  return { mode, ...(pem === undefined ? {} : { certificateAuthority: pem }) };
}

async function loginOf(
  written: Settings['targets'][string]['login'] | undefined,
  path: Path,
  context: Context,
): Promise<Login> {
  if (!written) return { user: '', password: noSecret };
  return { user: written.user, password: await secretOf(written.password, [...path, 'password'], context) };
}

/** The secret, or `noSecret` and a report of why. */
async function secretOf(
  { file, env }: Settings['targets'][string]['login']['password'],
  path: Path,
  { folder, environment, report }: Context,
): Promise<Secret> {
  const source = env === undefined ? { file: resolve(folder, file ?? '') } : { env };
  const found = await findSecret(source, environment);
  if (!found.secret) {
    report.isMissing(path, found.missing);
    return noSecret;
  }
  if (found.warning !== undefined) report.warn(path, found.warning);
  return found.secret;
}
