import type { Template } from '../state/world.ts';

const harms: readonly Template['access'][] = ['read', 'write', 'owner'];

/** The order in which templates are shown: by target, and there what can do least harm first. */
export function inOrder(a: Template, b: Template): number {
  return (
    a.target.title.localeCompare(b.target.title) ||
    a.target.id.localeCompare(b.target.id) ||
    harms.indexOf(a.access) - harms.indexOf(b.access) ||
    a.title.localeCompare(b.title)
  );
}

/** The same, after what was used last. @param lastUsed ids, the latest first */
export function lastUsedFirst(lastUsed: readonly string[]): (a: Template, b: Template) => number {
  const ranks = new Map(lastUsed.map((id, at) => [id, at]));
  const rank = ({ id }: Template): number => ranks.get(id) ?? lastUsed.length;
  return (a, b) => rank(a) - rank(b) || inOrder(a, b);
}
