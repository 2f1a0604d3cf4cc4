import { spokenDuration } from '../../contract/durations.ts';
import { needsOf, needWords } from '../../contract/needs.ts';
import { either, quoted } from '../../contract/words.ts';
import type { Grant, Template } from '../state/world.ts';

export { askedOf, either, lowerFirst, quoted, task, tlsWarning } from '../../contract/words.ts';

/** `02:44`, local. */
export function timeOfDay(localMs: number): string {
  const at = new Date(localMs);
  return `${String(at.getHours()).padStart(2, '0')}:${String(at.getMinutes()).padStart(2, '0')}`;
}

/** What a template amounts to, in one line: `write · up to 1 h · needs one of payments-leads`. */
export function inShort(template: Template): string {
  const needs = needsOf(template);
  return [
    template.access,
    `up to ${spokenDuration(template.duration.longest)}`,
    needs.length > 0 ? `needs ${needWords(needs)}` : 'no approval needed',
    ...(template.mfa?.acr ? ['second factor'] : []),
  ].join(' · ');
}

/** What somebody lacks of whom one of these contexts of sign-in is demanded, or none but a new one. */
export function missing(acr: readonly string[] | undefined): string {
  return acr ? 'your second factor' : 'a fresh sign-in';
}

/** `Needs your second factor, at most 15 min old`: the sign-in that a template demands. */
export function signInWords({ acr, within }: NonNullable<Template['mfa']>): string {
  return `Needs ${missing(acr)}${within === undefined ? '' : `, at most ${spokenDuration(within)} old`}`;
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
  const names = grant.approvedBy.map((person) => person.name);
  if (grant.brokenGlass) return 'the glass was broken: nobody approved it in time';
  if (names.length > 0) return `approved by ${either(names, 'and')}`;
  return grant.automatic === undefined ? 'no approval needed' : `approved automatically: ${grant.automatic}`;
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
