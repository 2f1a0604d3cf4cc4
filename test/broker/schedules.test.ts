import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import type { CalendarConfig, ScheduleConfig } from '../../src/broker/config/config.ts';
import type { NotAuthentic } from '../../src/broker/integrity/integrity.ts';
import { macsWith } from '../../src/broker/integrity/macs.ts';
import { onCall, standing } from '../../src/broker/rules/on-call.ts';
import { fetchCalendar } from '../../src/broker/schedules/fetch-calendar.ts';
import { Schedule } from '../../src/broker/schedules/schedule.ts';
import { shiftFields } from '../../src/broker/store/authentic.ts';
import type { Store } from '../../src/broker/store/connect.ts';
import { Secret } from '../../src/contract/secret.ts';
import { selfMadeCertificates } from './support/certificates.ts';
import { integrity, startStore, type StoreWorld } from './support/store.ts';

const hour = 3600_000;
const monday = Date.parse('2026-11-23T08:00Z');
const stamp = (hours: number) => new Date(monday + hours * hour).toISOString().replace(/[-:]|\.000/g, '');
/** A shift by its hours from Monday on. */
const shift = (who: string, from: number, until: number) =>
  `BEGIN:VEVENT\r\nUID:${who} ${from} ${until}\r\nSUMMARY:${who}\r\nDTSTART:${stamp(from)}\r\nDTEND:${stamp(until)}\r\nEND:VEVENT\r\n`;
const calendar = (...events: string[]) =>
  `BEGIN:VCALENDAR\r\nVERSION:2.0\r\n${events.join('')}END:VCALENDAR\r\n`;

/** A calendar's server, at `/oncall.ics?token=hush`; each test says how it answers. */
class Shelf {
  answer: RequestListener = (_, response) => response.end(calendar());
  readonly asked: IncomingMessage[] = [];
  readonly #server;

  constructor(tls?: { certificate: string; key: string }) {
    const listener: RequestListener = (request, response) => {
      this.asked.push(request);
      this.answer(request, response);
    };
    this.#server = tls
      ? createSecureServer({ cert: tls.certificate, key: tls.key }, listener)
      : createServer(listener);
  }
  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }
  /** Answers with this text from now on, and its tag. */
  hold(text: string, tag?: string): void {
    this.answer = (_, response) => {
      if (tag !== undefined) response.setHeader('etag', tag);
      response.end(text);
    };
  }
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }
  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

describe('Schedules', function () {
  this.timeout(60_000);
  let world: StoreWorld;
  let store: Store;
  let shelf: Shelf;
  /** Hours from Monday 08:00 on, for everybody in this file. */
  let clock: number;
  let said: string[];
  let alarms: NotAuthentic[];
  let name: string;

  before(async () => {
    world = await startStore();
    store = world.open();
    shelf = new Shelf();
    await shelf.start();
  });
  after(async () => {
    await shelf.stop();
    await world.stop();
  });
  beforeEach(() => {
    [clock, said, alarms, name] = [0, [], [], `payments-${randomUUID().slice(0, 8)}`];
    shelf.asked.length = 0;
  });

  const at = (hours = clock) => new Date(monday + hours * hour);
  const address = (more: Partial<CalendarConfig> = {}): CalendarConfig => ({
    address: new Secret(`http://127.0.0.1:${shelf.port}/oncall.ics?token=hush`),
    refreshSeconds: 300,
    staleAfterSeconds: 3600,
    ...more,
  });
  const people = new Map([['ana', 'ANA'], ['ben', 'BEN']]); // prettier-ignore
  /** One broker's view of the schedule. */
  const broker = (config?: Partial<ScheduleConfig>) =>
    new Schedule({
      config: { name, people, contacts: new Map(), kept: { in: 'calendar', calendar: address() }, ...config },
      store,
      integrity: { ...integrity, alarm: (found) => alarms.push(found) },
      log: pino({ base: null }, { write: (line: string) => said.push(line) }),
      clock: () => Promise.resolve(at()),
    });
  const lookAt = async (schedule: Schedule, hours: number) => {
    clock = hours;
    await schedule.look();
  };
  const is = (schedule: Schedule, who: string, hours = clock) => standing(schedule.known, who, at(hours));
  const recorded = async () =>
    (
      await world.postgres.run(
        `select detail from daypass.audit_event where action = 'schedule changed' and detail->>'schedule' = '${name}' order by at`,
        'state',
      )
    ).length;
  const said1 = (pattern: RegExp) => said.filter((line) => pattern.test(line)).length;

  describe('of a calendar', () => {
    it('approve once a shift has stood there for 24 hours, also for a broker that starts then', async () => {
      shelf.hold(calendar(shift('ana', 0, 168)));
      const first = broker();
      assert.equal(is(first, 'ANA'), 'stale');
      await lookAt(first, 1);
      assert.equal(is(first, 'ANA'), 'added lately');
      assert.deepEqual(onCall(first.known, at()), ['ANA']);
      await lookAt(first, 24.9);
      assert.equal(is(first, 'ANA'), 'added lately');
      await lookAt(first, 25);
      assert.equal(is(first, 'ANA'), 'on call');
      assert.equal(is(first, 'BEN'), 'not on call');
      const later = broker();
      await lookAt(later, 26);
      assert.equal(is(later, 'ANA'), 'on call');
      assert.deepEqual(alarms, []);
    });

    it('say so in the audit log, once for all brokers', async () => {
      shelf.hold(calendar(shift('ana', 0, 168)));
      await Promise.all([broker().look(), broker().look(), broker().look()]);
      assert.equal(await recorded(), 1);
      await broker().look();
      assert.equal(await recorded(), 1);
    });

    it('do not take a shift that comes again for the old one', async () => {
      shelf.hold(calendar(shift('ana', 0, 168), shift('ben', 0, 168)));
      const schedule = broker();
      await lookAt(schedule, 0);
      shelf.hold(calendar(shift('ben', 0, 168)));
      await lookAt(schedule, 30);
      assert.equal(is(schedule, 'ANA'), 'not on call');
      shelf.hold(calendar(shift('ana', 0, 168), shift('ben', 0, 168)));
      await lookAt(schedule, 31);
      assert.equal(is(schedule, 'ANA'), 'added lately');
      assert.equal(is(schedule, 'BEN'), 'on call');
      assert.equal(await recorded(), 3);
    });

    it('are stale an hour after the last good answer, whatever went wrong, which is said once', async () => {
      shelf.hold(calendar(shift('ana', -48, 168)));
      const schedule = broker();
      await lookAt(schedule, -30);
      await lookAt(schedule, 0);
      assert.equal(is(schedule, 'ANA'), 'on call');
      shelf.answer = (_, response) => response.writeHead(503).end();
      await lookAt(schedule, 0.5);
      await lookAt(schedule, 0.6);
      assert.equal(is(schedule, 'ANA', 0.99), 'on call');
      assert.equal(is(schedule, 'ANA', 1), 'stale');
      assert.equal(said1(/was answered with status 503/), 1);
      assert.match(schedule.trouble ?? '', /503/);
      shelf.hold('<!doctype html>');
      await lookAt(schedule, 2);
      assert.equal(said1(/is not a whole calendar/), 1);
      shelf.hold(calendar(shift('ana', -48, 168)));
      await lookAt(schedule, 3);
      assert.equal(is(schedule, 'ANA'), 'on call');
      assert.equal(schedule.trouble, undefined);
      assert.equal(said1(/is read again/), 1);
    });

    it('keep what they said while an answer lacks most of it, until that is stale', async () => {
      shelf.hold(calendar(shift('ana', -48, 168), shift('ben', 168, 336), shift('ana', 336, 500)));
      const schedule = broker();
      await lookAt(schedule, -30);
      await lookAt(schedule, 0);
      shelf.hold(calendar());
      await lookAt(schedule, 0.5);
      assert.equal(is(schedule, 'ANA'), 'on call');
      assert.match(schedule.trouble ?? '', /holds 0 shifts, and 3 stood there before/);
      // A broker that starts now does not know what to believe.
      const other = broker();
      await lookAt(other, 0.6);
      assert.equal(is(other, 'ANA'), 'stale');
      assert.equal(is(schedule, 'ANA', 1), 'stale');
      await lookAt(schedule, 1);
      assert.equal(schedule.trouble, undefined);
      assert.equal(is(schedule, 'ANA'), 'not on call');
    });

    it('ask with the tag of what they have, and go on with that where it is still the same', async () => {
      shelf.answer = (request, response: ServerResponse) => {
        if (request.headers['if-none-match'] === '"1"') response.writeHead(304).end();
        else response.setHeader('etag', '"1"').end(calendar(shift('ana', 0, 168)));
      };
      const schedule = broker();
      await lookAt(schedule, 0);
      await lookAt(schedule, 30);
      assert.equal(is(schedule, 'ANA'), 'on call');
      assert.deepEqual(shelf.asked.map(({ headers }) => headers['if-none-match']), [undefined, '"1"']); // prettier-ignore
    });

    it('count without the events that cannot be read, and without those of nobody known, which is said once', async () => {
      const unread = shift('ben', 0, 168).replace('END:VEVENT', 'RRULE:FREQ=SECONDLY\r\nEND:VEVENT');
      shelf.hold(calendar(shift('ana', 0, 168), unread));
      const schedule = broker();
      await lookAt(schedule, 0);
      await lookAt(schedule, 1);
      assert.deepEqual(onCall(schedule.known, at()), ['ANA']);
      assert.equal(schedule.trouble, undefined);
      assert.equal(said1(/"leftOut":\["An event repeats within minutes\."\]/), 1);
      shelf.hold(calendar(shift('carol', 0, 168)));
      const other = broker({ name: `${name}-other` });
      await lookAt(other, 2);
      await lookAt(other, 3);
      assert.deepEqual(onCall(other.known, at()), []);
      assert.equal(said1(/names nobody who stands under its \\"people\\"/), 1);
    });

    it('hold nothing of the address in the log', async () => {
      for (const answer of [
        (_: unknown, response: ServerResponse) => response.writeHead(302, { location: '/other-hush' }).end(),
        (request: IncomingMessage) => request.socket.destroy(),
      ]) {
        shelf.answer = answer;
        await broker().look();
      }
      assert.equal(said1(/redirect, which is not followed/), 1);
      assert.equal(said1(/cannot be reached/), 1);
      assert.doesNotMatch(said.join(), /hush|oncall\.ics/);
      assert.equal(shelf.asked.length, 2);
    });
  });

  describe('as somebody writes them into the database', () => {
    const forge = async (madeFor?: string) => {
      const row = {
        id: randomUUID(),
        schedule: name,
        person: 'ANA',
        begins: at(0),
        ends: at(168),
        gone: false,
        at: at(-100),
      };
      const other = macsWith([new Secret('x'.repeat(40))]);
      const mac = madeFor ?? other.of('shift', shiftFields(row));
      await world.postgres.run(
        `insert into daypass.shift_sighting values ('${row.id}', '${name}', 'ANA', '${at(0).toISOString()}', '${at(168).toISOString()}', false, '${row.at.toISOString()}', '${mac}')`,
        'state',
      );
    };

    it('are no older than they were seen, and raise the alarm', async () => {
      shelf.hold(calendar(shift('ana', 0, 168)));
      await forge();
      const schedule = broker();
      await lookAt(schedule, 1);
      assert.equal(is(schedule, 'ANA'), 'added lately');
      assert.equal(alarms[0]?.record, 'shift');
    });

    it('are no older for a record that was copied with another time', async () => {
      shelf.hold(calendar(shift('ana', 0, 168)));
      const schedule = broker();
      await lookAt(schedule, 1);
      const [row] = (await world.postgres.run(
        `select mac from daypass.shift_sighting where schedule = '${name}'`,
        'state',
      )) as { mac: string }[];
      await forge(row!.mac);
      await lookAt(schedule, 2);
      assert.equal(is(schedule, 'ANA'), 'added lately');
      assert.equal(alarms.length, 1);
    });

    it('are not changed or removed by the role that brokers work as', async () => {
      await broker().look();
      for (const statement of [
        'update daypass.shift_sighting set gone = true',
        'delete from daypass.shift_sighting',
      ])
        await assert.rejects(
          world.postgres.run(`set role "Run ""time"""; ${statement}`, 'state'),
          /permission denied/,
        );
    });
  });

  describe('of the configuration', () => {
    it('hold shifts of one day and of every week, by the clocks of their zone, and are never stale', async () => {
      const day = (number: number) => ({ year: 2026, month: 11, day: number, hour: 8, minute: 0, second: 0 });
      const schedule = broker({
        kept: {
          in: 'configuration',
          zone: 'Europe/Berlin',
          shifts: [
            { person: 'ANA', from: { is: 'once', wall: day(23) }, until: { is: 'once', wall: day(30) } },
            { person: 'BEN', from: { is: 'weekly', day: 5, minute: 1080 }, until: { is: 'weekly', day: 1, minute: 480 } },
          ],
        },
      }); // prettier-ignore
      await lookAt(schedule, -48);
      // Berlin is an hour ahead: Monday 08:00 there is -1 here.
      assert.deepEqual([is(schedule, 'ANA', -1.01), is(schedule, 'ANA', -1), is(schedule, 'ANA', 166.9), is(schedule, 'ANA', 167)], ['not on call', 'on call', 'on call', 'not on call']); // prettier-ignore
      assert.deepEqual([is(schedule, 'BEN', -1.01), is(schedule, 'BEN', -1), is(schedule, 'BEN', 104.9), is(schedule, 'BEN', 105)], ['on call', 'not on call', 'not on call', 'on call']); // prettier-ignore
      assert.equal(is(schedule, 'BEN', 24 * 25 + 9), 'on call');
    });
  });

  describe('fetched', () => {
    const secure = selfMadeCertificates(['localhost'], ['127.0.0.1']);
    let safe: Shelf;
    before(async () => {
      safe = new Shelf(secure);
      await safe.start();
      safe.hold(calendar());
    });
    after(() => safe.stop());
    const over = (more: Partial<CalendarConfig> = {}) =>
      fetchCalendar(address({ address: new Secret(`https://localhost:${safe.port}/oncall.ics`), ...more }), {
        withinMs: 1_000,
      });
    const plain = (withinMs = 1_000) => fetchCalendar(address(), { withinMs });

    it('over HTTPS, vouched for by the configured authority, with the configured authorization', async () => {
      const authorization = new Secret('Bearer calendar');
      const came = await over({ certificateAuthority: secure.certificateAuthority, authorization });
      assert.equal(came?.text, calendar());
      assert.equal(safe.asked.at(-1)?.headers.authorization, 'Bearer calendar');
    });

    it('from nobody whom no trusted authority vouches for', async () => {
      const before = safe.asked.length;
      await assert.rejects(over(), /cannot be reached/);
      assert.equal(safe.asked.length, before);
    });

    const refused: [string, RequestListener, RegExp][] = [
      ['too large', (_, response) => void response.end(Buffer.alloc(2 * 1024 * 1024 + 1, 32)), /larger than 2 MB/],
      ['too slow', (_, response) => void response.write('BEGIN:VCALENDAR'), /did not come within/],
      ['silent', () => undefined, /did not come within/],
      ['cut off', (_, response) => void response.writeHead(200, { 'content-length': '100' }).write('BEGIN', () => response.destroy()), /cannot be reached/],
      ['compressed', (_, response) => void response.writeHead(200, { 'content-encoding': 'gzip' }).end(), /compressed/],
      ['in other letters', (_, response) => void response.end(Buffer.from([0xff, 0xfe])), /not in UTF-8/],
      ['the same as nothing', (_, response) => void response.writeHead(304).end(), /redirect|status 304/],
      ['empty by its status', (_, response) => void response.writeHead(204).end(), /status 204/],
      ['elsewhere', (_, response) => void response.writeHead(301, { location: 'https://elsewhere.example' }).end(), /not followed/],
    ]; // prettier-ignore
    for (const [what, answer, expected] of refused)
      it(`not where the answer is ${what}`, async () => {
        shelf.answer = answer;
        await assert.rejects(plain(300), expected);
      });
  });
});
