import type { JWTPayload } from 'jose';

/** A claim by its name, taken literally whatever stands in it; or the names that lead to one inside others. */
export type ClaimPath = string | readonly [string, ...string[]];

/** What stands at a path; undefined where nothing does. */
export function claimAt(payload: JWTPayload, path: ClaimPath): unknown {
  let at: unknown = payload;
  for (const name of namesOf(path)) {
    if (typeof at !== 'object' || at === null || Array.isArray(at) || !Object.hasOwn(at, name))
      return undefined;
    at = (at as Record<string, unknown>)[name];
  }
  return at;
}

/** The claim of the token itself that a path begins with. */
export function firstOf(path: ClaimPath): string {
  return namesOf(path)[0] ?? '';
}

/** `groups`, or `realm_access → roles` */
export function spokenPath(path: ClaimPath): string {
  return namesOf(path).join(' → ');
}

function namesOf(path: ClaimPath): readonly string[] {
  return typeof path === 'string' ? [path] : path;
}
