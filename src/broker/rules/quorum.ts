/** Part of a quorum: so many people, each a member of one of these groups. */
export interface Need {
  readonly by: readonly string[];
  readonly number: number;
}

/** Somebody's approval, with the groups that they were in when they gave it. */
export interface Approval {
  readonly person: string;
  readonly groups: readonly string[];
}

/** Every group that a quorum names, each once. */
export function groupsOf(needs: readonly Need[]): string[] {
  return [...new Set(needs.flatMap((need) => need.by))];
}

/** How many people it takes. */
export function sizeOf(needs: readonly Need[]): number {
  return needs.reduce((sum, need) => sum + need.number, 0);
}

/**
 * What of each need is not met yet; empty: the quorum is there. A quorum counts people: however many groups somebody is
 * in and however often they approved, they fill one place, the one where it brings the quorum furthest. What counts of somebody is what they approved first.
 */
export function stillNeeded(needs: readonly Need[], approvals: readonly Approval[]): Need[] {
  const places = needs.flatMap((need) => Array.from({ length: need.number }, () => need));
  const groups = new Map(approvals.toReversed().map((one) => [one.person, one.groups]));
  const heldBy = new Map<number, string>();

  /** Finds a place for somebody, moving others to places that they fit as well (augmenting paths). */
  const seat = (person: string, tried: Set<number>): boolean => {
    for (const [at, need] of places.entries()) {
      if (tried.has(at) || !need.by.some((group) => groups.get(person)?.includes(group))) continue;
      tried.add(at);
      const holder = heldBy.get(at);
      if (holder !== undefined && !seat(holder, tried)) continue;
      heldBy.set(at, person);
      return true;
    }
    return false;
  };
  for (const person of groups.keys()) seat(person, new Set());

  return needs.flatMap((need) => {
    const open = places.filter((place, at) => place === need && !heldBy.has(at)).length;
    return open > 0 ? [{ by: need.by, number: open }] : [];
  });
}

/** Groups of a quorum whose members still bring it further. */
export function groupsThatAdd(needs: readonly Need[], approvals: readonly Approval[]): string[] {
  const missing = sizeOf(stillNeeded(needs, approvals));
  return groupsOf(needs).filter((group) => {
    const one = { person: 'one more', groups: [group] };
    return sizeOf(stillNeeded(needs, [...approvals, one])) < missing;
  });
}
