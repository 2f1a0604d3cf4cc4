import type { FastifyInstance } from 'fastify';
import { routes } from '../../contract/routes.ts';
import type { Context } from '../context.ts';
import { mayRevoke, maySee } from '../rules/policy.ts';
import { grantById, listGrants, lockGrant, stepGrant, type GrantRow } from '../store/grant.ts';
import { closeLeases, leasesOf } from '../store/lease.ts';
import { requestById, ruleOf, type RequestRow } from '../store/request.ts';
import type { Db, Trx } from '../store/schema.ts';
import type { Caller } from './caller.ts';
import { alarmIfAltered, alarmIfForged } from './forged.ts';
import { byCode } from './decisions.ts';
import { aboutGrants, presentGrant, presentGrants, type AboutGrants } from './present-grants.ts';
import { Refusal } from './problem.ts';
import { handle } from './server.ts';
import { SharedReads } from './shared-reads.ts';

const listed = { open: 200, recent: 250 };

export function grantRoutes(app: FastifyInstance, context: Context): void {
  const { store } = context;

  const stored = new SharedReads<Stored<GrantRow>>();
  const shown = new SharedReads<AboutGrants>();
  const reread = async (caller: Caller, id: string) => {
    const read = async () => withRequest(store.db, await grantById(store.db, id));
    const { grant } = mustSee(context, caller, await stored.of(id, read));
    const about = await shown.of(`${id} ${grant.version}`, () => aboutGrants(context, [grant]));
    const answer = presentGrant(caller, grant, about);
    if (!answer) throw noGrant();
    return answer;
  };

  handle(app, routes.grants, async ({ caller, query }) => {
    const rows = await listGrants(
      store.db,
      caller,
      query.which === 'open' ? 'open' : 'all',
      listed[query.which],
    );
    return { grants: await presentGrants(context, caller, rows) };
  });

  handle(app, routes.grant, ({ caller, params }) => reread(caller, params.id));

  handle(app, routes.endGrant, async ({ caller, params }) => {
    await store.transaction('grant ended', (trx) => end(trx, context, caller, params.id));
    return reread(caller, params.id);
  });

  handle(app, routes.revokeGrant, async ({ caller, params, body }) => {
    await store.transaction('grant revoked', (trx) => revoke(trx, context, caller, params.id, body.comment));
    return reread(caller, params.id);
  });

  handle(
    app,
    routes.connections,
    async ({ caller, params }) => {
      const { grant, request } = await visible(
        store.db,
        context,
        caller,
        await grantById(store.db, params.id),
      );
      const at = context.targets.get(grant.target);
      const leases = (await leasesOf(store.db, [grant.id])).filter(
        (one) => one.state === 'issued' || one.state === 'closing',
      );
      if (!at)
        throw new Refusal('target-refused', `The target "${grant.target}" is not configured any more.`);
      try {
        const { connections, unknownAt } = await at.target.connections(
          leases.map((one) => ({ leaseId: one.id, role: one.role })),
        );
        return {
          connections: connections.map((one) => ({ ...one, since: one.since.toISOString() })),
          unknownAt,
          asOf: new Date().toISOString(),
        };
      } catch (error) {
        context.log.warn({ err: error, target: grant.target }, 'The live connections could not be read.');
        throw new Refusal(
          'target-refused',
          `${request.template.target.title} cannot be reached at the moment, so its connections are not known.`,
        );
      }
    },
    'look at a target',
  );
}

/** The holder is done. Once more changes nothing. */
export async function end(trx: Trx, context: Context, caller: Caller, grantId: string): Promise<void> {
  const { integrity } = context;
  const { grant, request } = await visible(trx, context, caller, await lockGrant(trx, grantId));
  if (grant.holder !== caller.id)
    throw new Refusal('not-allowed', 'Only its holder ends it; revoke it instead.');
  alarmIfForged(integrity, grant, request);
  const { grant: after } = await stepGrant(trx, integrity.macs, grant, 'ended', caller.id);
  // Also where it is called over: what is open under it then, somebody else has hidden.
  await closeLeases(trx, after, 'ended', caller.id);
}

/** Somebody ends the access of somebody else. The same word of theirs once more changes nothing. */
export async function revoke(
  trx: Trx,
  context: Context,
  caller: Caller,
  grantId: string,
  comment: string,
): Promise<void> {
  const { integrity } = context;
  const { grant, request } = await visible(trx, context, caller, await lockGrant(trx, grantId));
  if (grant.holder === caller.id) throw new Refusal('not-allowed', 'It is your own: end it instead.');
  alarmIfForged(integrity, grant, request);
  if (!caller.mayDecide) throw byCode();
  if (!mayRevoke(caller, ruleOf(request)))
    throw new Refusal(
      'not-allowed',
      `Members of ${request.revoke_by.join(' or ') || 'no group'} may revoke this.`,
    );
  const { step, grant: after } = await stepGrant(trx, integrity.macs, grant, 'revoked', caller.id, comment);
  const closing = await closeLeases(trx, after, 'revoked', caller.id);
  const again = grant.state === 'revoked' && grant.ended_by === caller.id;
  if (!step.moved && closing.length === 0 && !again)
    throw new Refusal('too-late', 'It is over already. Nothing is open under it.');
}

/** The grant with its request, if the caller has a part in it. */
export async function visible<Row extends GrantRow>(
  db: Db | Trx,
  context: Context,
  caller: Caller,
  grant: Row | undefined,
): Promise<{ grant: Row; request: RequestRow }> {
  return mustSee(context, caller, await withRequest(db, grant));
}

/** A grant and its request, whoever asks; undefined where they are not there. */
interface Stored<Row extends GrantRow> {
  readonly grant: Row | undefined;
  readonly request: RequestRow | undefined;
}

async function withRequest<Row extends GrantRow>(db: Db | Trx, grant: Row | undefined): Promise<Stored<Row>> {
  return { grant, request: grant ? await requestById(db, grant.request_id) : undefined };
}

function mustSee<Row extends GrantRow>(
  { config, integrity }: Context,
  caller: Caller,
  { grant, request }: Stored<Row>,
): { grant: Row; request: RequestRow } {
  // Also where it is not the caller's any more: that may be what somebody wrote.
  if (request) alarmIfAltered(integrity, request);
  if (!grant || !request || !maySee(caller, ruleOf(request), config.audit.by)) throw noGrant();
  return { grant, request };
}

export function noGrant(): Refusal {
  return new Refusal('not-found', 'There is no such access, or you have no part in it.');
}
