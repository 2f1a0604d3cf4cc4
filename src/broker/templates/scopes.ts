import type * as z from 'zod';
import type { Template } from '../../contract/templates.ts';
import type { TargetConfig } from '../config/config.ts';
import type { Version } from './changes.ts';
import { changesOf, includes } from '../targets/postgresql/compare.ts';
import {
  parseScope,
  ScopeSchema,
  storedScope,
  type PostgresScope,
  type ScopeIssue,
} from '../targets/postgresql/scope.ts';
import { accessOf, allowsOf, limitsOf, rightsOf, termsOf } from '../targets/postgresql/words.ts';

/** How scopes of one kind of target are written and read aloud. */
export interface ScopeLanguage {
  readonly schema: z.ZodType;
  /** What is wrong with a scope of the right shape; empty: nothing. */
  readonly issues: (scope: unknown) => readonly ScopeIssue[];
  /** A scope without issues in words. */
  readonly describe: (scope: unknown) => Pick<Template, 'allows' | 'access'>;
  /** The same in the target's own terms, a line each. */
  readonly terms: (scope: unknown) => string[];
  /** What it allows, one by one, and what bounds that: to hold two scopes against each other. */
  readonly parts: (scope: unknown) => Pick<Version, 'rights' | 'limits'>;
  /** How much of the data somebody can change with it, as far as it says. */
  readonly changes: (scope: unknown) => 'nothing' | 'something' | 'everything';
  /** Whether the one scope allows all that the other does, as far as they say; both are for this target. */
  readonly includes: (more: unknown, less: unknown, target: Pick<TargetConfig, 'database'>) => boolean;
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
    parts: (scope) => {
      const read = storedScope(scope);
      return { rights: rightsOf(read), limits: limitsOf(read) };
    },
    changes: (scope) => changesOf(storedScope(scope)),
    includes: (one, other, { database }) => {
      const [more, less] = [readOnce(one), readOnce(other)];
      return (more.database ?? database) === (less.database ?? database) && includes(more, less);
    },
  },
};

const readBefore = new WeakMap<object, PostgresScope>();

/** Where each scope is held against each other one. */
function readOnce(scope: unknown): PostgresScope {
  const key = Object(scope) as object;
  const read = readBefore.get(key) ?? storedScope(scope);
  readBefore.set(key, read);
  return read;
}
