import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { loadConfig, readConfig } from '../../src/broker/config/load.ts';
import { spokenProblem } from '../../src/broker/config/problem.ts';
import { shiftMoment } from '../../src/broker/config/shifts.ts';
import { selfMadeCertificates } from '../broker/support/certificates.ts';

const rest = `public_url: https://access.shop.example
organisation: { name: Shop }
groups: [engineering]
identity: { issuer: https://login.shop.example, clients: [daypass-vscode] }
database: { embedded: ./data }
targets:
  shop:
    { title: Shop, kind: postgresql, host: db.internal, database: shop, login: { user: b, password: { env: SHOP } } }
schedules:
`;
const environment = {
  SHOP: 'hush',
  BEARER: 'Bearer calendar-hush',
  ADDRESS: 'https://calendar.example/private/address-hush.ics?token=hush',
  NO_ADDRESS: 'ftp://address-hush',
};

describe('Schedules in daypass.yaml', () => {
  let folder: string;
  let file: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'daypass-config-'));
    file = join(folder, 'daypass.yaml');
    await writeFile(join(folder, 'ca.pem'), selfMadeCertificates(['localhost'], []).certificateAuthority);
  });
  after(() => rm(folder, { recursive: true }));

  /** What is wrong and missing with these schedules, as people read it, without file and place. */
  async function said(text: string): Promise<string[]> {
    await writeFile(file, `${rest}${text}`);
    const { problems, missing } = await readConfig(file, environment);
    return [...problems, ...missing].map((one) => spokenProblem(one, folder).replace(/^\S+ {2}/, ''));
  }

  it('are none unless there are some', async () => {
    await writeFile(file, rest.replace('schedules:\n', ''));
    assert.equal((await loadConfig(file, environment)).schedules.size, 0);
  });

  it('hold shifts of one day and of every week', async () => {
    await writeFile(
      file,
      `${rest}  payments:
    zone: Europe/Berlin
    people: { ana: 7f3a, ben: 9b1c }
    shifts:
      - { who: ana, from: 2026-11-23T08:00, until: 2026-11-30T08:00 }
      - { who: ben, from: Friday 18:00, until: Mon 08:00 }
`,
    );
    const { schedules } = await loadConfig(file, environment);
    const payments = schedules.get('payments')!;
    assert.deepEqual([...payments.people], [['ana', '7f3a'], ['ben', '9b1c']]); // prettier-ignore
    assert.ok(payments.kept.in === 'configuration');
    assert.equal(payments.kept.zone, 'Europe/Berlin');
    const wall = { year: 2026, month: 11, hour: 8, minute: 0, second: 0 };
    assert.deepEqual(payments.kept.shifts, [
      { person: '7f3a', from: { is: 'once', wall: { ...wall, day: 23 } }, until: { is: 'once', wall: { ...wall, day: 30 } } }, // prettier-ignore
      { person: '9b1c', from: { is: 'weekly', day: 5, minute: 1080 }, until: { is: 'weekly', day: 1, minute: 480 } }, // prettier-ignore
    ]);
  });

  it('say how each is told who is on call, under any of their names', async () => {
    await writeFile(
      file,
      `${rest}  payments:
    people:
      ana: 7f3a
      ben@shop.example: { subject: 9b1c, email: ben@shop.example }
      Ben is on call: 9b1c
      eva: { subject: 5d2e, slack: U0123456789 }
    calendar: { url: https://calendar.example/a.ics }
`,
    );
    const { people, contacts } = (await loadConfig(file, environment)).schedules.get('payments')!;
    assert.deepEqual(
      [...people],
      [['ana', '7f3a'], ['ben@shop.example', '9b1c'], ['Ben is on call', '9b1c'], ['eva', '5d2e']],
    ); // prettier-ignore
    assert.deepEqual([...contacts.values()], [
      { called: 'ana', subject: '7f3a' },
      { called: 'ben@shop.example', subject: '9b1c', email: 'ben@shop.example' },
      { called: 'eva', subject: '5d2e', slack: 'U0123456789' },
    ]); // prettier-ignore
  });

  it('are calendars, read every five minutes and believed for an hour, whose secrets are printed nowhere', async () => {
    await writeFile(
      file,
      `${rest}  open: { people: { ana: 7f3a }, calendar: { url: https://calendar.example/a.ics } }
  private:
    zone: Europe/Berlin
    people: { ana@shop.example: 7f3a, Ben is on call: 9b1c }
    calendar:
      { url: { env: ADDRESS }, authorization: { env: BEARER }, certificate_authority: ca.pem, refresh: PT1M, stale_after: PT10M }
`,
    );
    const { schedules } = await loadConfig(file, environment);
    const kept = (name: string) => {
      const { kept: found } = schedules.get(name)!;
      assert.ok(found.in === 'calendar');
      return found;
    };
    const open = kept('open').calendar;
    assert.equal(open.address.reveal(), 'https://calendar.example/a.ics');
    assert.deepEqual([open.refreshSeconds, open.staleAfterSeconds], [300, 3600]);
    const { calendar, zone } = kept('private');
    assert.equal(calendar.address.reveal(), environment.ADDRESS);
    assert.equal(calendar.authorization?.reveal(), environment.BEARER);
    assert.match(calendar.certificateAuthority ?? '', /BEGIN CERTIFICATE/);
    assert.deepEqual([zone, calendar.refreshSeconds, calendar.staleAfterSeconds], ['Europe/Berlin', 60, 600]);
    assert.doesNotMatch(inspect(schedules, { depth: 9 }) + JSON.stringify([...schedules]), /hush/);
  });

  const shifts = (more: string) => `  payments: { zone: Europe/Berlin, people: { ana: 7f3a }, ${more} }\n`;
  const calendar = (more: string) => `  payments: { people: { ana: 7f3a }, calendar: { ${more} } }\n`;
  const wrong: [string, string, string | RegExp][] = [
    ['a name with spaces', `  Our payments: { people: { ana: 7f3a }, calendar: { url: https://c.example/a } }\n`, /lower-case words/], // prettier-ignore
    ['nothing that says who', shifts('').replace(', }', ' }'), /Add "shifts", or "calendar" with its url/],
    ['both ways', shifts('shifts: [{ who: ana, from: Mon 08:00, until: Tue 08:00 }], calendar: { url: https://c.example/a }'), /Keep one of the two/], // prettier-ignore
    ['shifts without a zone', `  payments: { people: { ana: 7f3a }, shifts: [{ who: ana, from: Mon 08:00, until: Tue 08:00 }] }\n`, /needs the time zone/], // prettier-ignore
    ['a zone that there is not', calendar('url: https://c.example/a').replace('people', 'zone: Europe/Atlantis, people'), /Zones are called like Europe\/Berlin/], // prettier-ignore
    ['somebody whom nobody knows', shifts('shifts: [{ who: anna, from: Mon 08:00, until: Tue 08:00 }]'), /"anna" does not stand under "people". Did you mean "ana"\?/], // prettier-ignore
    ['somebody twice in other letters', `  payments: { people: { ana: 7f3a, Ana: 9b1c }, calendar: { url: https://c.example/a } }\n`, /in other letters/], // prettier-ignore
    ['somebody by an e-mail address', `  payments: { people: { ana: ana@shop.example }, calendar: { url: https://c.example/a } }\n`, /can change hands/], // prettier-ignore
    ['no subject beside an address', `  payments: { people: { ana: { email: ana@shop.example } }, calendar: { url: https://c.example/a } }\n`, /people\.ana\.subject: is missing\. Their subject \(sub\)/], // prettier-ignore
    ['an address of mail that is none', `  payments: { people: { ana: { subject: 7f3a, email: ana } }, calendar: { url: https://c.example/a } }\n`, /email: should be an e-mail address/], // prettier-ignore
    ['a name in Slack', `  payments: { people: { ana: { subject: 7f3a, slack: '@ana' } }, calendar: { url: https://c.example/a } }\n`, /slack: should be the id of/], // prettier-ignore
    ['nobody', `  payments: { people: {}, calendar: { url: https://c.example/a } }\n`, /names nobody/],
    ['a time that is none', shifts('shifts: [{ who: ana, from: tomorrow, until: Tue 08:00 }]'), /like 2026-11-23T08:00, or a day of every week and a time, like Monday 08:00/], // prettier-ignore
    ['a day that is none', shifts('shifts: [{ who: ana, from: 2026-02-30T08:00, until: 2026-03-30T08:00 }]'), /should be a date/], // prettier-ignore
    ['a shift that ends before it begins', shifts('shifts: [{ who: ana, from: 2026-11-30T08:00, until: 2026-11-23T08:00 }]'), /later than "from"/], // prettier-ignore
    ['a shift of both kinds', shifts('shifts: [{ who: ana, from: 2026-11-30T08:00, until: Tue 08:00 }]'), /in the same way as "from"/], // prettier-ignore
    ['a missing end', shifts('shifts: [{ who: ana, from: Mon 08:00 }]'), /until: is missing. Until when/],
    ['a key that there is not', calendar('uri: https://c.example/a'), /Did you mean "url"\?/],
    ['plain HTTP', calendar('url: http://c.example/a-hush'), /should begin with https/],
    ['a password in the address', calendar('url: https://ana:hush@c.example/a'), /use "authorization"/],
    ['no address', calendar('url: calendar-hush'), /should be a complete address/],
    ['no address where it is found', calendar('url: { env: NO_ADDRESS }'), /should be a complete address/],
    ['an address that is not there', calendar('url: { env: NOT_THERE }'), /NOT_THERE is not set/],
    ['a secret in place of where it is found', calendar('url: https://c.example/a, authorization: Bearer hush'), /secrets are never written here/], // prettier-ignore
    [
      'staleness before the next look',
      calendar('url: https://c.example/a, refresh: PT1H'),
      /longer than "refresh"/,
    ],
  ];
  for (const [name, text, expected] of wrong)
    it(`are refused: ${name}`, async () => {
      const words = (await said(text)).join('\n');
      assert.match(words, expected instanceof RegExp ? expected : new RegExp(expected));
      assert.doesNotMatch(words, /hush/);
    });

  it('name days in full or by three letters, and nothing between', () => {
    assert.deepEqual(shiftMoment('Wednesday 23:59'), { is: 'weekly', day: 3, minute: 1439 });
    assert.deepEqual(shiftMoment('Sun 00:00'), { is: 'weekly', day: 7, minute: 0 });
    for (const text of ['Wednes 08:00', 'Mondays 08:00', 'monday 08:00', 'Monday 24:00', '2026-11-23 08:00'])
      assert.equal(shiftMoment(text), undefined, text);
  });
});
