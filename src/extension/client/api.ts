import type { Secret } from '../../contract/secret.ts';
import type { Route, RouteName } from '../../contract/routes.ts';
import type { Clock } from '../state/clock.ts';
import { hostOf } from './address.ts';
import {
  Cancelled,
  ProblemError,
  SignedOut,
  Unreachable,
  type Api,
  type Input,
  type Output,
} from './call.ts';
import { codeOf } from './failures.ts';
import { exchange, type Answer } from './exchange.ts';
import { parseJson } from './http.ts';
import { credentials, nonceAsked, nonceHeader, type Access } from './proof.ts';
import type { Caller, TokenSource } from './tokens.ts';

export interface ApiParts {
  /** Undefined while nobody is signed in. */
  readonly caller: () => Caller | undefined;
  readonly tokens: TokenSource;
  readonly clock: Clock;
  /** Sees each answer before the caller does. */
  readonly heard: <N extends RouteName>(name: N, output: Output<N>) => void;
  /** Pauses between attempts; tests hand in shorter ones. */
  readonly pausesMs?: readonly number[];
  /** Shortens what a busy broker asks to wait, in tests. */
  readonly hurryBy?: number;
}

/** Nobody waits longer than this, unasked, for a broker that is busy; then they are told. */
const longestWaitSeconds = 5;
/** So often at most is a call sent again that was one too many. */
const longestPauses = 3;

/** The same in every route, as far as making the call is concerned. */
interface Loose {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  readonly key?: string;
  readonly signal?: AbortSignal;
}

/**
 * The typed client. A call that may be repeated (a read, or one with an `Idempotency-Key`) is repeated by itself when
 * its answer was lost or the broker still works on the first; a refused token is exchanged once.
 */
export class ApiClient implements Api {
  readonly #parts: ApiParts;

  constructor(parts: ApiParts) {
    this.#parts = parts;
  }

  async call<N extends RouteName>(
    name: N,
    ...[input]: [input?: Input<N>] | [input: Input<N>]
  ): Promise<Output<N>> {
    const { routes } = await import('../../contract/routes.ts');
    const route: Route = routes[name];
    const caller = this.#parts.caller();
    if (!caller) throw new SignedOut();
    const answer = await this.#persistently(route, caller, input ?? {});
    const output = await understand(route, answer, hostOf(caller.broker));
    // An answer that arrives when somebody else is signed in is not theirs to see.
    this.#mustStillBe(caller);
    this.#parts.heard(name, output as Output<N>);
    return output as Output<N>;
  }

  async #persistently(route: Route, caller: Caller, input: Loose): Promise<Answer> {
    const pauses = this.#parts.pausesMs ?? [200, 1000, 2000];
    const repeatable = route.method !== 'POST' || input.key !== undefined;
    let mayHaveArrived = false;
    for (let attempt = 0; ; attempt++) {
      const pause = repeatable ? pauses[attempt] : undefined;
      try {
        const answer = await this.#authorised(route, caller, input);
        const later = answer.status === 429 ? secondsUntil(answer) : undefined;
        // The broker did not look at it, so that even what has no key may be sent again.
        if (later !== undefined && later <= longestWaitSeconds && attempt < longestPauses) {
          await wait(apart(later * 1000 * (this.#parts.hurryBy ?? 1)), input.signal);
          continue;
        }
        const busy = answer.status === 409 && (await kindIn(answer)) === 'in-progress';
        if (!busy || pause === undefined) return answer;
        mayHaveArrived = true;
      } catch (error) {
        if (!(error instanceof Unreachable) || pause === undefined || !lostOnTheWay(error))
          throw mayHaveArrived ? afterAll(error) : error;
        mayHaveArrived = true;
      }
      await wait(pause, input.signal);
    }
  }

  async #authorised(route: Route, caller: Caller, input: Loose): Promise<Answer> {
    if (route.open) return this.#once(route, caller.broker, input, undefined);
    const access = await this.#access(caller);
    const answer = await this.#once(route, caller.broker, input, access);
    // A renewed token says of the sign-in what this one says: only another sign-in helps there.
    if (answer.status !== 401 || (await kindIn(answer)) === 'step-up-needed') return answer;
    return this.#once(route, caller.broker, input, await this.#access(caller, access.token));
  }

  async #access(caller: Caller, rejected?: Secret): Promise<Access> {
    const access = await this.#parts.tokens.access(caller, rejected);
    this.#mustStillBe(caller);
    return access;
  }

  /** @throws SignedOut somebody else is signed in by now, or at another broker, or nobody */
  #mustStillBe({ who, broker }: Caller): void {
    const now = this.#parts.caller();
    if (now?.who !== who || now.broker !== broker) throw new SignedOut();
  }

  async #once(route: Route, broker: string, input: Loose, access: Access | undefined): Promise<Answer> {
    const { clock } = this.#parts;
    const { method } = route;
    const { body, signal, key } = input;
    const url = `${broker}${pathOf(route.path, input.params)}${queryOf(input.query)}`;
    const send = async (nonce?: string): Promise<Answer> => {
      const who = access ? await credentials(access, { method, url, at: clock.now(), nonce }) : {};
      if (signal?.aborted) throw new Cancelled({ nothingSent: true });
      const headers = { ...who, ...(key === undefined ? {} : { 'idempotency-key': key }) };
      return exchange({ method, url, headers, body, signal }, clock);
    };
    const answer = await send();
    const nonce = nonceAsked(answer.status, answer.header(nonceHeader));
    return nonce === undefined ? answer : send(nonce);
  }
}

/** What a busy broker asks to wait (RFC 9110 section 10.2.3), in seconds. */
function secondsUntil(answer: Answer): number | undefined {
  const seconds = Number(answer.header('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined;
}

/** A little longer than asked, and never as long as another window. */
function apart(ms: number): number {
  return ms * (1 + Math.random() / 2);
}

/** An earlier attempt may have arrived, although the last one did not. */
function afterAll(error: unknown): unknown {
  if (error instanceof Cancelled) return new Cancelled();
  return error instanceof Unreachable ? new Unreachable(error.message, { cause: error.cause }) : error;
}

/** What was sent may or may not have arrived; a name that does not exist or a certificate will not mend itself. */
function lostOnTheWay(error: Unreachable): boolean {
  return ['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ETIMEDOUT', 'ERR_BAD_RESPONSE'].includes(
    codeOf(error.cause),
  );
}

function pathOf(path: string, params: Loose['params']): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params?.[name] ?? ''));
}

function queryOf(query: Loose['query']): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined) search.set(name, value);
  return search.size ? `?${search.toString()}` : '';
}

async function kindIn(answer: Answer): Promise<string | undefined> {
  const { Problem, kindOf } = await import('../../contract/problems.ts');
  const problem = Problem.safeParse(parseJson(answer.text));
  return problem.success ? kindOf(problem.data) : undefined;
}

async function understand(route: Route, answer: Answer, host: string): Promise<unknown> {
  const body = parseJson(answer.text);
  if (answer.status === route.status) {
    const parsed = route.response.safeParse(body);
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    throw new Unreachable(
      `${host} gave an answer that Daypass does not understand. It may be of another version.`,
      {
        cause: new Error(
          `${route.method} ${route.path}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`,
        ),
      },
    );
  }
  const { Problem, kindOf } = await import('../../contract/problems.ts');
  const problem = Problem.safeParse(body);
  if (problem.success) throw new ProblemError(kindOf(problem.data), problem.data);
  throw new Unreachable(
    answer.status >= 500
      ? `${host} cannot work at the moment (${answer.status}). Try again in a minute.`
      : `Something other than the broker answered for ${host} (${answer.status}). Check your network, or the VPN.`,
  );
}

function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new Cancelled());
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal?.addEventListener('abort', stop, { once: true });
  });
}
