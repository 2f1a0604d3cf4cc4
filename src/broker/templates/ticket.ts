import { misleads } from '../../contract/plain-text.ts';

/** Longest ticket, as in the contract. */
const longestTicket = 64;
/** In how many ways a pattern may be tried on one ticket; `[A-Z]+-\d+` has about 4,000. */
const mostWays = 300_000;

/** The expression that a whole ticket must match, for the pattern of a template that was checked. */
export function ticketExpression(pattern: string): RegExp {
  return new RegExp(`^(?:${pattern})$`, 'u');
}

/**
 * Why a pattern cannot be used, or undefined. Patterns are matched by backtracking, here and in people's editors, so
 * only those are taken whose number of ways through the longest ticket stays small: `(a+)+` could stop the broker.
 */
export function patternProblem(pattern: string): string | undefined {
  if (misleads(pattern)) return 'holds control or invisible characters, or half ones.';
  if (pattern.length > 200) return 'is longer than 200 characters.';
  try {
    const reader = new PatternReader(pattern);
    const ways = reader.alternatives();
    reader.end();
    ticketExpression(pattern);
    return ways > mostWays
      ? 'repeats within repeats, which can take forever. Use one + or * for each part, like [A-Z]+-\\d+.'
      : undefined;
  } catch (error) {
    return error instanceof NotPossible
      ? error.message
      : 'is not a regular expression. Use letters, digits, \\d, [A-Z], + and the like, as in INC-\\d+.';
  }
}

class NotPossible extends Error {}

/** Reads the part of regular expressions that tickets need, and counts in how many ways it can match. */
class PatternReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  alternatives(): number {
    let ways = this.#sequence();
    while (this.#takes('|')) ways += this.#sequence();
    return ways;
  }

  end(): void {
    if (this.#at < this.#text.length) throw new NotPossible('has a ) without its (.');
  }

  #sequence(): number {
    let ways = 1;
    while (this.#at < this.#text.length && !'|)'.includes(this.#next())) {
      const once = this.#atom();
      ways *= this.#repeated(once);
    }
    return ways;
  }

  /** Ways through one atom. */
  #atom(): number {
    const char = this.#next();
    this.#at++;
    switch (char) {
      case '(': {
        if (this.#takes('?') && !this.#takes(':'))
          throw new NotPossible('uses (?…, which is not possible here. Plain groups ( ) are.');
        const ways = this.alternatives();
        if (!this.#takes(')')) throw new NotPossible('has a ( without its ).');
        return ways;
      }
      case '[':
        this.#characters();
        return 1;
      case '\\':
        this.#escape();
        return 1;
      case '*':
      case '+':
      case '?':
      case '{':
        throw new NotPossible(`repeats nothing: there is nothing before ${char}.`);
      default:
        return 1;
    }
  }

  #characters(): void {
    while (this.#at < this.#text.length) {
      const char = this.#next();
      this.#at++;
      if (char === ']') return;
      if (char === '\\') this.#escape();
    }
    throw new NotPossible('has a [ without its ].');
  }

  #escape(): void {
    const char = this.#next();
    this.#at++;
    if (!/^[dDwWsS]$|^[^\p{L}\p{N}\s]$/u.test(char))
      throw new NotPossible(
        `uses \\${char}, which is not possible here. \\d, \\w, \\s and signs like \\. are.`,
      );
  }

  #repeated(once: number): number {
    const quantifier = /^(?:([*+?])|\{(\d{1,4})(?:(,)(\d{1,4})?)?\})\??/.exec(this.#text.slice(this.#at));
    if (!quantifier) return once;
    const [all, sign, from, comma, to] = quantifier;
    this.#at += all.length;
    const least = sign === undefined ? Number(from) : sign === '+' ? 1 : 0;
    const most =
      sign === '?'
        ? 1
        : sign !== undefined || (comma && to === undefined)
          ? longestTicket
          : Number(to ?? from);
    let ways = 0;
    for (let times = least; times <= Math.min(most, Math.max(longestTicket, least)); times++)
      ways += once ** times;
    return Math.max(1, ways);
  }

  #next(): string {
    return this.#text.charAt(this.#at);
  }

  #takes(char: string): boolean {
    if (this.#next() !== char) return false;
    this.#at++;
    return true;
  }
}
