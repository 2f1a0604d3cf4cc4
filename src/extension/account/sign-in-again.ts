import type { SignInChallenge } from '../../contract/problems.ts';
import { ProblemError } from '../client/call.ts';
import type { AccountService } from '../services.ts';

/** Refusals that no further visit is made for: somebody further out may wait for the same call. */
const final = new WeakSet<ProblemError>();

/**
 * Does what may need another sign-in than the one that is there (RFC 9470): then the person signs in again, once, and it
 * goes on by itself. A visit that was not enough is not repeated.
 * @throws what `work` throws
 */
export async function signingInAgain<T>(
  account: Pick<AccountService, 'mark' | 'signInAgain'>,
  work: () => Promise<T>,
): Promise<T> {
  let visited = false;
  let found = false;
  for (;;) {
    const before = account.mark;
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof ProblemError) || error.kind !== 'step-up-needed' || final.has(error))
        throw error;
      if (visited) throw lastWord(notEnough(error));
      const how = await account.signInAgain(error.problem.challenge ?? {}, before);
      if (how === 'no' || (how === 'found' && found)) throw lastWord(error);
      visited = how === 'visited';
      found = true;
    }
  }
}

/** Whether every sign-in that satisfies `visited` satisfies `wanted` too, so that one visit is enough for both. */
export function answers(visited: SignInChallenge, wanted: SignInChallenge): boolean {
  const { acrValues, maxAge = Infinity } = wanted;
  const brings = visited.acrValues ?? [];
  const asStrong = !acrValues || (brings.length > 0 && brings.every((acr) => acrValues.includes(acr)));
  const asSafe = wanted.inBrowser !== true || visited.inBrowser === true;
  return asStrong && asSafe && (visited.maxAge ?? Infinity) <= maxAge;
}

function lastWord(error: ProblemError): ProblemError {
  final.add(error);
  return error;
}

function notEnough({ kind, problem }: ProblemError): ProblemError {
  const detail = `You signed in again, and it was not enough. ${problem.detail} If it stays so, ask whoever runs the identity provider.`;
  return new ProblemError(kind, { ...problem, detail });
}
