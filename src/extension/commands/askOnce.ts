const beingAsked = new Set<string>();

/**
 * Asks a person something, unless the very same is before them already: a second click makes no second question.
 * @param about names the question and what it is about
 * @returns undefined also where it was not asked
 */
export async function askOnce<T>(
  about: string,
  ask: () => PromiseLike<T | undefined>,
): Promise<T | undefined> {
  if (beingAsked.has(about)) return undefined;
  beingAsked.add(about);
  try {
    return await ask();
  } finally {
    beingAsked.delete(about);
  }
}
