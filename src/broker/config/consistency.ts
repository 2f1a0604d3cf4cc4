import { secondsOf } from '../../contract/durations.ts';
import { checkChannels } from './channels.ts';
import { addressOf, isLoopback } from './pieces.ts';
import type { Path } from './problem.ts';
import type { Report } from './report.ts';
import { targetId, type Settings } from './settings.ts';
import { shiftMoment, type ScheduleSettings } from './shifts.ts';
import { suggestion } from './suggest.ts';

/** What one key says about another; reported, nothing returned. */
export function checkConsistency(settings: Settings, report: Report): void {
  checkListening(settings, report);
  checkIdentity(settings, report);
  for (const [at, group] of settings.audit.by.entries())
    if (!settings.groups.includes(group))
      report.isWrong(['audit', 'by', at], unknownGroup(group, settings.groups));
  reportTwice(settings.groups, ['groups'], report);
  checkDatabase(settings.database, report);
  if (settings.database.embedded === undefined && !settings.integrity)
    report.isWrong(
      ['database'],
      'needs "integrity" beside it: { keys: [{ file: /run/secrets/daypass-integrity }] }, made with openssl rand -base64 32 and kept outside the database.',
    );
  checkChannels(settings.channels, settings.groups, report, unknownGroup);
  for (const [id, target] of Object.entries(settings.targets)) {
    if (!targetId.test(id) || id.length > 40)
      report.isWrong(
        ['targets', id],
        'should be called by lower-case words joined by hyphens, like shop-replica.',
      );
    const host = target.hostaddr ?? target.host;
    const mode = target.tls?.mode ?? 'verify-full';
    if ((mode === 'off' || mode === 'require') && !isLoopback(host))
      report.warn(['targets', id, 'tls', 'mode'], openness(mode, host));
  }
  for (const [name, schedule] of Object.entries(settings.schedules)) {
    const path = ['schedules', name];
    if (!targetId.test(name) || name.length > 40) report.isWrong(path, shortName);
    checkSchedule(path, schedule, report);
  }
}

const shortName = 'should be called by lower-case words joined by hyphens, like payments-first.';

function checkSchedule(path: Path, schedule: ScheduleSettings, report: Report): void {
  const { people, zone, shifts, calendar } = schedule;
  if (shifts && calendar)
    report.isWrong([...path, 'shifts'], 'says who is on call, and so does "calendar". Keep one of the two.');
  if (!shifts && !calendar)
    report.isWrong(path, 'says nowhere who is on call. Add "shifts", or "calendar" with its url.');
  if (shifts && zone === undefined)
    report.isWrong(path, 'needs the time zone of its shifts. For example: zone: Europe/Berlin');
  const names = Object.keys(people);
  for (const [at, name] of names.entries())
    if (names.findIndex((other) => other.toLowerCase() === name.toLowerCase()) < at)
      report.isWrong([...path, 'people', name], 'stands there already, in other letters. Keep one.');
  for (const [at, { who, from, until }] of (shifts ?? []).entries()) {
    const place = [...path, 'shifts', at];
    if (!names.includes(who))
      report.isWrong(
        [...place, 'who'],
        `"${who}" does not stand under "people". ${suggestion(who, names, 'There are')}`.trim(),
      );
    const [begin, end] = [shiftMoment(from), shiftMoment(until)];
    if (begin?.is !== end?.is)
      report.isWrong(
        [...place, 'until'],
        'should be written in the same way as "from": both with a date, or both with a day of every week.',
      );
    else if (begin?.is === 'once' && from >= until)
      report.isWrong([...place, 'until'], 'should be later than "from".');
  }
  if (calendar && secondsOf(calendar.stale_after) <= secondsOf(calendar.refresh))
    report.isWrong(
      [...path, 'calendar', 'stale_after'],
      'should be longer than "refresh", or nobody is on call between two looks.',
    );
}

/** For a group that nobody configured, the same words wherever it stands. */
export function unknownGroup(group: string, known: readonly string[]): string {
  return `nobody is in "${group}". ${suggestion(group, known, 'The groups are')}`.trim();
}

export function reportTwice(list: readonly string[], path: Path, report: Report): void {
  for (const [at, entry] of list.entries())
    if (list.indexOf(entry) < at) report.isWrong([...path, at], `"${entry}" stands here twice. Keep one.`);
}

function checkListening(settings: Settings, report: Report): void {
  const { host } = addressOf(settings.listen);
  if (!settings.tls && !isLoopback(host))
    report.isWrong(
      ['listen'],
      `without "tls" everybody between could read along on ${host}. Add tls: { certificate: file, key: file }, ` +
        'or listen on 127.0.0.1 behind something that encrypts.',
    );
  if (settings.metrics !== undefined && !settings.tls && !isLoopback(addressOf(settings.metrics).host))
    report.isWrong(
      ['metrics'],
      'without "tls" it is served on this machine only. Use 127.0.0.1, or add tls: { certificate: file, key: file }.',
    );
  if (settings.metrics === settings.listen)
    report.isWrong(['metrics'], 'is the same address as "listen". Choose another port.');
  if (new URL(settings.public_url).pathname !== '/')
    report.isWrong(['public_url'], 'should end after the host and the port, without a path.');
}

function checkIdentity({ identity, groups }: Settings, report: Report): void {
  const { clients, device_client: device, pages_client: pages, person_claim: person, audience } = identity;
  if (audience !== undefined && (clients.includes(audience) || audience === device || audience === pages?.id))
    report.isWrong(
      ['identity', 'audience'],
      'is a client id, so ID tokens would count as access tokens. Give the API a name of its own.',
    );
  reportTwice(clients, ['identity', 'clients'], report);
  if (device !== undefined && clients.includes(device))
    report.isWrong(
      ['identity', 'device_client'],
      'stands among "clients" too. It needs a client id of its own: its tokens cannot decide or revoke.',
    );
  if (pages !== undefined && pages.id === device)
    report.isWrong(
      ['identity', 'pages_client', 'id'],
      'is the device client, whose tokens cannot decide. Register a client of its own.',
    );
  if (person !== undefined && /^(email|e-mail|mail|upn|preferred_username)$/i.test(person))
    report.isWrong(
      ['identity', 'person_claim'],
      `"${person}" can change hands. Name a claim that stays with one person, or leave it out for sub.`,
    );
  const { groups_separator: separator } = identity;
  for (const [at, group] of groups.entries())
    if (separator !== undefined && group.includes(separator))
      report.isWrong(
        ['groups', at],
        `holds "${separator}", which separates groups (identity.groups_separator).`,
      );
  if (identity.scopes.length > 0 && !identity.scopes.includes('openid'))
    report.isWrong(['identity', 'scopes'], 'should contain openid, or nobody can sign in.');
}

function checkDatabase(database: Settings['database'], report: Report): void {
  const { embedded, ...server } = database;
  if (embedded !== undefined) {
    for (const key of Object.keys(server))
      report.isWrong(
        ['database', key],
        'belongs to a server, and "embedded" starts one here. Keep one of the two.',
      );
    return;
  }
  const missing = (['host', 'name', 'owner'] as const).filter((key) => server[key] === undefined);
  if (missing.length > 0) {
    report.isWrong(
      ['database'],
      missing.length === 3
        ? 'should be { embedded: folder }, or name a server: host, name, owner, runtime.'
        : `${missing.map((key) => `"${key}"`).join(' and ')} ${missing.length === 1 ? 'is' : 'are'} missing.`,
    );
    return;
  }
  if (!server.runtime)
    report.warn(
      ['database'],
      'one role does everything, so the broker could rewrite its audit log. Add "runtime", a role that owns nothing.',
    );
  else if (server.runtime.user === server.owner?.user)
    report.isWrong(
      ['database', 'runtime', 'user'],
      'is the owner. Use a second role, one that owns nothing.',
    );
  const mode = server.tls?.mode ?? 'verify-full';
  if ((mode === 'off' || mode === 'require') && !isLoopback(server.host ?? ''))
    report.warn(['database', 'tls', 'mode'], openness(mode, server.host ?? ''));
}

function openness(mode: 'off' | 'require', host: string): string {
  return mode === 'off'
    ? `the connection to ${host} is not encrypted. Use verify-full.`
    : `the certificate of ${host} is not verified, so anybody between could pretend to be it. Use verify-full.`;
}
