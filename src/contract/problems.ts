import * as z from 'zod';

/**
 * Every way in which the broker says no. The key is the last part of the problem's `type`
 * (`https://daypass.dev/problems/<key>`, an identifier, nothing is fetched from there) and never changes its meaning.
 */
export const problems = {
  'invalid-request': { status: 400, title: 'That request cannot be understood' },
  'not-signed-in': { status: 401, title: 'Sign in first' },
  'step-up-needed': { status: 401, title: 'Sign in again for this' },
  'refused-by-policy': { status: 403, title: 'This cannot be given at the moment' },
  'not-allowed': { status: 403, title: 'That is not yours to do' },
  'not-found': { status: 404, title: 'There is no such thing, or it is not yours to see' },
  'in-progress': { status: 409, title: 'The same call is still being worked on' },
  'too-late': { status: 409, title: 'That is already settled' },
  'changed-meanwhile': { status: 409, title: 'This changed while you looked at it' },
  'too-many-pending': { status: 409, title: 'Too many at once' },
  'too-many-terminals': { status: 409, title: 'No more terminals under this access' },
  'too-many-messages': { status: 409, title: 'Enough was said here' },
  'not-authentic': { status: 409, title: 'This is not as the broker wrote it' },
  'template-gone': { status: 409, title: 'This template is no longer there' },
  'too-long': { status: 422, title: 'That is longer than the template allows' },
  'ticket-needed': { status: 422, title: 'This template needs a ticket' },
  'key-reused': { status: 422, title: 'The same Idempotency-Key came with another body' },
  'too-large': { status: 413, title: 'That is too large' },
  'too-many-calls': { status: 429, title: 'Too many calls' },
  unexpected: { status: 500, title: 'Something went wrong here' },
  'target-refused': { status: 502, title: 'The target did not issue the credential' },
  'not-ready': { status: 503, title: 'The broker cannot work at the moment' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemKind = keyof typeof problems;
const kinds = Object.keys(problems) as [ProblemKind, ...ProblemKind[]];
const prefix = 'https://daypass.dev/problems/';

/** What a sign-in must be for a call that was refused with `step-up-needed` (RFC 9470 section 3). */
export const SignInChallenge = z
  .object({
    acrValues: z
      .array(z.string())
      .optional()
      .meta({ description: 'Contexts of sign-in (`acr`), one of which it takes.' }),
    maxAge: z.int().min(0).optional().meta({ description: 'How old the sign-in may be, in seconds.' }),
    inBrowser: z.boolean().optional().meta({ description: 'True where a sign-in by code does not count.' }),
  })
  .meta({ id: 'SignInChallenge' });
export type SignInChallenge = z.infer<typeof SignInChallenge>;

/** Problem details, RFC 9457. `detail` is for people: what happened, what it means, what to do next. */
export const Problem = z
  .object({
    type: z.enum(kinds.map((kind) => `${prefix}${kind}` as const)),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string().optional().meta({ description: 'Names this occurrence in the broker’s log.' }),
    errors: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .optional()
      .meta({ description: 'What is wrong with which field, for `invalid-request`.' }),
    challenge: SignInChallenge.optional().meta({ description: 'For `step-up-needed`.' }),
  })
  .meta({ id: 'Problem' });
export type Problem = z.infer<typeof Problem>;

export function problemType(kind: ProblemKind): Problem['type'] {
  return `${prefix}${kind}`;
}

/** The kind of a problem that a broker sent. */
export function kindOf(problem: Problem): ProblemKind {
  return problem.type.slice(prefix.length) as ProblemKind;
}
