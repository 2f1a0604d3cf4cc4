import type { Path } from '../config/problem.ts';
import type { Report } from '../config/report.ts';
import { stillNeeded, type Need } from '../rules/quorum.ts';
import type { AnyTemplateFile } from './file.ts';
import type { ResolvedTemplate } from './template.ts';

/** Who is in which groups, by name. */
export type People = ReadonlyMap<string, readonly string[]>;

type Approvable = Pick<ResolvedTemplate, 'needs' | 'never'>;

/** What nobody could ever approve is wrong, whoever there is; reported, nothing returned. */
export function checkApprovers(approve: AnyTemplateFile['approve'], report: Report): void {
  if (approve === 'nobody') return;
  const never = approve.never ?? [];
  const named: [Path, readonly string[]][] = [
    [['approve', 'by'], approve.by ?? []],
    ...(approve.all_of ?? []).map(({ by }, at): [Path, readonly string[]] => [
      ['approve', 'all_of', at, 'by'],
      by,
    ]),
  ];
  for (const [path, by] of named) {
    const out = [...new Set(by.filter((group) => never.includes(group)))];
    if (out.length === 0) continue;
    if (by.every((group) => never.includes(group)))
      report.isWrong(
        path,
        `nobody could ever approve this: "never" keeps everybody in ${out.join(' and ')} out. Name another group here, or take it out of "never".`,
      );
    else
      report.warn(
        path,
        `names ${out.join(' and ')}, and "never" keeps everybody there out. Take it out of one of the two.`,
      );
  }
}

/** Which of these people could approve what somebody else asks for, by name. */
export function approversAmong({ needs, never }: Approvable, people: People): string[] {
  const isOneOf = (groups: readonly string[], of: readonly string[]) =>
    of.some((group) => groups.includes(group));
  return [...people]
    .filter(([, groups]) => needs.some(({ by }) => isOneOf(groups, by)) && !isOneOf(groups, never))
    .map(([name]) => name);
}

/** What of its quorum these people could not fill together; empty: they could. */
export function missingAmong(template: Approvable, people: People): Need[] {
  const approvals = approversAmong(template, people).map((person) => ({
    person,
    groups: people.get(person) ?? [],
  }));
  return stillNeeded(template.needs, approvals);
}

/** Who of these people could request it, and would then be missed: the others could not fill the quorum. */
export function missedWhenAsking(
  template: Approvable & Pick<ResolvedTemplate, 'requestBy'>,
  people: People,
): string[] {
  if (missingAmong(template, people).length > 0) return [];
  return [...people]
    .filter(([, groups]) => template.requestBy.some((group) => groups.includes(group)))
    .map(([name]) => name)
    .filter((name) => {
      const others = new Map([...people].filter(([other]) => other !== name));
      return missingAmong(template, others).length > 0;
    });
}
