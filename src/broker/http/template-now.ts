import type { AccessRequest } from '../../contract/requests.ts';
import type { Context } from '../context.ts';
import { ruleOf, type RequestRow } from '../store/request.ts';
import { changesOf } from '../templates/changes.ts';
import { digestOf } from '../templates/digest.ts';
import { present } from '../templates/present.ts';
import { scopeLanguages } from '../templates/scopes.ts';

type TemplateNow = NonNullable<AccessRequest['templateNow']>;

/** What a request's scope allows in the target's own terms, as it was stored. */
export function termsOf({ template, scope }: RequestRow): string[] {
  try {
    return scopeLanguages[template.target.kind].terms(scope);
  } catch {
    // Somebody else wrote it into the database: it is not decided on, and must not hide all else that is shown with it.
    return ['This cannot be read'];
  }
}

function partsOf({ template, scope }: RequestRow) {
  try {
    return scopeLanguages[template.target.kind].parts(scope);
  } catch {
    const unknown = 'what cannot be read';
    return { rights: [{ term: unknown, words: unknown }], limits: [] };
  }
}

/** How the template of a request that waits differs now from what it was then; undefined where it does not. */
export function templateNow(
  { config, templates }: Pick<Context, 'config' | 'templates'>,
  request: RequestRow,
): TemplateNow | undefined {
  if (request.state !== 'pending') return undefined;
  const current = templates().get(request.template_id);
  if (!current) return { is: 'gone' };
  if (current.digest === request.template.digest) return undefined;
  const shown = present(current, config);
  const { never, breakGlass, requestBy, approvedAlone } = ruleOf(request);
  const { lines, allowsLess } = changesOf(
    {
      shown: request.template,
      ...partsOf(request),
      never,
      revokeBy: request.revoke_by,
      glassAcr: breakGlass?.acr,
      requestBy,
      approvedAlone,
    },
    {
      shown,
      ...scopeLanguages[shown.target.kind].parts(current.scope),
      never: current.never,
      revokeBy: current.revokeBy,
      glassAcr: current.breakGlass?.acr,
      requestBy: current.requestBy,
      approvedAlone: current.automatic,
    },
    request.duration_s,
    current.duration.longestSeconds,
  );
  return { is: 'changed', changes: [...lines], allowsLess };
}

/**
 * The digest of what is shown of a request, which a decision carries: over the request, and over the template as it is
 * now where that is another one. So a decision holds for what was looked at, the difference included.
 */
export function shownDigest({ templates }: Pick<Context, 'templates'>, request: RequestRow): string {
  if (request.state !== 'pending') return request.digest;
  const now = templates().get(request.template_id)?.digest;
  return now === request.template.digest
    ? request.digest
    : digestOf({ request: request.digest, templateNow: now ?? 'gone' });
}
