import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { IssuedLease, NewLease } from '../../contract/leases.ts';
import { routes } from '../../contract/routes.ts';
import type { Context } from '../context.ts';
import { demandAt } from '../rules/sign-in.ts';
import { lockGrant, stepGrant, type GrantRow, type LockedGrant } from '../store/grant.ts';
import { hashOf } from '../store/idempotency.ts';
import {
  closeLeases,
  insertLease,
  leasesOf,
  receiptsOf,
  settleIssue,
  type LeaseRow,
} from '../store/lease.ts';
import { keepEvidence } from '../store/lease-evidence.ts';
import { ruleOf, type RequestRow } from '../store/request.ts';
import type { Trx } from '../store/schema.ts';
import { stopwatch, type Elapsed } from '../targets/elapsed.ts';
import { IssueFailed } from '../targets/target.ts';
import type { Caller } from './caller.ts';
import { notAuthentic } from './decisions.ts';
import { alarmIfForged } from './forged.ts';
import { visible } from './grants.ts';
import { presentLease } from './present-grants.ts';
import { Refusal } from './problem.ts';
import { handle } from './server.ts';
import { demandSignIn } from './sign-in.ts';

export function leaseRoutes(app: FastifyInstance, context: Context): void {
  const { store } = context;

  // In turn only until the intent stands: a target that does not answer must not hold up its holder's other calls.
  handle(
    app,
    routes.createLease,
    async ({ caller, params, body, key, inTurn }) => {
      const { intent, sinceIntent } = await inTurn('change', async () => {
        const since = stopwatch();
        const recorded = await store.transaction('lease intended', (trx) =>
          recordIntent(trx, context, caller, { grantId: params.id, key, body }),
        );
        return { intent: recorded, sinceIntent: since };
      });
      const lease = intent.repeated
        ? intent.lease
        : await issue(context, intent.lease, intent.request, body, sinceIntent);
      return issued(context, lease, intent.request);
    },
    'none',
  );

  handle(app, routes.endLease, async ({ caller, params }) => {
    const lease = await store.transaction('lease ended', async (trx) => {
      const { grant } = await visible(trx, context, caller, await lockGrant(trx, params.id));
      if (grant.holder !== caller.id) throw new Refusal('not-allowed', 'Only its holder closes a terminal.');
      await closeLeases(trx, grant, 'terminal closed', caller.id, params.lease);
      return (await leasesOf(trx, [grant.id])).find((one) => one.id === params.lease);
    });
    if (!lease) throw new Refusal('not-found', 'There is no such terminal under this access.');
    return presentLease(lease, (await receiptsOf(store.db, [lease.id])).get(lease.id));
  });
}

/** Terminals in all, one after the other: each stands in every answer about its grant. */
const mostLeases = 100;

interface Wanted {
  readonly grantId: string;
  readonly key: string;
  readonly body: NewLease;
}

/** The intent with its due time and its audit event stands in the store before anything touches the target. */
async function recordIntent(
  trx: Trx,
  context: Context,
  caller: Caller,
  { grantId, key, body }: Wanted,
): Promise<{ lease: LeaseRow; request: RequestRow; repeated: boolean }> {
  const { grant, request } = await visible(trx, context, caller, await lockGrant(trx, grantId));
  if (grant.holder !== caller.id) throw new Refusal('not-allowed', 'Only its holder opens a terminal.');

  demandAuthentic(context, grant, request);

  const bodyHash = hashOf(body);
  // Its first lease activates it: before that there is none to look for.
  const leases = grant.state === 'approved' ? [] : await leasesOf(trx, [grantId]);
  const earlier = leases.find((one) => one.idempotency_key === key);
  if (earlier) {
    if (earlier.body_hash !== bodyHash)
      throw new Refusal('key-reused', 'This Idempotency-Key was used for another credential. Use a new one.');
    if (earlier.state === 'issuing')
      throw new Refusal('in-progress', 'The same call is still being worked on. Try again in a moment.');
    if (earlier.state === 'failed')
      throw new Refusal('too-late', 'That terminal could not be opened. Open another one.');
    if (earlier.state !== 'issued')
      throw new Refusal('too-late', 'That terminal is closed. Open another one.');
    return { lease: earlier, request, repeated: true };
  }

  if (!context.targets.has(grant.target))
    throw new Refusal(
      'target-refused',
      `The target "${grant.target}" is not configured any more. Tell your platform team.`,
    );
  const { step, grant: active } = await stepGrant(
    trx,
    context.integrity.macs,
    grant,
    'lease wanted',
    caller.id,
  );
  if (!step.moved) throw tooLate(grant, step.why === 'too late');
  const inUse = leases.filter((one) => one.state === 'issuing' || one.state === 'issued').length;
  if (inUse >= grant.terminals)
    throw new Refusal(
      'too-many-terminals',
      `This access allows ${grant.terminals} terminals at once. Close one first.`,
    );

  if (leases.length >= mostLeases)
    throw new Refusal(
      'too-many-terminals',
      `${mostLeases} terminals were opened under this access, which is the most. Request it again.`,
    );

  demandSignIn(context, caller, demandAt('activation', ruleOf(request).mfa));
  const id = randomUUID();
  const role = context.targets.get(grant.target)?.target.roleOf(id) ?? '';
  const lease = await insertLease(trx, context.integrity.macs, active, { id, role, key, bodyHash });
  return { lease, request, repeated: false };
}

/** No credential for what somebody else wrote into the database, or put back there. */
function demandAuthentic(context: Context, grant: LockedGrant, request: RequestRow): void {
  if (grant.state !== 'approved' && grant.state !== 'active') return;
  if (alarmIfForged(context.integrity, grant, request)) throw notAuthentic();
}

async function issue(
  context: Context,
  lease: LeaseRow,
  request: RequestRow,
  body: NewLease,
  sinceIntent: Elapsed,
): Promise<LeaseRow> {
  const at = context.targets.get(lease.target);
  if (!at) throw new Refusal('target-refused', `The target "${lease.target}" is not configured any more.`);
  const { store, log, metrics } = context;
  const begun = performance.now();
  const owed = {
    leaseId: lease.id,
    role: lease.role,
    state: 'issuing',
    createdAt: lease.created_at,
    issuedAt: null,
    dueAt: lease.due_at,
    templateId: request.template_id,
    scope: request.scope,
    evidence: lease.evidence,
    authentic: true,
  } as const;
  return at.worker.whileIssuing(owed, async () => {
    let evidence: unknown;
    try {
      evidence = await at.target.issue(
        {
          leaseId: lease.id,
          role: lease.role,
          templateId: request.template_id,
          scope: request.scope,
          verifier: body.verifier,
          expiresAt: lease.due_at,
        },
        (before) =>
          store.transaction('evidence kept', (trx) => keepEvidence(trx, before, at.target.together)),
        sinceIntent,
      );
      metrics.issued((performance.now() - begun) / 1000);
    } catch (error) {
      const nothingCreated = error instanceof IssueFailed && error.nothingCreated;
      const obstacle =
        error instanceof IssueFailed
          ? error.message
          : `${request.template.target.title} did not answer as expected. Try again.`;
      log.warn({ err: error, lease: lease.id, target: lease.target }, 'A credential could not be issued.');
      await store.transaction('lease not issued', async (trx) => {
        const grant = await lockGrant(trx, lease.grant_id);
        const failed = await settleIssue(trx, lease.id, { is: 'issue failed', nothingCreated, obstacle });
        // Whoever could not begin has used nothing of their time.
        if (grant && failed && (await leasesOf(trx, [grant.id])).every(({ state }) => state === 'failed'))
          await stepGrant(
            trx,
            context.integrity.macs,
            { ...grant, version: grant.version + 1 },
            'nothing opened',
            null,
          );
      });
      throw new Refusal('target-refused', `No terminal was opened: ${obstacle}`, { cause: error });
    }
    const settled = await store.write('lease issued', (db) =>
      settleIssue(db, lease.id, { is: 'issue confirmed', evidence }),
    );
    if (!settled)
      throw new Refusal('too-late', 'It ended while the terminal was being opened. Nothing is open.');
    return settled;
  });
}

function issued(context: Context, lease: LeaseRow, request: RequestRow): IssuedLease {
  const at = context.targets.get(lease.target);
  if (!at) throw new Refusal('target-refused', `The target "${lease.target}" is not configured any more.`);
  return {
    lease: presentLease(lease, undefined),
    connection: at.target.connectionDetails({ leaseId: lease.id, role: lease.role, scope: request.scope }),
  };
}

function tooLate(grant: GrantRow, byTheClock: boolean): Refusal {
  if (grant.state === 'approved' || grant.state === 'lapsed')
    return new Refusal(
      'too-late',
      'Nobody opened a terminal in time, so this approval has lapsed. Request it again.',
    );
  if (byTheClock || grant.state === 'expired')
    return new Refusal('too-late', 'Its time is up. Request it again if you need more.');
  return new Refusal(
    'too-late',
    grant.state === 'revoked' ? 'It was revoked. Nothing is open.' : 'You ended it. Request it again.',
  );
}
