import fc from 'fast-check';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';

/** Words in the alphabets of the world, some with joiners, marks and letters that change when they are folded. */
const words = [
  'order',
  'Bestellung ÄÖÜß',
  'İstanbul ı I i',
  'Ørsted Ångström',
  'заказ',
  'παραγγελία ς Σ',
  'הזמנה',
  'سفارش می‌خواهم',
  'आदेश क्‍ष',
  'ඇණවුම් ශ්‍රී',
  'คำสั่งซื้อ',
  '注文 葛󠄀',
  '주문',
  'შეკვეთა',
  'ትዕዛዝ',
  'ᏣᎳᎩ',
  'e\u0301\u0323\u035c',
  'ǅ ǆ ﬁ ﬃ ſ',
];

const quotes = [
  ...Array.from(`'"\`´‘’‚‛“”„‟«»‹›＇＂`),
  "''",
  '""',
  "\\'",
  "';--",
  '";--',
  '$$',
  '$do$',
  '$do_do$',
  '/*',
  '*/',
  '--',
];
const controls = [
  '\0',
  '\x01',
  '\x07',
  '\b',
  '\t',
  '\n',
  '\r',
  '\r\n',
  '\v',
  '\f',
  '\x1b',
  '\x1b[2J',
  '\x1b]0;title\x07',
  '\x1b]8;;https://x.example\x1b\\',
  '\x7f',
  '\x85',
  '\x9b2J',
  '\x9d0;t\x9c',
];
const hidden = [
  ...Array.from(
    '\u00ad\u034f\u061c\u115f\u17b4\u180e\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\u2800\u3164\ufeff\ufff9\ufffc\ufffe\uffff',
  ),
  '\u{e0041}',
  '\u{e0100}',
  '\u{1d159}',
  '\u{f0000}',
  '\u{10ffff}',
];
const emoji = ['🎉', '👩‍👩‍👧‍👦', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', '🇩🇪', '1️⃣', '❤️', '👍🏽', '🧑🏿‍🚒', '🫠'];
const halves = ['\ud800', '\udbff', '\udc00', '\udfff', '\udc00\ud800'];
const markup = [
  '[Approve](command:daypass.decide)',
  '[x](https://x.example)',
  '$(verified)',
  '<img src=x onerror=alert(1)>',
  '&lt;',
  '*b* _i_ `c`',
  '@channel',
  '{{x}}',
  '%s %n %x',
  '${HOME}',
  '$(id)',
  '`id`',
  ':x',
  ":'x'",
  ':"x"',
  '\\! id',
  '\\connect',
  '\\gexec',
  '\\',
  '\\\\',
  'a=b',
  'host=x dbname=y',
  'postgresql://x/y',
  ' ',
  ',',
  ';',
  '.',
  '(',
  ')',
  '[',
  ']',
  '{',
  '}',
  '#',
  '%',
  '&',
  '|',
  '!',
  '~',
  '?x=1',
];
const numbers = [
  '0',
  '-0',
  '-1',
  '2147483648',
  '9007199254740993',
  '1e308',
  '1e999',
  'NaN',
  'Infinity',
  '0x10',
  '१२३',
  '１２',
];

/** Names that every object has before anybody gives it one. */
export const prototypes = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'valueOf',
  'hasOwnProperty',
  '__defineGetter__',
];

const anyCharacter = fc
  .oneof(
    { weight: 3, arbitrary: fc.integer({ min: 0, max: 0x2fff }) },
    { weight: 2, arbitrary: fc.integer({ min: 0, max: 0x10ffff }) },
  )
  .map((code) => String.fromCodePoint(code));
const whole = [...quotes, ...controls, ...hidden, ...emoji, ...markup, ...numbers, ...prototypes];

const joined = (piece: fc.Arbitrary<string>, maxLength: number) =>
  fc.array(piece, { maxLength }).map((pieces) => pieces.join(''));
const piece = fc.oneof(
  fc.constantFrom(...words),
  fc.constantFrom(...whole),
  fc.constantFrom(...halves),
  anyCharacter,
);
const long = fc
  .tuple(piece, fc.integer({ min: 1, max: 3000 }))
  .map(([one, times]) => one.repeat(times).slice(0, 6000));

/** Text of every kind: what JavaScript can hold. */
export const text: fc.Arbitrary<string> = fc.oneof(
  { weight: 12, arbitrary: joined(piece, 8) },
  { weight: 2, arbitrary: joined(anyCharacter, 30) },
  { weight: 1, arbitrary: long },
  { weight: 1, arbitrary: fc.constantFrom(...corpusOf('texts')) },
);

/** Text as UTF-8 can carry it: without halves of characters. */
export const wellFormed = text.map((one) => one.replace(/\p{Cs}/gu, ''));

/** A name that PostgreSQL can hold: 1 to 63 bytes of UTF-8, no NUL. */
export const sqlName = fc.oneof(
  {
    weight: 9,
    arbitrary: fc
      .oneof(joined(piece, 4), joined(anyCharacter, 8), fc.constantFrom(...corpusOf('names')))
      .map(asSqlName)
      .filter((name) => name !== ''),
  },
  { weight: 1, arbitrary: fc.constantFrom(...prototypes) },
);

export function asSqlName(from: string): string {
  let name = '';
  for (const character of from.replace(/[\0\p{Cs}]/gu, '')) {
    if (Buffer.byteLength(name + character) > 63) break;
    name += character;
  }
  return name;
}

/** A plain text of the kind that people write, so that many inputs get past the first check. */
export const decent = fc
  .array(
    fc.oneof(fc.constantFrom(...words), fc.constantFrom('4711', 'INC-2231', 'stuck', '🎉', '“so”', "it's")),
    {
      minLength: 2,
      maxLength: 6,
    },
  )
  .map((pieces) => pieces.join(' '));

const edges = [0, -0, -1, 1, 0.5, 1e308, -1e308, 2 ** 31, 2 ** 32, 2 ** 53, Number.MAX_SAFE_INTEGER, 5e-324];

/** Any JSON value, with hostile keys and values, not deep. */
export const json: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small', withCrossShrink: true },
    text,
    fc.constantFrom<unknown>(null, true, false, ...edges),
    fc.array(tie('value'), { maxLength: 4 }),
    fc
      .array(fc.tuple(fc.oneof(text, fc.constantFrom(...prototypes)), tie('value')), { maxLength: 4 })
      .map((entries) => {
        const made = {};
        for (const [key, value] of entries)
          Object.defineProperty(made, key, { value, enumerable: true, configurable: true, writable: true });
        return made;
      }),
  ),
})).value;

/** JSON text that is deep, or that only looks like JSON. */
export const jsonText = fc.oneof(
  json.map((value) => JSON.stringify(value)),
  fc.integer({ min: 1, max: 20_000 }).map((depth) => '['.repeat(depth)),
  fc.integer({ min: 1, max: 8_000 }).map((depth) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`),
  fc.constantFrom(
    '{"__proto__":{"a":1}}',
    '{"constructor":{"prototype":{}}}',
    '{"a":1,"a":2}',
    'NaN',
    '{',
    '\ufeff{}',
  ),
  text,
);

/** A value of this kind, and now and then anything at all in its place. */
export const mostly = <T>(good: fc.Arbitrary<T>, often = 4): fc.Arbitrary<unknown> =>
  fc.oneof<fc.Arbitrary<unknown>[]>(
    { weight: often, arbitrary: good as fc.Arbitrary<unknown> } as never,
    { weight: 1, arbitrary: json } as never,
  );

/** Texts that once broke something, or are known to break things; see `corpus/`. */
export function corpusOf(kind: 'texts' | 'names' | 'yaml'): string[] {
  const folder = join(import.meta.dirname, 'corpus');
  const found = readdirSync(folder)
    .filter((name) => name.startsWith(kind))
    .flatMap((name) => z.array(z.string()).parse(JSON.parse(readFileSync(join(folder, name), 'utf8'))));
  return found.length > 0 ? found : [''];
}
