/** What is looked for: a secret, under the name that a report calls it by. */
export interface Needle {
  readonly name: string;
  readonly secret: string;
}

/** Shorter pieces would be found by chance. */
const leastBytes = 12;

/**
 * Finds secrets in bytes, whatever they were wrapped in: as they are, in base64 (at any offset, both alphabets),
 * URL-encoded, escaped in JSON, in hexadecimal, in UTF-16.
 */
export class Haystack {
  readonly #forms: { readonly name: string; readonly bytes: Buffer }[] = [];
  /** By the first two bytes: nearly every place is passed over after one look. */
  readonly #begins = new Map<number, number[]>();
  readonly #looksLike = new Uint8Array(65_536);

  constructor(needles: readonly Needle[]) {
    for (const { name, secret } of needles)
      for (const bytes of formsOf(secret)) {
        const first = bytes.readUInt16LE(0);
        this.#looksLike[first] = 1;
        this.#begins.set(first, [...(this.#begins.get(first) ?? []), this.#forms.length]);
        this.#forms.push({ name, bytes });
      }
  }

  /** The names of what is in it. */
  search(hay: Buffer): Set<string> {
    const found = new Set<string>();
    const looksLike = this.#looksLike;
    for (let at = 0; at + leastBytes <= hay.length; at++) {
      const first = (hay[at] ?? 0) | ((hay[at + 1] ?? 0) << 8);
      if (looksLike[first] === 0) continue;
      for (const index of this.#begins.get(first) ?? []) {
        const form = this.#forms[index];
        if (form && form.bytes.equals(hay.subarray(at, at + form.bytes.length))) found.add(form.name);
      }
    }
    return found;
  }
}

function formsOf(secret: string): Buffer[] {
  const bytes = Buffer.from(secret);
  const texts = [
    secret,
    encodeURIComponent(secret),
    new URLSearchParams({ _: secret }).toString().slice(2),
    JSON.stringify(secret).slice(1, -1),
    JSON.stringify(JSON.stringify(secret)).slice(3, -3),
    bytes.toString('hex'),
    ...insideBase64(bytes),
  ];
  const forms = new Map(texts.map((text) => [text, Buffer.from(text)]));
  forms.set('UTF-16', Buffer.from(secret, 'utf16le'));
  return [...forms.values()].filter((form) => form.length >= leastBytes);
}

/** What is the same in base64 whatever stands before and after, for each of the three ways it can fall on the groups. */
function insideBase64(bytes: Buffer): string[] {
  return [0, 1, 2].flatMap((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64url');
    const from = before === 0 ? 0 : before + 1;
    const whole = Math.floor(((before + bytes.length) * 8) / 6);
    const inside = text.slice(from, whole);
    return [inside, inside.replaceAll('-', '+').replaceAll('_', '/')];
  });
}
