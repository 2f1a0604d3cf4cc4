import { spokenDuration } from './durations.ts';
import { needWords } from './needs.ts';
import type { AccessRequest } from './requests.ts';
import type { Template } from './templates.ts';

/** Words that people read of a request wherever they read of it: in the editor, on a phone, in a message. */

/** `a`, `a or b`, `a, b or c`. */
export function either(names: readonly string[], word: 'or' | 'and' = 'or'): string {
  const last = names.at(-1) ?? '';
  return names.length < 2 ? last : `${names.slice(0, -1).join(', ')} ${word} ${last}`;
}

/** The first letter small, unless the word is an abbreviation. */
export function lowerFirst(text: string): string {
  return /^\p{Lu}(?!\p{Lu})/u.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}

/** `fix one order's status on shop`: a template in the middle of a sentence. */
export function task(template: Pick<Template, 'title' | 'target'>): string {
  return `${lowerFirst(template.title)} on ${template.target.title}`;
}

/** Typographic quotes, so that where a person's own words begin and end is seen. */
export function quoted(text: string): string {
  return `“${text}”`;
}

/** What people must know of a target whose connection is not fully verified; `undefined` where it is. */
export function tlsWarning(tls: Template['target']['tls']): string | undefined {
  switch (tls) {
    case 'verify-full':
      return undefined;
    case 'verify-ca':
      return 'encrypted, but the server’s name is not verified';
    case 'require':
      return 'encrypted, but the server is not verified';
    case 'off':
      return 'not encrypted';
  }
}

export function fromTheFirstTerminal({ duration }: Pick<AccessRequest, 'duration'>): string {
  return `${spokenDuration(duration)}, from the first terminal on`;
}

/** Whether what is asked for goes over a connection that is not fully verified; a sentence without its full stop. */
export function unverified({ template: { target } }: Pick<AccessRequest, 'template'>): string[] {
  const warning = tlsWarning(target.tls);
  return warning === undefined ? [] : [`The connection to ${target.title} is ${warning}`];
}

/** What else is open at the target of a request; sentences without their full stops. */
export function openNow({
  openOnTarget: { own, others },
  requester,
  template,
}: Pick<AccessRequest, 'openOnTarget' | 'requester' | 'template'>): string[] {
  const { title } = template.target;
  return [
    ...(own.length ? [`${requester.name} is on ${title} already: ${own.map(lowerFirst).join(', ')}`] : []),
    others === 0
      ? `Nobody else is on ${title} now`
      : others === 1
        ? `1 other person is on ${title} now`
        : `${others} other people are on ${title} now`,
  ];
}

/** Whom a pending request waits for: `Ben Roth or Eva Lang`, or their groups where nobody is known by name. */
export function askedOf({
  askedOf: names,
  stillNeeded,
}: Pick<AccessRequest, 'askedOf' | 'stillNeeded'>): string {
  const people = stillNeeded.reduce((sum, { number }) => sum + number, 0);
  const few = names.length > 0 && names.length < 4;
  if (few && people === 1) return either(names);
  return few && people === names.length ? either(names, 'and') : needWords(stillNeeded);
}
