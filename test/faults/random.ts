/** Numbers that a seed and a name decide, the same on every machine. */
export interface Random {
  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number;
  pick<T>(list: readonly T[]): T;
  /** True in so many of a hundred cases. */
  inHundred(cases: number): boolean;
}

/** A sequence of its own for each name under a seed, so that what is drawn for one leaves the others as they are. */
export function randomOf(seed: number, name: string): Random {
  let state = seed >>> 0;
  for (const sign of name) state = mix(state ^ (sign.codePointAt(0) ?? 0));
  const next = () => {
    state = (state + 0x9e3779b9) >>> 0;
    return mix(state) / 2 ** 32;
  };
  const between = (least: number, most: number) => least + Math.floor(next() * (most - least + 1));
  return {
    between,
    pick: <T>(list: readonly T[]) => list[between(0, list.length - 1)] as T,
    inHundred: (cases) => next() * 100 < cases,
  };
}

/** The finaliser of MurmurHash3 (32 bits). */
function mix(value: number): number {
  let mixed = value >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
