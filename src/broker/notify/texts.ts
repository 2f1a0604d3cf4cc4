import { withoutMisleading } from '../../contract/plain-text.ts';

/**
 * What somebody wrote, for a message that others get: it stays what it is to a reader and is nothing to a program.
 * Whoever asks for access may want that a link of theirs is opened at night, or that a whole channel is woken.
 */

/** Reads the same from left to right and from right to left, and keeps its direction to itself (UAX #9, isolates). */
export function isolated(text: string): string {
  return `\u2068${withoutMisleading(text)}\u2069`;
}

/**
 * Nothing in it is taken for an address: programs make links of `https://…`, of `name.tld` and of `name@host` wherever
 * they see them. Such a dot, colon or at sign stands in brackets.
 */
export function unlinked(text: string): string {
  return text
    .replace(/:(?=[/\\]{2})/g, '[:]')
    .replace(/\b(mailto|tel|sms|data|javascript|vscode|slack):/gi, '$1[:]')
    .replace(
      /(?<=[\p{L}\p{N}\p{M}_-])[.\u3002\uff0e\uff61](?=[\p{L}\p{N}\p{M}_-])/gu,
      (dot, at: number, whole: string) => (isNumber(whole, at) ? dot : '[.]'),
    )
    .replace(/@(?=\S)/g, '[@]')
    .replace(/#(?=[\p{L}_])/gu, '[#]');
}

/** `1.5`, as people write amounts; an address made of numbers alone has more dots than one. */
function isNumber(text: string, dot: number): boolean {
  const before = /[\p{L}\p{N}\p{M}_.-]*$/u.exec(text.slice(0, dot))?.[0] ?? '';
  const after = /^[\p{L}\p{N}\p{M}_.-]*/u.exec(text.slice(dot + 1))?.[0] ?? '';
  return /^\d+$/.test(before) && /^\d+\.?$/.test(after);
}

/** Somebody's words or name, ready for any message. */
export function harmless(text: string): string {
  return isolated(unlinked(withoutMisleading(text)));
}

/** For a header: one line of it, and not too long for one. */
export function inHeader(text: string): string {
  return withoutMisleading(text)
    .replace(/[\r\n\0]+/g, ' ')
    .slice(0, 150);
}

/** For HTML, in text and in quoted attributes. */
export function escapedHtml(text: string): string {
  return text.replace(/[&<>"']/g, (one) => `&#${one.codePointAt(0)};`);
}

/** For Slack: the three characters that begin its links, mentions and commands. */
export function escapedSlack(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}
