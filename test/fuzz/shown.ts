import fc from 'fast-check';
import assert from 'node:assert/strict';
import { createParser } from 'eventsource-parser';
import { StreamEvent } from '../../src/contract/events.ts';
import { ConnectionDetails } from '../../src/contract/leases.ts';
import { Problem } from '../../src/contract/problems.ts';
import { Secret } from '../../src/contract/secret.ts';
import { LauncherFile, SessionFile, ShellFile } from '../../src/contract/session-file.ts';
import { brokerAddress } from '../../src/extension/client/address.ts';
import { connectionUri, passwordFile, serviceFile } from '../../src/extension/terminal/libpq.ts';
import { heading as headingLines, lastLines, waitingHeading } from '../../src/extension/terminal/lines.ts';
import { FolderRecord } from '../../src/extension/terminal/records.ts';
import { noticesOf } from '../../src/extension/views/notices.ts';
import { requestNodes } from '../../src/extension/views/requestNodes.ts';
import { reviewModel } from '../../src/extension/views/reviewModel.ts';
import { sessionModel } from '../../src/extension/views/sessionModel.ts';
import { sessionPage } from '../../src/extension/views/sessionPage.ts';
import { standingOf } from '../../src/extension/views/standing.ts';
import { statusOf } from '../../src/extension/views/statusText.ts';
import { templateNodes } from '../../src/extension/views/templateNodes.ts';
import { linesOf, withStopped } from '../../src/launcher/ending.ts';
import { shellEnvironment } from '../../src/launcher/environment.ts';
import { afterwards, heading } from '../../src/launcher/screen.ts';
import { ana, ben, grant, lease, now, request, template, toLocal, world } from '../unit/support/samples.ts';
import { json, jsonText, mostly, sqlName, text } from './alphabet.ts';
import { property, surface } from './surface.ts';

// What the launcher itself writes to style a line; whatever else could move a cursor was somebody's text.
const ownStyle = /\x1b\[(?:0;41|0|1|2)m/g;
function onlyOurs(written: string): void {
  const rest = written.replace(ownStyle, '').replaceAll('\r\n', '');
  assert.ok(!/[\p{Cc}\p{Bidi_C}\p{Zl}\p{Zp}]/u.test(rest), JSON.stringify(rest));
}

const lines = fc.array(text, { maxLength: 4 });
const sessionFile = fc.record({
  version: mostly(fc.constant(1), 12),
  heading: mostly(lines, 12),
  state: mostly(
    fc.oneof(
      fc.constant({ is: 'waiting' }),
      fc.record({ is: fc.constant('over'), lines, final: fc.boolean() }),
      fc.record({
        is: fc.constant('open'),
        leaseId: mostly(fc.uuid(), 12),
        expiresAt: mostly(fc.constant('2026-03-01T02:14:00.000Z'), 12),
        deadline: mostly(fc.constant('2026-03-01T02:14:00.000Z'), 12),
        environment: mostly(fc.dictionary(text, text, { maxKeys: 4 }), 12),
      }),
    ),
    12,
  ),
});

const parsed = (input: string): unknown => {
  try {
    return JSON.parse(input);
  } catch {
    return undefined;
  }
};

export const files = surface('session files and terminals', 60, [
  property(
    'a session file writes nothing but its words to the terminal',
    fc.tuple(
      fc.oneof({ weight: 6, arbitrary: sessionFile }, json),
      lines,
      lines,
      fc.integer({ min: 0, max: 200 }),
    ),
    ([input, stopped, remaining, columns]) => {
      const read = SessionFile.safeParse(input);
      if (!read.success) return;
      onlyOurs(heading(read.data.heading, columns));
      const { state } = read.data;
      if (state.is === 'over')
        onlyOurs(afterwards(withStopped(linesOf(state), { stopped, remaining }), columns));
      if (state.is !== 'open') return;
      for (const [name, value] of Object.entries(shellEnvironment({}, {}, state.environment)))
        assert.ok(!/[=\0]/.test(name) && !value.includes('\0') && name !== '');
    },
    3,
  ),
  property('what is no file of ours is none', fc.oneof(jsonText.map(parsed), json), (input) => {
    for (const schema of [SessionFile, ShellFile, LauncherFile, FolderRecord]) schema.safeParse(input);
  }),
]);

const hostile = fc.record({
  name: text,
  other: text,
  title: text,
  reason: text,
  ticket: text,
  comment: text,
  allows: lines,
});

/** A line of a password file as libpq reads it: `:` separates, `\\` takes what follows as it is. */
function fieldsOf(row: string): string[] {
  const fields = [''];
  for (let at = 0; at < row.length; at += 1) {
    if (row[at] === ':') fields.push('');
    else {
      if (row[at] === '\\') at += 1;
      fields.push(`${fields.pop() ?? ''}${row[at] ?? ''}`);
    }
  }
  return fields;
}

export const views = surface('what the editor shows and writes', 60, [
  property(
    'names and reasons make no links, no icons, no markup and no escape sequences',
    hostile,
    (input) => {
      const { name, other, title, reason, ticket, comment, allows } = input;
      const who = { ...ana, name };
      const boss = { ...ben, name: other };
      const task = template({
        title,
        allows,
        target: { ...template().target, title: other },
        approval: { needed: 1, from: [name] },
      });
      const asked = request({
        requester: who,
        template: task,
        reason,
        ticket,
        askedOf: [other],
        stillNeeded: [{ number: 1, by: [name] }],
        may: { withdraw: false, decide: true, approve: true, write: true },
        messages: [{ id: who.id, by: who, text: comment, at: new Date(now).toISOString() }],
      });
      const mine = request({ requester: boss, template: task, reason, askedOf: [name] });
      const denied = request({
        requester: boss,
        template: task,
        state: 'denied',
        decisions: [{ by: who, verdict: 'deny', comment, at: new Date(now).toISOString() }],
      });
      const over = grant({
        holder: boss,
        template: task,
        reason,
        state: 'revoked',
        endedBy: who,
        comment,
        endedAt: new Date(now).toISOString(),
      });
      const known = world(boss, {
        requests: [asked, mine, denied],
        grants: [grant({ holder: who, template: task, reason }), over],
        templates: [task],
      });

      for (const { text: said } of noticesOf(known, now, toLocal, () => false))
        assert.ok(!/\]\(|\$\(/.test(said), said);
      const status = statusOf(world(boss, { requests: [mine] }), now, toLocal);
      assert.ok(status && !status.text.replace(/^\$\(\w+\)/, '').includes('$('), status?.text);
      requestNodes(standingOf(known, now), { me: boss.id, now, toLocal });
      templateNodes({ templates: [task] });
      reviewModel(asked, boss.id, now, toLocal);
      const model = sessionModel(known, now, toLocal);
      const page = sessionPage(
        { ...model, cards: [], nothing: reason, trouble: comment },
        { style: title, script: title, source: 'x', nonce: 'n', id: name },
      );
      assert.equal(
        page.split('<').length,
        sessionPage(
          { ...model, cards: [], nothing: '', trouble: '' },
          { style: '', script: '', source: 'x', nonce: 'n', id: '' },
        ).split('<').length,
      );
      const opened = lease(over, { state: 'closed' });
      onlyOurs(heading(headingLines(over, { tls: 'off' }, now, true)));
      onlyOurs(heading(waitingHeading(asked)));
      onlyOurs(afterwards(lastLines({ ...over, leases: [opened] }, opened, now, toLocal)?.lines ?? []));
    },
  ),
  property(
    'a connection is written so that it is read back, or refused',
    fc.tuple(
      text,
      sqlName.filter((name) => !/^\.\.?$/.test(name)),
      sqlName,
      text,
    ),
    ([host, database, user, password]) => {
      const connection = ConnectionDetails.parse({
        kind: 'postgresql',
        host,
        port: 5432,
        database,
        user,
        tls: 'off',
      });
      const paths = { service: '/s', password: '/p', authorities: '/a' };
      let service;
      try {
        service = serviceFile(connection, paths);
      } catch {
        return;
      }
      const rows = service.split('\n');
      assert.equal(rows.length, 12);
      assert.ok(rows.includes(`dbname=${database}`) && rows.includes(`user=${user}`));
      const secret = Buffer.from(password).toString('base64url');
      const [row = '', ...more] = passwordFile(connection, new Secret(secret)).split('\n');
      assert.deepEqual(more, ['']);
      assert.deepEqual(fieldsOf(row), [host, '5432', database, user, secret]);
      const uri = connectionUri({ ...connection, host: 'db.example' }, new Secret(secret), undefined);
      const read = new URL(uri);
      assert.equal(decodeURIComponent(read.username), user);
      assert.equal(decodeURIComponent(read.pathname.slice(1)), database);
    },
  ),
  property('an answer or an event is understood, or left out', fc.oneof(jsonText, text), (input) => {
    Problem.safeParse(parsed(input));
    const parser = createParser({
      maxBufferSize: 64 * 1024,
      onEvent: ({ event, data }) => {
        const value = parsed(data);
        StreamEvent.safeParse({ ...(typeof value === 'object' ? value : {}), type: event });
      },
    });
    for (const chunk of [
      `event: ${input}\ndata: `,
      input,
      `\n\nid: ${input}\ndata: {"type":"reset"}\nevent: reset\n\n`,
    ])
      parser.feed(chunk);
    const address = brokerAddress(input);
    if ('url' in address) assert.ok(URL.canParse(address.url) && !new URL(address.url).username);
  }),
]);
