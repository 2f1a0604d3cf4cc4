import fc from 'fast-check';
import assert from 'node:assert/strict';
import { misleads, withoutMisleading } from '../../src/contract/plain-text.ts';

const u = (hex: number): string => `U+${hex.toString(16).toUpperCase().padStart(4, '0')}`;
const anyCharacter = fc.integer({ min: 0, max: 0x10ffff }).map((code) => String.fromCodePoint(code));

describe('Text that others read', () => {
  for (const [what, codes] of Object.entries({
    'a control character': [0x00, 0x07, 0x0a, 0x0d, 0x1b, 0x7f, 0x9b],
    'something that reorders': [
      0x061c, 0x200e, 0x200f, 0x202a, 0x202b, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069,
    ],
    'something invisible': [
      0x00ad, 0x034f, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x200b, 0x2060, 0x2061, 0x2064, 0x206a, 0x206f, 0x2800,
      0x3164, 0xfeff, 0xffa0, 0xfff9, 0xfffb, 0xfffc, 0x1bca0, 0x1d159, 0x1d173, 0xe0001, 0xe0041, 0xe007f,
    ],
    'a joiner or selector with nothing to do': [0x180b, 0x200c, 0x200d, 0xfe00, 0xfe0e, 0xfe0f, 0xe0100],
    'a line or paragraph separator': [0x2028, 0x2029],
    'half a character': [0xd800, 0xdbff, 0xdc00, 0xdfff],
    'a character for private use': [0xe000, 0xf8ff, 0xf0000, 0x10fffd],
    'one that does not exist': [0x0378, 0xfdd0, 0xffff, 0x1ffff, 0x2fe0, 0xe0fff, 0x10ffff],
  }))
    it(`does not hold ${what}`, () => {
      for (const code of codes) {
        const character = String.fromCodePoint(code);
        for (const text of [character, `order ${character} 4711`, `or${character}der`, `order${character}`]) {
          assert.ok(misleads(text), u(code));
          assert.ok(!withoutMisleading(text).includes(character), u(code));
        }
      }
    });

  it('is in any language, with the joiners and selectors that its words need', () => {
    for (const text of [
      'Zahlungen prüfen — “INC-4211”, naïve café, 5\u00a0%',
      'データベースを確認します。',
      'בדיקת הזמנות תקועות',
      'נִקּוּד',
      'می\u200cخواهم سفارش\u200cها را ببینم',
      'क्\u200dष और राम्\u200cरहीम',
      'ශ්\u200dරී ලංකා',
      'শ্যামল র\u200d্যাম',
      'ശ്രീധരന്\u200d',
      '辻\u{e0100}さん、葛\u{e0101}城さん',
      'ᠮᠣᠩᠭᠣᠯ\u180bᠤᠨ',
      'የኢትዮጵያ ትዕዛዝ',
      '한국어 주문',
      'Nguyễn Thị Ánh',
      '💳 ❤️ ⚠️ 1️⃣ #️⃣ ☎︎ 🏳️\u200d🌈 👩🏽\u200d💻 👨\u200d👩\u200d👧\u200d👦 🇩🇪 👍🏿 ✊',
      '\u{1fae8}\u{1fadf}',
    ]) {
      assert.equal(
        misleads(text),
        false,
        Array.from(text)
          .map((one) => u(one.codePointAt(0)!))
          .join(' '),
      );
      assert.equal(withoutMisleading(text), text);
    }
  });

  it('hides nothing between letters that no joiner joins, nor two joiners in a row', () => {
    for (const text of [
      'pass\u200dword',
      'pass\u200cword',
      'ש\u200dל',
      '日\u200d本',
      '1\u200d2',
      'می\u200c\u200cخواهم',
      'می\u200cx',
      'می\u200c',
      '\u200cمی',
      '💳\u200dx',
      'x\u200d💳',
      '❤\ufe0f\ufe0f',
      'a\ufe0f',
      '1\ufe0f',
      '葛\u{e0100}\u{e0101}',
      'a\u{e0100}',
    ])
      assert.ok(misleads(text), JSON.stringify(text));
  });

  it('is judged by each of its characters: it misleads wherever one of them stands', () => {
    const hidden = fc.constantFrom(...'\u200b\u202e\u2066\ufeff\u2800\u3164\u0000\u2028\ue000'.split(''));
    const around = fc.string({ unit: 'grapheme', maxLength: 20 });
    fc.assert(
      fc.property(around, hidden, around, (before, one, after) => misleads(`${before}${one}${after}`)),
    );
  });

  it('misleads no more once what misleads is taken out, and loses nothing else', () => {
    const text = fc.array(
      fc.oneof(
        anyCharacter,
        fc.constantFrom(
          '\u200d',
          '\u200c',
          '\ufe0f',
          '\u{e0100}',
          '❤',
          '👩',
          '💻',
          'م',
          'क',
          '्',
          '葛',
          'a',
          '1',
        ),
      ),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(text, (characters) => {
        const whole = characters.join('');
        const clean = withoutMisleading(whole);
        assert.equal(misleads(clean), false);
        assert.equal(withoutMisleading(clean), clean);
        assert.equal(misleads(whole), clean !== whole);
        const kept = characters
          .filter((one) => /^[\p{L}\p{N}\p{P}\p{Zs}]$/u.test(one) && !misleads(one))
          .join('');
        assert.equal(
          Array.from(clean)
            .filter((one) => /[\p{L}\p{N}\p{P}\p{Zs}]/u.test(one))
            .join(''),
          kept,
        );
      }),
      { numRuns: 2000 },
    );
  });

  it('has every letter, number, mark, sign and space of Unicode, but the few that are drawn as nothing', () => {
    const refused: number[] = [];
    for (let code = 0; code <= 0x10ffff; code++) {
      const character = String.fromCodePoint(code);
      if (/[\p{L}\p{N}\p{M}\p{P}\p{S}\p{Zs}]/u.test(character) && misleads(character)) refused.push(code);
    }
    // Fillers, selectors, joiners of graphemes, vowels that are not written, blanks.
    assert.deepEqual(
      refused.filter((code) => code < 0xe0100 && !(code >= 0xfe00 && code <= 0xfe0f)),
      [
        0x034f, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x180b, 0x180c, 0x180d, 0x180f, 0x2800, 0x3164, 0xffa0,
        0xfffc, 0x1d159,
      ],
    );
  });
});
