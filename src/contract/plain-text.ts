/** Scripts in which a joiner changes what is seen: without it a Persian, Hindi or Sinhala name is spelt wrong. */
const joining = 'Arab,Syrc,Mong,Nkoo,Deva,Beng,Guru,Gujr,Orya,Taml,Telu,Knda,Mlym,Sinh,Khmr,Mymr'
  .split(',')
  .map((script) => String.raw`\p{scx=${script}}`)
  .join('');
/** The signs that take an Indic letter's vowel away; a joiner after one gives the letter another form. */
const viramas = String.raw`[\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca]`;

/** Where a character that is mostly hidden has something to do that is seen. Each is as long as that character. */
const useful = [
  // Joiners within a word of such a script (much as RFC 5892, appendix A.1 and A.2), and within one emoji.
  String.raw`(?<=[\p{L}\p{M}])(?<=[${joining}])[\u200c\u200d](?=[\p{L}\p{M}])(?=[${joining}])`,
  String.raw`(?<=${viramas})\u200d`,
  String.raw`(?<=\p{ExtPict}(?:\ufe0f|\p{EMod})?)\u200d(?=\p{ExtPict})`,
  // Variation selectors: one after an emoji, in a keycap, after an ideograph, after a Mongolian letter.
  String.raw`(?<=\p{ExtPict})[\ufe0e\ufe0f]`,
  String.raw`(?<=[0-9#*])\ufe0f(?=\u20e3)`,
  String.raw`(?<=\p{Ideo})[\ufe00-\ufe02\u{e0100}-\u{e01ef}]`,
  String.raw`(?<=\p{L})(?<=\p{sc=Mong})[\u180b-\u180f]`,
  // Places that are kept for emoji to come, and format characters that are drawn around Arabic, Syriac, Kaithi digits.
  String.raw`\p{ExtPict}`,
  String.raw`[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u{110bd}\u{110cd}]`,
];

/**
 * Control characters, halves of characters, line and paragraph separators, whatever reorders or hides text (UAX #9,
 * UTR #36, UAX #44: Bidi_Control, Default_Ignorable_Code_Point, format), what has no meaning (unassigned) or none that
 * others know (private use), and what is drawn as nothing: the braille blank, a note head, an object's place.
 */
const hidden = String.raw`[\p{Cc}\p{Cf}\p{Cs}\p{Cn}\p{Co}\p{Zl}\p{Zp}\p{DI}\p{Bidi_C}\u2800\u{1d159}\ufffc]`;

const treacherous = new RegExp(`(?!${useful.join('|')})${hidden}`, 'u');
const everyTreacherous = new RegExp(treacherous.source, 'gu');

/**
 * Whether a text holds characters that could mislead its reader or a log: control, bidirectional, invisible. Joiners
 * and variation selectors are taken where real words and emoji need them. Letters that merely look like others are
 * not looked for, and a text is not normalised: what was typed is what is shown, stored and approved.
 */
export function misleads(text: string): boolean {
  return treacherous.test(text);
}

/** The text without such characters. */
export function withoutMisleading(text: string): string {
  return text.replace(everyTreacherous, '');
}

/** The text with each such character as its number, `\u{202e}`: for names that are to be recognised. */
export function spelledOut(text: string): string {
  return text.replace(everyTreacherous, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}
