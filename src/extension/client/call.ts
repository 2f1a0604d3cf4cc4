import type { Problem, ProblemKind } from '../../contract/problems.ts';
import type { RouteName, routes } from '../../contract/routes.ts';
import type * as z from 'zod';

type Routes = typeof routes;
type Part<R, K extends string> =
  R extends Record<K, infer S extends z.ZodType> ? { readonly [P in K]: z.input<S> } : object;
type Key<R> = R extends { idempotent: true } ? { readonly key: string } : object;

/** What a call takes: `params`, `body`, `key` (an `Idempotency-Key`) as its route demands, `query` if it has one. */
export type Input<N extends RouteName> = Part<Routes[N], 'params'> &
  Partial<Part<Routes[N], 'query'>> &
  Part<Routes[N], 'body'> &
  Key<Routes[N]> & { readonly signal?: AbortSignal };

export type Output<N extends RouteName> = z.output<Routes[N]['response']>;

/** `{}` may be left out where a route demands nothing. */
type Arguments<N extends RouteName> = object extends Input<N> ? [input?: Input<N>] : [input: Input<N>];

export interface Api {
  /**
   * One call of the contract, e.g. `api.call('decide', { params: { id }, body, key: newKey() })`.
   * @throws ProblemError the broker said no, in its words
   * @throws Unreachable no answer, or none that follows the contract
   * @throws SignedOut nobody is signed in, or the sign-in has come to its end
   * @throws Cancelled `signal` was aborted
   */
  call<N extends RouteName>(name: N, ...input: Arguments<N>): Promise<Output<N>>;
}

/** An `Idempotency-Key` for one intention of a person: keep it for every attempt at that intention. */
export function newKey(): string {
  return crypto.randomUUID();
}

/** The message of each is for people: what happened, what it means, what to do. Its cause goes to the log. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly kind: ProblemKind;
  readonly problem: Problem;

  constructor(kind: ProblemKind, problem: Problem) {
    super(problem.detail);
    this.kind = kind;
    this.problem = problem;
  }
}

interface Silence {
  /** Set where it is certain that nothing was sent, so that nothing can have come of it. */
  readonly nothingSent?: boolean;
}

interface Patience {
  readonly retryAfterSeconds?: number;
}

export class Unreachable extends Error {
  override readonly name = 'Unreachable';
  readonly nothingSent: boolean;
  /** How long the broker asked to stay away. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    message: string,
    { nothingSent = false, retryAfterSeconds, ...options }: Silence & Patience & ErrorOptions = {},
  ) {
    super(message, options);
    this.nothingSent = nothingSent;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

export class SignedOut extends Error {
  override readonly name = 'SignedOut';
  constructor() {
    super('You are signed out. Sign in to Daypass again.');
  }
}

export class Cancelled extends Error {
  override readonly name = 'Cancelled';
  readonly nothingSent: boolean;

  constructor({ nothingSent = false }: Silence = {}) {
    super('Cancelled.');
    this.nothingSent = nothingSent;
  }
}
