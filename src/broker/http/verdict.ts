import type { Outlook } from '../../contract/requests.ts';
import { durationOf } from '../../contract/values.ts';
import type { Context } from '../context.ts';
import { judge, obstacleTo, type Obstacle, type Policy, type Verdict } from '../rules/verdict.ts';
import { now } from '../store/now.ts';
import { peopleIn, type PersonRow } from '../store/person.ts';
import { countedFor, inTurnAt, usualWait } from '../store/policy-facts.ts';
import { inTurnOf, type RequestRow } from '../store/request.ts';
import type { Db, Trx } from '../store/schema.ts';
import type { ResolvedTemplate } from '../templates/template.ts';
import { sizeOf, stillNeeded, type Need } from '../rules/quorum.ts';
import { presentGlass } from '../templates/present.ts';
import { mayBreakGlass } from '../rules/policy.ts';
import type { Caller } from './caller.ts';

const nothing = { ofPerson: 0, inTotal: 0 };

/** What policy says of a request for this, made now. */
export async function verdictOn(
  db: Db,
  { policy, schedules }: Context,
  caller: Caller,
  template: ResolvedTemplate,
  durationSeconds: number,
): Promise<Verdict> {
  const capped = policy().caps.has(template.target) || template.automatic.length > 0;
  const counted = capped
    ? await countedFor(db, { personId: caller.id, target: template.target, templateId: template.id })
    : { open: nothing, automatic: nothing };
  const at = await now(db);
  return judge(
    { template, groups: caller.groups, durationSeconds, at },
    { policy: policy(), standing: (name) => schedules.standing(name, caller.subject, at), ...counted },
  );
}

/** Whether a cap counts what others have: then those who ask at the same moment must be told apart. */
export function capsAllPeople({ caps }: Policy, { target, automatic }: ResolvedTemplate): boolean {
  return caps.get(target)?.inTotal !== undefined || automatic.some(({ aDay }) => aDay?.inTotal !== undefined);
}

/** Why what was asked for cannot be given now, although enough people agree; those who ask at the same moment are told apart. */
export async function obstacleOn(
  trx: Trx,
  { policy }: Pick<Context, 'policy'>,
  { requester, target, template_id: templateId }: RequestRow,
): Promise<Obstacle | undefined> {
  const cap = policy().caps.get(target);
  if (cap) await inTurnOf(trx, requester);
  if (cap?.inTotal !== undefined) await inTurnAt(trx, target);
  const { open } = cap
    ? await countedFor(trx, { personId: requester, target, templateId })
    : { open: nothing };
  return obstacleTo({ template: { id: templateId, target }, at: await now(trx) }, { policy: policy(), open });
}

/** What policy says, for people before they ask: whom it is up to, and how long that usually takes. */
export async function outlookFor(
  context: Context,
  caller: Caller,
  template: ResolvedTemplate,
  durationSeconds: number,
): Promise<Outlook> {
  const { db } = context.store;
  const verdict = await verdictOn(db, context, caller, template, durationSeconds);
  if (verdict.is !== 'asked') return { is: verdict.is, why: verdict.why };
  const [people, seconds] = await Promise.all([
    approversFor(db, caller, template),
    usualWait(db, template.id),
  ]);
  const missing = stillNeeded(
    verdict.needs,
    people.map(({ id, groups }) => ({ person: id, groups })),
  );
  return {
    is: 'asked',
    needs: verdict.needs.map(spelled),
    people: people.map(({ name }) => name),
    ...(missing.length > 0 ? { missing: missing.map(spelled) } : {}),
    ...(seconds === undefined ? {} : { usually: durationOf(Math.max(1, seconds)) }),
    notAutomatic: [...verdict.notAutomatic],
    ...(template.breakGlass && mayBreakGlass(caller, template)
      ? { breakGlass: presentGlass(template.breakGlass) }
      : {}),
  };
}

/**
 * Those known who could approve what the caller asks for; where they are many, so many for each need that whoever there
 * is fills the quorum.
 */
async function approversFor(
  db: Db,
  caller: Caller,
  { needs, never }: ResolvedTemplate,
): Promise<PersonRow[]> {
  // One more than the quorum, since the caller may be among them.
  const most = Math.max(20, sizeOf(needs) + 1);
  const found = await Promise.all(needs.map(({ by }) => peopleIn(db, by, { never, most })));
  const others = found.flat().filter(({ id }) => id !== caller.id);
  return [...new Map(others.map((one) => [one.id, one])).values()];
}

function spelled({ number, by }: Need) {
  return { number, by: [...by] };
}
