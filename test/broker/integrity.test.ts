import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import pg from 'pg';
import { macsWith } from '../../src/broker/integrity/macs.ts';
import { findPostmaster } from '../../src/broker/store/embedded-postmaster.ts';
import { personId } from '../../src/broker/store/person.ts';
import type { Grant } from '../../src/contract/grants.ts';
import type { IssuedLease } from '../../src/contract/leases.ts';
import type { Problem } from '../../src/contract/problems.ts';
import type { AccessRequest } from '../../src/contract/requests.ts';
import type { TemplateList } from '../../src/contract/templates.ts';
import { Secret } from '../../src/contract/secret.ts';
import { eventually } from './support/eventually.ts';
import { newKey, newSecret, startWorld, type Name, type World } from './support/world.ts';

const secret = (text: string) => new Secret(text.padEnd(32, '.'));

describe('Message authentication codes of records', () => {
  const value = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.constant(null),
    fc.array(fc.string(), { maxLength: 3 }),
  );
  const fields = fc.dictionary(fc.string({ maxLength: 5 }), value, { maxKeys: 5, noNullPrototype: true });

  it('hold for exactly what they were made of', () => {
    const macs = macsWith([secret('one')]);
    fc.assert(
      fc.property(fields, fields, (one, another) => {
        const mac = macs.of('grant', one);
        assert.ok(macs.holds('grant', one, mac));
        assert.equal(macs.holds('lease', one, mac), false, 'another kind');
        const same =
          JSON.stringify(Object.entries(one).sort()) === JSON.stringify(Object.entries(another).sort());
        assert.equal(macs.holds('grant', another, mac), same);
      }),
    );
  });

  it('are refused in any other spelling', () => {
    const macs = macsWith([secret('one')]);
    const mac = macs.of('grant', { id: 'x' });
    for (const other of [
      '',
      '.',
      mac.slice(0, -2),
      `${mac}.x`,
      mac.replace(/^1/, '2'),
      mac.replace(/\.\w{8}\./, '.00000000.'),
    ])
      assert.equal(macs.holds('grant', { id: 'x' }, other), false, other);
  });

  it('go on to hold under a former key that stays second, and no longer once it is dropped', () => {
    const [before, after] = [secret('before'), secret('after')];
    const mac = macsWith([before]).of('lease', { id: 'x' });
    assert.ok(macsWith([after, before]).holds('lease', { id: 'x' }, mac));
    assert.equal(macsWith([after]).holds('lease', { id: 'x' }, mac), false);
    const fresh = macsWith([after, before]).of('lease', { id: 'x' });
    assert.ok(macsWith([after]).holds('lease', { id: 'x' }, fresh), 'the first one makes');
  });
});

describe('Whoever owns the broker’s database', function () {
  this.timeout(60_000);
  let world: World;
  let owner: pg.Client;

  const becomeOwner = async () => {
    const state = join(world.folder, 'state');
    const postmaster = await findPostmaster(join(state, 'data'));
    owner = new pg.Client({
      host: '127.0.0.1',
      port: postmaster!.port,
      user: 'daypass_owner',
      database: 'daypass',
      password: (await readFile(join(state, 'owner.password'), 'utf8')).trim(),
      options: '-c search_path=daypass',
    });
    // Its server ends with the broker.
    owner.on('error', () => undefined);
    await owner.connect();
  };
  before(async () => {
    world = await startWorld({ mostOpen: 1000 });
    await becomeOwner();
  });
  after(async () => {
    await owner.end();
    await world.stop();
  });

  const idOf = async (name: Name) =>
    (await world.call<{ person: { id: string } }>(name, 'GET', '/v1/me')).body.person.id;
  const ask = async (template: string): Promise<AccessRequest> => {
    const { templates } = (await world.call<TemplateList>('ana', 'GET', '/v1/templates')).body;
    const templateDigest = templates.find(({ id }) => id === template)?.digest;
    const duration = template === 'read-briefly' ? 'PT1M' : 'PT30M';
    const ticket = template === 'fix-status' ? { ticket: 'INC-1' } : {};
    const body = {
      template,
      templateDigest,
      duration,
      reason: 'Order 4711 is stuck after a retry',
      ...ticket,
    };
    return (await world.call<AccessRequest>('ana', 'POST', '/v1/requests', { key: newKey(), body })).body;
  };
  const granted = async () => String((await ask('read-orders')).grantId);
  const open = async (grantId: string, name: Name = 'ana') => {
    const { password, verifier } = await newSecret();
    const answer = await world.call<IssuedLease & Problem>(name, 'POST', `/v1/grants/${grantId}/leases`, {
      key: newKey(),
      body: { kind: 'postgresql', verifier },
    });
    return { ...answer, password };
  };
  const opened = async (grantId: string) => {
    const { status, body, password } = await open(grantId);
    assert.equal(status, 201, JSON.stringify(body));
    const psql = await world.login(body, password);
    return { leaseId: body.lease.id, role: body.connection.user, psql };
  };
  const end = (grantId: string) => world.call<Grant>('ana', 'POST', `/v1/grants/${grantId}/end`);
  const decide = (name: Name, request: AccessRequest) =>
    world.call<Problem>(name, 'POST', `/v1/requests/${request.id}/decisions`, {
      key: newKey(),
      body: { verdict: 'approve', digest: request.digest },
    });
  const copyOf = async (table: string, id: string) =>
    (
      await owner.query<{ row: string }>(`select to_jsonb(t)::text as row from ${table} t where id = $1`, [
        id,
      ])
    ).rows[0]!.row;
  /** As a whole, the version kept, so that nothing but the content tells. */
  const putBack = async (table: string, row: string) => {
    const { rows } = await owner.query<{ columns: string }>(
      `select string_agg(quote_ident(attname), ', ') as columns from pg_attribute
        where attrelid = $1::regclass and attnum > 0 and not attisdropped and attname <> 'version'`,
      [table],
    );
    const { columns } = rows[0]!;
    await owner.query(
      `update ${table} t set (${columns}) = (select ${columns} from jsonb_populate_record(null::${table}, $1::jsonb))
        where id = ($1::jsonb ->> 'id')::uuid`,
      [row],
    );
  };
  const alarmed = (record: string, id: string) =>
    eventually(async () => {
      const { rows } = await owner.query<{ logged: boolean }>(
        `select true as logged from audit_event e join audit_number n on n.event_id = e.id
          where action = 'record not authentic' and detail ->> 'record' = $1 and detail ->> 'id' = $2`,
        [record, id],
      );
      const line = world.log.some((one) => one.includes('"record not authentic"') && one.includes(id));
      return rows.length > 0 && line ? rows.length : undefined;
    });
  /** Nothing is given for it, the answer says what to do, and the alarm is there, once. */
  const refused = async (answer: { status: number; body: Problem }, record: string, id: string) => {
    assert.equal(answer.status, 409, JSON.stringify(answer.body));
    assert.match(answer.body.type, /not-authentic$/);
    assert.match(answer.body.detail, /Tell your security team/);
    assert.equal(await alarmed(record, id), 1);
  };
  const gone = ({ role, psql }: { role: string; psql: pg.Client }, withinMs?: number) =>
    eventually(async () => {
      const roles = await world.shop.run(`select from pg_roles where rolname = '${role}'`);
      const alive = await psql.query('select 1').then(
        () => true,
        () => false,
      );
      return roles.length === 0 && !alive ? true : undefined;
    }, withinMs);

  const altered: Record<string, string> = {
    'a later end': `expires_at = expires_at + interval '1 day'`,
    'a longer duration': 'duration_s = 86400',
    'more terminals': 'terminals = 100',
    'another target': `target = 'billing'`,
  };
  for (const [what, change] of Object.entries(altered))
    it(`who gives a grant ${what} gets nothing for it`, async () => {
      const id = await granted();
      const first = await opened(id);
      await owner.query(`update "grant" set ${change} where id = $1`, [id]);
      await refused(await open(id), 'grant', id);
      await end(id);
      await gone(first);
    });

  it('who makes somebody else the holder gets nothing for it', async () => {
    const id = await granted();
    const { rows } = await owner.query<{ id: string }>(`select id from person where subject = 'ben'`);
    const ben = rows[0]?.id ?? (await idOf('ben'));
    await owner.query(`update "grant" set holder = $2 where id = $1`, [id, ben]);
    await refused(await open(id, 'ben'), 'grant', id);
  });

  it('who makes a grant of nothing gets nothing for it', async () => {
    const request = await ask('fix-status');
    const id = randomUUID();
    await owner.query(`update request set state = 'approved' where id = $1`, [request.id]);
    await owner.query(
      `insert into "grant" (id, request_id, holder, target, duration_s, terminals, state, activate_by)
       values ($1, $2, $3, 'shop', 3600, 2, 'approved', now() + interval '1 hour')`,
      [id, request.id, request.requester.id],
    );
    await refused(await open(id), 'grant', id);
  });

  it('who gives a grant the code of another gets nothing for it', async () => {
    const [one, another] = [await granted(), await granted()];
    await owner.query(`update "grant" set mac = (select mac from "grant" where id = $2) where id = $1`, [
      one,
      another,
    ]);
    await refused(await open(one), 'grant', one);
  });

  it('who alters what was asked for gets nothing for it', async () => {
    const id = await granted();
    const { rows } = await owner.query<{ request_id: string }>(
      'select request_id from "grant" where id = $1',
      [id],
    );
    const request = rows[0]!.request_id;
    await owner.query(
      `update request set scope = '{"privileges": ["delete on sales.orders"]}' where id = $1`,
      [request],
    );
    await refused(await open(id), 'request', request);
  });

  it('who names themselves an approver approves nothing', async () => {
    const request = await ask('fix-status');
    await owner.query(
      `update request set approve_by = '{newcomers}',
         demands = '{"needs": [{"by": ["newcomers"], "number": 1}], "never": []}' where id = $1`,
      [request.id],
    );
    await refused(await decide('dan', request), 'request', request.id);
  });

  it('who says that no approval or another one is enough gets nothing for it', async () => {
    const request = await ask('fix-status');
    for (const demands of [
      'null',
      `demands || '{"never": ["newcomers"]}'`,
      `'{"needs": [{"by": ["payments-leads", "security"], "number": 1}], "never": []}'`,
    ]) {
      await owner.query(`update request set demands = ${demands} where id = $1`, [request.id]);
      await refused(await decide('ben', request), 'request', request.id);
    }
    await world.call('ana', 'POST', `/v1/requests/${request.id}/withdraw`);
  });

  it('who writes an approval is not taken for an approver', async () => {
    const request = await ask('fix-status');
    const id = randomUUID();
    const { rows } = await owner.query<{ id: string }>('select id from person limit 1');
    await owner.query(
      `insert into decision (id, request_id, person_id, verdict, digest) values ($1, $2, $3, 'approve', $4)`,
      [id, request.id, rows[0]!.id, request.digest],
    );
    const shown = (await world.call<AccessRequest>('ana', 'GET', `/v1/requests/${request.id}`)).body;
    assert.deepEqual(shown.decisions, []);
    assert.equal(await alarmed('decision', id), 1);
  });

  it('who copies an approval has it counted once', async () => {
    const request = await ask('fix-status');
    await decide('ben', request);
    await owner.query('alter table decision drop constraint decision_pkey');
    await owner.query('alter table decision drop constraint decision_request_id_person_id_key');
    const copied = await owner.query<{ id: string }>(
      'insert into decision select * from decision where request_id = $1 returning id',
      [request.id],
    );
    const shown = (await world.call<AccessRequest>('ana', 'GET', `/v1/requests/${request.id}`)).body;
    assert.equal(shown.decisions.length, 1);
    assert.equal(await alarmed('decision', copied.rows[0]!.id), 1);
  });

  it('who puts a request back that was withdrawn has nothing approved', async () => {
    const request = await ask('fix-status');
    const before = await copyOf('request', request.id);
    await world.call('ana', 'POST', `/v1/requests/${request.id}/withdraw`);
    await putBack('request', before);
    await refused(await decide('ben', request), 'request', request.id);
  });

  for (const [over, how] of [
    ['ended', end],
    [
      'revoked',
      (id: string) => world.call('ben', 'POST', `/v1/grants/${id}/revoke`, { body: { comment: 'Not now' } }),
    ],
  ] as const)
    it(`who puts a grant back that was ${over} gets nothing for it`, async () => {
      const id = await granted();
      const approved = await copyOf('"grant"', id);
      const first = await opened(id);
      const active = await copyOf('"grant"', id);
      await how(id);
      await gone(first);
      for (const before of [approved, active]) {
        await putBack('"grant"', before);
        await refused(await open(id), 'grant', id);
      }
    });

  it('who sets a grant’s clock back gets nothing for it', async () => {
    const id = await granted();
    const approved = await copyOf('"grant"', id);
    const first = await opened(id);
    await putBack('"grant"', approved);
    await refused(await open(id), 'grant', id);
    await owner.query(
      `update "grant" set state = 'active', activated_at = now(), expires_at = now() + interval '1 minute' where id = $1`,
      [id],
    );
    await world.call('ben', 'POST', `/v1/grants/${id}/revoke`, { body: { comment: 'Not now' } });
    await gone(first);
  });

  it('who moves a lease’s end, its grant or its target has it ended at once', async () => {
    const [id, another] = [await granted(), await granted()];
    const notify = () => owner.query(`select pg_notify('daypass_lease', 'shop')`);
    for (const change of [`due_at = due_at + interval '1 day'`, `grant_id = '${another}'`]) {
      const lease = await opened(id);
      await owner.query(`update lease set ${change} where id = $1`, [lease.leaseId]);
      await notify();
      await gone(lease);
      assert.equal(await alarmed('lease', lease.leaseId), 1);
    }
    const moved = await opened(id);
    await owner.query(`update lease set target = 'nowhere' where id = $1`, [moved.leaseId]);
    await notify();
    await gone(moved);
  });

  it('who deletes a lease’s record, or calls it over, does not save the login', async () => {
    const id = await granted();
    const [one, another] = [await opened(id), await opened(id)];
    await owner.query('delete from lease where id = $1', [one.leaseId]);
    await owner.query(
      `update lease set state = 'closed', closed_at = now(), closing_at = now(), close_reason = 'ended' where id = $1`,
      [another.leaseId],
    );
    await owner.query(`select pg_notify('daypass_lease', 'shop')`);
    await Promise.all([gone(one), gone(another)]);
  });

  it('is not suspected where one person opens two terminals at once', async () => {
    const id = await granted();
    await owner.query('begin');
    await owner.query('select from "grant" where id = $1 for update', [id]);
    const both = [open(id), open(id)];
    await eventually(async () => {
      const { rows } = await owner.query('select from pg_locks where not granted');
      return rows.length === 2 || undefined;
    });
    await owner.query('rollback');
    for (const { status, body } of await Promise.all(both)) assert.equal(status, 201, JSON.stringify(body));
    await end(id);
  });

  it('who writes a receipt beforehand does not keep the lease open, and is told of', async () => {
    const id = await granted();
    const leases = [await opened(id), await opened(id)];
    for (const { leaseId } of leases.slice(0, 1))
      await owner.query(`insert into receipt (lease_id, receipt) values ($1, '{}')`, [leaseId]);
    await world.call('ana', 'POST', `/v1/grants/${id}/end`);
    await Promise.all(leases.map((one) => gone(one)));
    assert.equal(await alarmed('receipt', leases[0]!.leaseId), 1);
    for (const { leaseId } of leases) {
      const closed = await eventually(async () => {
        const { rows } = await owner.query<{ proven: boolean }>(
          `select detail -> 'receipt' -> 'probe' is not null as proven from audit_event
            where action = 'lease closed' and resource_id = $1`,
          [leaseId],
        );
        return rows[0];
      });
      assert.ok(closed.proven, 'the true receipt stands in the audit log');
    }
    const { status, body } = await world.call<Grant>('ana', 'GET', `/v1/grants/${id}`);
    assert.equal(status, 200, JSON.stringify(body));
    const [forged, other] = body.leases;
    assert.match(forged?.absent ?? '', /somebody had written a receipt of it before/);
    assert.equal(forged?.receipt, undefined);
    assert.ok(other?.receipt);
  });

  it('who lets one record refuse its end holds up no other', async () => {
    const [stuck, other] = [await granted(), await granted()];
    const stateOf = async (id: string) =>
      (await owner.query<{ state: string }>(`select state from "grant" where id = $1`, [id])).rows[0]?.state;
    await owner.query(`update "grant" set activate_by = now() - interval '1 minute' where id = $1`, [stuck]);
    await owner.query(`create function refuse() returns trigger language plpgsql as
      $$ begin raise 'no'; end $$`);
    await owner.query(
      `create trigger refuse before update on "grant" for each row when (old.id = '${stuck}') execute function refuse()`,
    );
    await owner.query(`update "grant" set activate_by = now() - interval '1 second' where id = $1`, [other]);
    await owner.query(`select pg_notify('daypass_expiry', '')`);
    await eventually(async () => (await stateOf(other)) === 'lapsed' || undefined);
    assert.equal(await stateOf(stuck), 'approved');
    await owner.query('drop function refuse cascade');
    await eventually(async () => (await stateOf(stuck)) === 'lapsed' || undefined);
  });

  it('who calls an access over has what is open under it ended, and is told of', async () => {
    const [byLook, byEnd] = [await granted(), await granted()];
    const hidden = `update "grant" set state = 'ended', ended_at = now() where id = $1`;
    const lease = await opened(byLook);
    await owner.query(hidden, [byLook]);
    await owner.query(`select pg_notify('daypass_lease', 'shop')`);
    await gone(lease);
    assert.equal(await alarmed('lease', lease.leaseId), 1);

    const other = await opened(byEnd);
    await owner.query(hidden, [byEnd]);
    assert.equal((await end(byEnd)).status, 200);
    await gone(other);
    assert.equal(await alarmed('grant', byEnd), 1);
  });

  it('who takes an access out of a colleague’s sight is told of when they look for it', async () => {
    const id = await granted();
    const lease = await opened(id);
    const { rows } = await owner.query<{ id: string }>(
      `update request set revoke_by = '{}', approve_by = '{}' where id = (select request_id from "grant" where id = $1) returning id`,
      [id],
    );
    const revoked = await world.call('ben', 'POST', `/v1/grants/${id}/revoke`, {
      body: { comment: 'Not now' },
    });
    assert.equal(revoked.status, 404);
    assert.equal(await alarmed('request', rows[0]!.id), 1);
    await end(id);
    await gone(lease);
  });

  it('who renames the installation has what is open ended all the same, and is told of', async () => {
    const id = await granted();
    const lease = await opened(id);
    const { rows } = await owner.query<{ id: string }>('select id from installation');
    await owner.query(`update installation set id = 'deadbeef'`);
    await world.restart();
    await becomeOwner();
    assert.equal(await alarmed('lease', lease.leaseId), 1);
    await end(id);
    await gone(lease);
    await owner.query('update installation set id = $1', [rows[0]!.id]);
    await world.restart();
    await becomeOwner();
  });

  it('who exchanges people is still nobody else', async () => {
    const [ana] = (
      await owner.query<{ id: string; issuer: string }>(`select id, issuer from person where id = $1`, [
        await idOf('ana'),
      ])
    ).rows;
    const id = await granted();
    await owner.query(`update person set subject = 'dan-of-before' where subject = 'dan'`);
    await owner.query(`update person set subject = 'dan' where id = $1`, [ana!.id]);
    await world.restart();
    await becomeOwner();
    assert.equal((await open(id, 'dan')).status, 404);
    assert.equal(await idOf('ana'), ana!.id);
    assert.notEqual(personId({ issuer: ana!.issuer, subject: 'dan' }), ana!.id);
  });

  it('is told of in /readyz, without a name', async () => {
    const warnings = async () =>
      (await (await fetch(`${world.url}/readyz`)).json()) as { warnings: string[] };
    const id = await granted();
    await owner.query('update "grant" set terminals = 99 where id = $1', [id]);
    await refused(await open(id), 'grant', id);
    const { warnings: said } = await warnings();
    assert.ok(
      said.some((one) => /not as the broker wrote them/.test(one)),
      said.join(),
    );
    assert.equal(said.join().includes(id), false);
  });
});
