import type { TargetConfig } from '../config/config.ts';
import { isWithin } from '../rules/hours.ts';
import { sizeOf } from '../rules/quorum.ts';
import { judge, type AutomaticApproval, type Facts } from '../rules/verdict.ts';
import { noPolicy } from './policy.ts';
import { scopeLanguages } from './scopes.ts';
import type { ResolvedTemplate } from './template.ts';

/**
 * Whether a template is another way to what a neighbour gives: at the same target, for somebody who may request both,
 * its scope allows no less, and where it allows the same it lasts no shorter.
 */
export function leadsTo(
  one: ResolvedTemplate,
  neighbour: ResolvedTemplate,
  target: Pick<TargetConfig, 'kind' | 'database'>,
): boolean {
  if (one.id === neighbour.id || one.target !== neighbour.target) return false;
  if (!one.requestBy.some((group) => neighbour.requestBy.includes(group))) return false;
  const { includes } = scopeLanguages[target.kind];
  if (!includes(one.scope, neighbour.scope, target)) return false;
  const isSame = includes(neighbour.scope, one.scope, target);
  return !isSame || one.duration.longestSeconds >= neighbour.duration.longestSeconds;
}

export function needsFewer(one: ResolvedTemplate, neighbour: ResolvedTemplate): boolean {
  return sizeOf(one.needs) < sizeOf(neighbour.needs);
}

const endless = Number.MAX_SAFE_INTEGER;
const quarterMs = 15 * 60_000;
const quartersAWeek = 7 * 24 * 4;

/**
 * Those of a template's neighbours under which somebody would have to wait for others at a moment of the week after `now`
 * at which this automatic approval lets them in: they are judged under the facts that just satisfy it.
 */
export function waitingBeside(
  way: AutomaticApproval,
  one: ResolvedTemplate,
  neighbours: readonly ResolvedTemplate[],
  now: Date,
): ResolvedTemplate[] {
  if (neighbours.length === 0) return [];
  const first = Math.ceil(now.getTime() / quarterMs);
  const moments = Array.from({ length: quartersAWeek }, (_, n) => new Date((first + n) * quarterMs)).filter(
    (at) => !way.hours || isWithin(way.hours, at),
  );
  const facts: Facts = {
    policy: noPolicy,
    standing: (schedule) => (schedule === way.onCall ? 'on call' : 'not on call'),
    open: { ofPerson: 0, inTotal: 0 },
    automatic: {
      ofPerson: (way.aDay?.ofPerson ?? endless) - 1,
      inTotal: (way.aDay?.inTotal ?? endless) - 1,
    },
  };
  return neighbours.filter((template) => {
    const durationSeconds = Math.min(
      way.upToSeconds ?? endless,
      one.duration.longestSeconds,
      template.duration.longestSeconds,
    );
    const isTimed = template.automatic.some(({ hours }) => hours);
    return moments
      .slice(0, isTimed ? undefined : 1)
      .some(
        (at) => judge({ template, groups: template.requestBy, durationSeconds, at }, facts).is === 'asked',
      );
  });
}
