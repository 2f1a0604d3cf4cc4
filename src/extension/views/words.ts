import { spokenDuration } from '../../contract/durations.ts';
import { needsOf, needWords } from '../../contract/needs.ts';
import type { AccessRequest, Grant, Template } from '../state/world.ts';

/** `02:44`, local. */
export function timeOfDay(localMs: number): string {
  const at = new Date(localMs);
  return `${String(at.getHours()).padStart(2, '0')}:${String(at.getMinutes()).padStart(2, '0')}`;
}

/** `a`, `a or b`, `a, b or c`. */
export function either(names: readonly string[], word: 'or' | 'and' = 'or'): string {
  const last = names.at(-1) ?? '';
  return names.length < 2 ? last : `${names.slice(0, -1).join(', ')} ${word} ${last}`;
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

/** `fix one order's status on shop`: a template in the middle of a sentence. */
export function task(template: Template): string {
  return `${lowerFirst(template.title)} on ${template.target.title}`;
}

/** The first letter small, unless the word is an abbreviation. */
export function lowerFirst(text: string): string {
  return /^\p{Lu}(?!\p{Lu})/u.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}

/** What a template amounts to, in one line: `write · up to 1 h · needs one of payments-leads`. */
export function inShort(template: Template): string {
  const needs = needsOf(template);
  return [
    template.access,
    `up to ${spokenDuration(template.duration.longest)}`,
    needs.length > 0 ? `needs ${needWords(needs)}` : 'no approval needed',
  ].join(' · ');
}

/** Typographic quotes, so that where a person's own words begin and end is seen. */
export function quoted(text: string): string {
  return `“${text}”`;
}

/**
 * A text as it is, where VS Code would make links of `[words](command:…)` and icons of `$(name)`: in notifications,
 * prompts, lists to choose from and the status bar. Whoever wrote a reason or a name must not place a button there.
 */
export function inert(text: string): string {
  return text.replace(/[\]$](?=\()/g, '$& ');
}

/** `Order 4711 stuck (INC-2231)`: the reason, with the ticket unless the reason names it. */
export function why(of: { readonly reason: string; readonly ticket?: string | undefined }): string {
  return of.ticket === undefined || of.reason.includes(of.ticket)
    ? quoted(of.reason)
    : `${quoted(of.reason)} (${of.ticket})`;
}

export function approvedBy(grant: Grant): string {
  return grant.approvedBy.length
    ? `approved by ${either(
        grant.approvedBy.map((person) => person.name),
        'and',
      )}`
    : 'no approval needed';
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

/** A text in lines of at most `width` characters, broken between words where it can be; what is over is left out: `…`. */
export function broken(text: string, width: number, most: number): string[] {
  const lines: string[] = [];
  let rest = Array.from(text);
  while (rest.length > 0 && lines.length < most) {
    const last = lines.length === most - 1;
    if (rest.length <= width) {
      lines.push(rest.join(''));
      rest = [];
    } else if (last) {
      lines.push(
        `${rest
          .slice(0, width - 1)
          .join('')
          .trimEnd()}…`,
      );
      rest = [];
    } else {
      const space = rest.lastIndexOf(' ', width);
      const at = space > 0 ? space : width;
      lines.push(rest.slice(0, at).join('').trimEnd());
      rest = Array.from(rest.slice(at).join('').trimStart());
    }
  }
  return lines;
}
