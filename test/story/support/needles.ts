/** What is looked for: a secret, under the name that a report calls it by. */
export interface Needle {
  readonly name: string;
  readonly secret: string;
}

/** Whole tokens, and what is only in this one: its end. */
export const needlesOfToken = (name: string, token: string): Needle[] =>
  (token.includes('.') ? [token.split('.').slice(1).join('.'), token.split('.').at(-1) ?? ''] : [token]).map(
    (secret) => ({ name, secret }),
  );

/** What stands in a SCRAM verifier (RFC 5803) and nowhere else: its two keys. */
export const needlesOfVerifier = (name: string, verifier: string): Needle[] => {
  const [stored = '', server = ''] = verifier.split('$').at(-1)?.split(':') ?? [];
  return [
    { name: `${name}’s stored key`, secret: stored },
    { name: `${name}’s server key`, secret: server },
  ];
};

/** Shorter pieces would be found by chance. */
const leastBytes = 12;
const hashBits = 20;

/** Fibonacci hashing of a whole number of 32 bits. */
const hash = (number: number) => Math.imul(number, 0x9e3779b1) >>> (32 - hashBits);

/**
 * Finds secrets in bytes, whatever they were wrapped in: as they are, in base64 (at any offset, both alphabets),
 * URL-encoded, escaped in JSON, in hexadecimal, in UTF-16.
 */
export class Haystack {
  readonly #forms: { readonly name: string; readonly bytes: Buffer }[] = [];
  /** By the first four bytes. */
  readonly #begins = new Map<number, number[]>();
  /** By a hash of these: among thousands of secrets, too, nearly every place is passed over after one look. */
  readonly #looksLike = new Uint8Array(1 << hashBits);

  constructor(needles: readonly Needle[]) {
    for (const { name, secret } of needles)
      for (const bytes of formsOf(secret)) {
        const first = bytes.readInt32LE(0);
        this.#looksLike[hash(first)] = 1;
        this.#begins.set(first, [...(this.#begins.get(first) ?? []), this.#forms.length]);
        this.#forms.push({ name, bytes });
      }
  }

  /** The names of what is in it. */
  search(hay: Buffer): Set<string> {
    const found = new Set<string>();
    const looksLike = this.#looksLike;
    // The four bytes from `at` on.
    let first = hay.length < leastBytes ? 0 : hay.readInt32LE(0) << 8;
    for (let at = 0; at + leastBytes <= hay.length; at++) {
      first = (first >>> 8) | ((hay[at + 3] ?? 0) << 24);
      if (looksLike[hash(first)] === 0) continue;
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
