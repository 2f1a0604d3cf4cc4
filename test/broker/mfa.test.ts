import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { findPostmaster } from '../../src/broker/store/embedded-postmaster.ts';
import type { Grant } from '../../src/contract/grants.ts';
import type { IssuedLease } from '../../src/contract/leases.ts';
import type { Problem } from '../../src/contract/problems.ts';
import type { AccessRequest } from '../../src/contract/requests.ts';
import type { TemplateList } from '../../src/contract/templates.ts';
import type { TokenWishes } from '../../src/sandbox/provider/exchange.ts';
import { eventually } from './support/eventually.ts';
import {
  elsewhere,
  inState,
  newKey,
  newSecret,
  startWorld,
  type Answer,
  type Name,
  type World,
} from './support/world.ts';

const template = (id: string, more: string) => `
template: ${id}
title: Read orders, ${id}
summary: Look at orders. Change nothing.
target: shop
scope:
  privileges: [select on sales.orders]
duration: { default: PT30M, longest: PT1H }
request: { by: [engineering] }
revoke: { by: [payments-leads] }
${more}
`;
const strict = 'mfa: { within: PT15M, acr: [mfa] }';

const minutes = (count: number) => count * 60;
const hours = (count: number) => count * 3600;
const byCode = { client: 'daypass-device', acrValues: 'mfa' };
const challenge = 'Bearer error="insufficient_user_authentication", acr_values="mfa", max_age="840"';

describe('A sign-in that is not enough', function () {
  this.timeout(60_000);
  let world: World;
  let signedInAgo = 0;

  before(async () => {
    world = await startWorld({
      mostOpen: 100,
      signInAt: () => new Date(Date.now() - signedInAgo * 1000),
      templates: {
        'refund.yaml': template('refund', `${strict}\napprove: nobody`),
        'later.yaml': template('later', 'mfa: { acr: [mfa], at: [activation] }\napprove: nobody'),
        'asked.yaml': template(
          'asked',
          'approve: { by: [payments-leads], mfa: { within: PT15M, acr: [mfa] } }',
        ),
        'changing.yaml': template('changing', `${strict}\napprove: nobody`),
      },
    });
    // Codes of yesterday are of no use once one of today was used.
    for (const ago of [hours(1), minutes(16), minutes(14), 0]) await withMfa('ana', ago);
    await signIn('ana', 0, byCode);
  });
  after(() => world.stop());

  const tokens = new Map<string, string>();
  /** A token whose holder signed in so many seconds ago. A code counts once, so that each is signed in for once. */
  const signIn = async (name: Name, ago: number, wishes: TokenWishes = {}): Promise<string> => {
    const which = JSON.stringify([name, ago, wishes]);
    signedInAgo = ago;
    try {
      const token = tokens.get(which) ?? (await world.provider.tokenFor(name, wishes)).accessToken;
      tokens.set(which, token);
      return token;
    } finally {
      signedInAgo = 0;
    }
  };
  const withMfa = (name: Name, ago = 0) => signIn(name, ago, { acrValues: 'mfa' });
  const call = <T>(
    token: string,
    method: string,
    path: string,
    more: { body?: unknown; key?: string } = {},
  ) =>
    world.call<T & Problem>(undefined, method, path, {
      ...more,
      headers: { authorization: `Bearer ${token}` },
    });

  const ask = async (token: string, id: string, key = newKey()) => {
    const { templates } = (await world.call<TemplateList>('ana', 'GET', '/v1/templates')).body;
    const templateDigest = templates.find((one) => one.id === id)?.digest;
    return call<AccessRequest>(token, 'POST', '/v1/requests', {
      key,
      body: { template: id, templateDigest, duration: 'PT30M', reason: 'Customer 7 was charged twice' },
    });
  };
  const open = async (token: string, grantId: string | undefined, key = newKey(), half = newSecret()) => {
    const { verifier } = await half;
    const body = { kind: 'postgresql', verifier };
    return call<IssuedLease>(token, 'POST', `/v1/grants/${String(grantId)}/leases`, { key, body });
  };
  const decide = (token: string, { id, digest }: AccessRequest, verdict: 'approve' | 'deny') =>
    call<AccessRequest>(token, 'POST', `/v1/requests/${id}/decisions`, {
      key: newKey(),
      body: { verdict, digest, ...(verdict === 'deny' ? { comment: 'use the replica instead' } : {}) },
    });
  const grantOf = async (id: string | undefined) =>
    (await world.call<Grant>('ana', 'GET', `/v1/grants/${String(id)}`)).body;
  const refused = ({ status, headers, body }: Answer<Problem>, header = challenge) => {
    assert.equal(status, 401, JSON.stringify(body));
    assert.equal(headers.get('www-authenticate'), header);
    assert.equal(body.type, 'https://daypass.dev/problems/step-up-needed');
  };

  it('is answered with what it must be, in the header and in the body (RFC 9470)', async () => {
    const answer = await ask(await signIn('ana', 0), 'refund');
    refused(answer);
    assert.deepEqual(answer.body.challenge, { acrValues: ['mfa'], maxAge: 840, inBrowser: true });
    assert.match(answer.body.detail, /^This needs a sign-in with a second factor/);
    assert.equal(answer.headers.get('content-type'), 'application/problem+json');
  });

  it('leaves the Idempotency-Key free for the same request with a better one', async () => {
    const key = newKey();
    refused(await ask(await signIn('ana', 0), 'refund', key));
    const better = await withMfa('ana');
    const { status, body } = await ask(better, 'refund', key);
    assert.equal(status, 201, JSON.stringify(body));
    assert.equal(body.state, 'approved');
    assert.equal((await ask(better, 'refund', key)).body.id, body.id);
  });

  it('with a second factor counts only while it is new', async () => {
    const old = await ask(await withMfa('ana', minutes(16)), 'refund');
    refused(old);
    assert.match(old.body.detail, /^This needs a sign-in of the last 15 min; yours is 16 min old\./);
    assert.equal((await ask(await withMfa('ana', minutes(14)), 'refund')).status, 201);
  });

  it('by code is refused whatever was proven with it', async () => {
    const answer = await ask(await signIn('ana', 0, byCode), 'refund');
    refused(answer);
    assert.match(answer.body.detail, /^A sign-in by code does not count for this/);
  });

  it('gets no lease; the access stands, and its clock with it', async () => {
    const token = await withMfa('ana');
    const { grantId } = (await ask(token, 'refund')).body;
    const key = newKey();
    const half = newSecret();
    for (const less of [await signIn('ana', 0), await withMfa('ana', minutes(16))])
      refused(await open(less, grantId, key, half));
    const { state, leases } = await grantOf(grantId);
    assert.deepEqual([state, leases], ['approved', []]);
    const issued = await open(token, grantId, key, half);
    assert.equal(issued.status, 201, JSON.stringify(issued.body));
    // The same call again gives nothing new, and is how a lost answer is found out.
    const again = await open(await signIn('ana', 0), grantId, key, half);
    assert.equal(again.body.lease.id, issued.body.lease.id);
    refused(await open(await signIn('ana', 0), grantId));
    assert.equal(
      (await call(await signIn('ana', 0), 'POST', `/v1/grants/${String(grantId)}/end`)).status,
      200,
    );
  });

  it('of somebody else, or for something else, gets neither challenge nor lease', async () => {
    const { grantId } = (await ask(await withMfa('ana'), 'refund')).body;
    const { status } = await open(await withMfa('ben'), grantId);
    assert.equal(status, 403);
    const foreign = await signIn('ana', 0, { resource: elsewhere });
    const answer = await open(foreign, grantId);
    assert.equal(answer.status, 401);
    assert.match(answer.headers.get('www-authenticate') ?? '', /^Bearer error="invalid_token"/);
    assert.deepEqual((await grantOf(grantId)).leases, []);
  });

  it('is enough to ask where the template looks at it only when a terminal is opened', async () => {
    const weak = await signIn('ana', 0);
    const { body } = await ask(weak, 'later');
    assert.equal(body.state, 'approved');
    refused(
      await open(weak, body.grantId),
      'Bearer error="insufficient_user_authentication", acr_values="mfa", max_age="43140"',
    );
    assert.equal((await open(await withMfa('ana', hours(1)), body.grantId)).status, 201);
  });

  it('is not enough to approve, and enough to deny and to revoke', async () => {
    const weak = await signIn('ben', 0);
    const [first, second] = [
      await ask(await signIn('ana', 0), 'asked'),
      await ask(await signIn('ana', 0), 'asked'),
    ];
    assert.deepEqual(first.body.template.approval.mfa, { within: 'PT15M', acr: ['mfa'] });
    refused(await decide(weak, first.body, 'approve'));
    assert.equal((await decide(weak, second.body, 'deny')).body.state, 'denied');
    const approved = await decide(await withMfa('ben'), first.body, 'approve');
    assert.equal(approved.body.state, 'approved');
    const path = `/v1/grants/${String(approved.body.grantId)}/revoke`;
    assert.equal((await call(weak, 'POST', path, { body: { comment: 'not needed any more' } })).status, 200);
  });

  it('that is older than any may be can look, end, withdraw and revoke, and nothing else', async () => {
    const header = 'Bearer error="insufficient_user_authentication", max_age="43140"';
    const fresh = await signIn('ana', 0);
    const [ana, ben] = [await signIn('ana', hours(12) + 60), await signIn('ben', hours(12) + 60)];
    const old = await ask(ana, 'read-orders');
    refused(old, header);
    assert.match(old.body.detail, /^This needs a sign-in of the last 12 h; yours is 12 h 1 min old\./);
    const { body: pending } = await ask(fresh, 'asked');
    refused(await decide(ben, pending, 'deny'), header);
    const about = `/v1/requests/${pending.id}`;
    refused(await call(ben, 'POST', `${about}/claim`, { body: {} }), header);
    for (const token of [ana, ben])
      refused(
        await call(token, 'POST', `${about}/messages`, { key: newKey(), body: { text: 'Why now?' } }),
        header,
      );
    assert.equal((await call(ana, 'POST', `/v1/requests/${pending.id}/withdraw`)).status, 200);
    const { grantId } = (await ask(fresh, 'read-orders')).body;
    refused(await open(ana, grantId), header);
    assert.equal((await open(fresh, grantId)).status, 201);
    assert.equal((await call(ana, 'GET', '/v1/grants')).status, 200);
    const revoke = `/v1/grants/${String(grantId)}/revoke`;
    assert.equal((await call(ben, 'POST', revoke, { body: { comment: 'the shop is closed' } })).status, 200);
  });

  it('stands in the audit log like any other refused attempt', async () => {
    await ask(await signIn('ana', 0), 'refund');
    const found = await inState(world, (client) =>
      client.query(
        `select detail from daypass.audit_event where action = 'attempt refused' and detail->>'why' = 'step-up-needed'`,
      ),
    );
    const calls = new Set(found.rows.map(({ detail }: { detail: { call: string } }) => detail.call));
    assert.deepEqual([...calls].sort(), [
      'POST /v1/grants/{id}/leases',
      'POST /v1/requests',
      'POST /v1/requests/{id}/claim',
      'POST /v1/requests/{id}/decisions',
      'POST /v1/requests/{id}/messages',
    ]);
  });

  it('is judged by what the template said when it was asked for', async () => {
    const { grantId } = (await ask(await withMfa('ana'), 'changing')).body;
    const file = join(world.templates, 'changing.yaml');
    await writeFile(file, (await readFile(file, 'utf8')).replace(strict, ''));
    await eventually(async () => {
      const { templates } = (await world.call<TemplateList>('ana', 'GET', '/v1/templates')).body;
      return templates.some(({ id, mfa }) => id === 'changing' && mfa === undefined) || undefined;
    });
    refused(await open(await signIn('ana', 0), grantId));
  });

  it('is not made enough by whoever owns the database', async () => {
    const { id, grantId } = (await ask(await withMfa('ana'), 'refund')).body;
    const state = join(world.folder, 'state');
    const owner = new pg.Client({
      host: '127.0.0.1',
      port: (await findPostmaster(join(state, 'data')))!.port,
      user: 'daypass_owner',
      password: (await readFile(join(state, 'owner.password'), 'utf8')).trim(),
      database: 'daypass',
    });
    await owner.connect();
    try {
      await owner.query(`update daypass.request set demands = demands - 'mfa' where id = $1`, [id]);
    } finally {
      await owner.end();
    }
    const answer = await open(await signIn('ana', 0), grantId);
    assert.equal(answer.body.type, 'https://daypass.dev/problems/not-authentic');
  });
});
