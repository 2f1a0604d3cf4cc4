import type { Template } from '../../contract/templates.ts';
import { durationOf } from '../../contract/durations.ts';
import type { Config } from '../config/config.ts';
import { presentSteps } from './notify.ts';
import { scopeLanguages } from './scopes.ts';
import type { GlassRule } from '../rules/break-glass.ts';
import { groupsOf, sizeOf } from '../rules/quorum.ts';
import type { SignInDemand } from '../rules/sign-in.ts';
import type { ResolvedTemplate } from './template.ts';

/** A template as people see it. Throws if its target is not configured, which checked templates never are. */
export function present(template: ResolvedTemplate, config: Pick<Config, 'targets'>): Template {
  const target = config.targets.get(template.target);
  if (!target)
    throw new Error(`Template ${template.id} is for the target ${template.target}, which is not configured.`);
  const { allows, access } = scopeLanguages[target.kind].describe(template.scope);
  return {
    id: template.id,
    title: template.title,
    summary: template.summary,
    allows,
    access,
    target: {
      id: target.id,
      title: target.title,
      kind: target.kind,
      host: target.advertised.host,
      port: target.advertised.port,
      tls: target.tls.mode,
    },
    ...(template.documentation === undefined ? {} : { documentation: template.documentation }),
    duration: {
      default: durationOf(template.duration.defaultSeconds),
      longest: durationOf(template.duration.longestSeconds),
    },
    terminals: template.terminals,
    ...(template.ticket ? { ticket: template.ticket } : {}),
    ...(template.mfa ? { mfa: { ...inWords(template.mfa), at: [...template.mfa.at] } } : {}),
    approval: approvalOf(template),
    ...(template.breakGlass ? { breakGlass: presentGlass(template.breakGlass) } : {}),
    ...(template.notify ? { notify: presentSteps(template.notify) } : {}),
    digest: template.digest,
  };
}

function inWords({ withinSeconds, acr }: SignInDemand) {
  return {
    ...(withinSeconds === undefined ? {} : { within: durationOf(withinSeconds) }),
    ...(acr === undefined ? {} : { acr: [...acr] }),
  };
}

export function presentGlass({ by, afterSeconds, longestSeconds }: GlassRule): Template['breakGlass'] & {} {
  return {
    by: [...by],
    ...(afterSeconds > 0 ? { after: durationOf(afterSeconds) } : {}),
    longest: durationOf(longestSeconds),
  };
}

function approvalOf({ needs, approverMfa }: ResolvedTemplate): Template['approval'] {
  return {
    needed: sizeOf(needs),
    from: groupsOf(needs),
    ...(needs.length > 1 ? { needs: needs.map(({ by, number }) => ({ number, by: [...by] })) } : {}),
    ...(approverMfa ? { mfa: inWords(approverMfa) } : {}),
  };
}
