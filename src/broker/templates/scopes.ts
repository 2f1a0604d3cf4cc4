import type * as z from 'zod';
import type { Template } from '../../contract/templates.ts';
import type { TargetConfig } from '../config/config.ts';
import { parseScope, ScopeSchema, storedScope, type ScopeIssue } from '../targets/postgresql/scope.ts';
import { accessOf, allowsOf, termsOf } from '../targets/postgresql/words.ts';

/** How scopes of one kind of target are written and read aloud. */
export interface ScopeLanguage {
  readonly schema: z.ZodType;
  /** What is wrong with a scope of the right shape; empty: nothing. */
  readonly issues: (scope: unknown) => readonly ScopeIssue[];
  /** A scope without issues in words. */
  readonly describe: (scope: unknown) => Pick<Template, 'allows' | 'access'>;
  /** The same in the target's own terms, a line each. */
  readonly terms: (scope: unknown) => string[];
}

export const scopeLanguages: Readonly<Record<TargetConfig['kind'], ScopeLanguage>> = {
  postgresql: {
    schema: ScopeSchema,
    issues: (scope) => {
      const read = parseScope(scope);
      return 'issues' in read ? read.issues : [];
    },
    describe: (scope) => {
      const read = storedScope(scope);
      return { allows: allowsOf(read), access: accessOf(read) };
    },
    terms: (scope) => termsOf(storedScope(scope)),
  },
};
