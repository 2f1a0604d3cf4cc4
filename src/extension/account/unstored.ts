import type { SignIn } from './sign-in.ts';

const tryAgainMs = 30_000;

/**
 * A sign-in that the provider has renewed and that could not be stored. The refresh token that lies in the vault is
 * used up then: presenting it again would look like theft, and the provider would end the sign-in.
 */
export class Unstored {
  #held: { readonly signIn: SignIn; readonly usedUp: string | undefined } | undefined;
  #notBefore = 0;
  #told = false;

  get isEmpty(): boolean {
    return this.#held === undefined;
  }

  get signIn(): SignIn | undefined {
    return this.#held?.signIn;
  }

  /** @param stored what the vault holds instead */
  keep(signIn: SignIn, stored: SignIn): void {
    this.#held = { signIn, usedUp: stored.refreshToken?.reveal() };
  }

  /** What holds where the vault has `stored`: that, unless it is what was used up. */
  insteadOf(stored: SignIn | undefined): SignIn | undefined {
    if (stored && this.#held && stored.refreshToken?.reveal() === this.#held.usedUp) return this.#held.signIn;
    return stored;
  }

  /** Storing has failed. @returns whether that is the first time, for it to be said once */
  isNews(now: number): boolean {
    this.#notBefore = now + tryAgainMs;
    const news = !this.#told;
    this.#told = true;
    return news;
  }

  /** Whether it is time to try to store it again. */
  isDue(now: number): boolean {
    return this.#held !== undefined && now >= this.#notBefore;
  }

  forget(): void {
    this.#held = undefined;
    this.#notBefore = 0;
    this.#told = false;
  }
}
