import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { migrate } from '../../../src/broker/store/migrate.ts';
import type { AccessRequest } from '../../../src/contract/requests.ts';
import { Secret } from '../../../src/contract/secret.ts';
import { eventsInsert } from './bare-events.ts';
import type { Description } from './messages.ts';

const database = 'bare';
const [requester, lead] = [
  '00000000-0000-4000-8000-00000000000a',
  '00000000-0000-4000-8000-00000000000b',
] as const;

/** As many as a broker has for writing. */
export const bareConnections = 8;

/** What a bare script tells of a decision on, and its payload is the request's id. */
export const bareChannel = 'bare_decision';

/** How a bare script reaches its store. */
export const bareConnection = ({ port, password }: Description['shop']): pg.ClientConfig => ({
  host: '127.0.0.1',
  port,
  database,
  user: 'postgres',
  password,
  ssl: false,
  options: '-c search_path=daypass',
});

/**
 * A database with the broker's own tables and indexes that no broker looks at, and in it requests that wait.
 * @param server where it is made
 * @param like what each request looks like
 * @returns their ids
 */
export async function makeBareStore(
  server: Description['shop'],
  like: AccessRequest,
  requests: number,
): Promise<string[]> {
  const { port, password } = server;
  const administrator = new pg.Client({ ...bareConnection(server), database: 'postgres' });
  await administrator.connect();
  await administrator.query(`create database ${database}`);
  await administrator.end();
  const owner = { user: 'postgres', password: new Secret(password) };
  await migrate({ kind: 'server', host: '127.0.0.1', port, database, tls: { mode: 'off' }, owner });
  const client = new pg.Client(bareConnection(server));
  await client.connect();
  await client.query(
    `insert into person (id, issuer, subject, name) select id, 'bare', id, 'Somebody' from unnest($1::uuid[]) id`,
    [[requester, lead]],
  );
  const { rows } = await client.query<{ id: string }>(
    `insert into request (id, requester, template_id, template, scope, target, duration_s, reason, digest, approve_by, revoke_by, quorum, state, answer_by, mac)
     select gen_random_uuid(), $1, $2, $3, '{"privileges":["select on sales.orders"]}', $4, 3600, $5, $6, '{payments-leads}', '{payments-leads}', 1,
            'pending', now() + interval '1 day', repeat('m', 50)
       from generate_series(1, $7::int) returning id`,
    [requester, like.template.id, like.template, like.template.target.id, like.reason, like.digest, requests],
  );
  await client.end();
  return rows.map(({ id }) => id);
}

/** An approval: the rows that it changes and adds, in one transaction, and whoever listens told of it. */
export async function bareDecision(client: pg.ClientBase, requestId: string): Promise<void> {
  const grantId = randomUUID();
  const about = (action: string, resource: string, id: string, grant: string | null, detail: object) => [
    ...[randomUUID(), action, lead, resource, id, 2, requestId, grant, 'shop'],
    JSON.stringify(detail),
  ];
  await client.query('begin');
  const { rows } = await client.query<{ digest: string }>(
    `update request set state = 'approved', version = version + 1 where id = $1 and state = 'pending' returning digest`,
    [requestId],
  );
  const [request] = rows;
  if (!request) throw new Error('The request of the bare script does not wait.');
  await client.query(
    `insert into decision (id, request_id, person_id, verdict, digest, groups, mac)
     values ($1, $2, $3, 'approve', $4, '{payments-leads}', repeat('m', 50))`,
    [randomUUID(), requestId, lead, request.digest],
  );
  await client.query(
    `insert into "grant" (id, request_id, holder, target, duration_s, terminals, state, activate_by, mac)
     values ($1, $2, $3, 'shop', 3600, 10, 'approved', now() + interval '1 hour', repeat('m', 50)) returning *`,
    [grantId, requestId, requester],
  );
  await client.query(eventsInsert(2), [
    ...about('request approved', 'request', requestId, null, {}),
    ...about('grant approved', 'grant', grantId, grantId, { durationSeconds: 3600 }),
  ]);
  await client.query(
    `insert into idempotency_key (person_id, route, key, body_hash, resource_id) values ($1, $2, $3, repeat('h', 64), $4)`,
    [lead, `decisions ${requestId}`, randomUUID(), requestId],
  );
  await client.query('select pg_notify($1, $2)', [bareChannel, requestId]);
  await client.query('commit');
}
