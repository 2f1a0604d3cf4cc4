import type { GlassRule } from '../rules/break-glass.ts';
import type { RequesterDemand, SignInDemand } from '../rules/sign-in.ts';
import type { Need } from '../rules/quorum.ts';
import type { AutomaticApproval } from '../rules/verdict.ts';
import type { NotifyStep } from './notify.ts';

/** A template as the broker uses it: parsed, complete, every reference resolved. */
export interface ResolvedTemplate {
  readonly id: string;
  readonly title: string;
  readonly summary: string;
  /** Id of a configured target. */
  readonly target: string;
  /** In the terms of the target's kind; JSON. */
  readonly scope: unknown;
  readonly documentation?: string;
  readonly duration: { readonly defaultSeconds: number; readonly longestSeconds: number };
  /** How many may be open at once under one grant. */
  readonly terminals: number;
  /** Groups whose members may request it. */
  readonly requestBy: readonly string[];
  readonly ticket?: {
    readonly pattern: string;
    readonly required: boolean;
    readonly hint?: string;
    readonly link?: string;
  };
  /** The sign-in that a requester needs. */
  readonly mfa?: RequesterDemand;
  /** The sign-in that an approver needs. */
  readonly approverMfa?: SignInDemand;
  /** Who must approve, all of them; empty: nobody needs to. */
  readonly needs: readonly Need[];
  /** Groups whose members do not approve, whatever else they are in. */
  readonly never: readonly string[];
  /** Approvals that need nobody: one of these is enough. */
  readonly automatic: readonly AutomaticApproval[];
  /** Who need not wait for approval in an emergency; absent: nobody. */
  readonly breakGlass?: GlassRule;
  /** Who is told of a request, one after the other; absent: nobody but those who look. */
  readonly notify?: readonly NotifyStep[];
  /** Groups whose members may revoke a grant under it. */
  readonly revokeBy: readonly string[];
  /** SHA-256 of the canonical JSON (RFC 8785) of everything above. */
  readonly digest: string;
}

/** By id. */
export type TemplateSet = ReadonlyMap<string, ResolvedTemplate>;
