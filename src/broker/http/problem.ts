import type { FastifyError } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { spelledOut } from '../../contract/plain-text.ts';
import { problems, problemType, type Problem, type ProblemKind } from '../../contract/problems.ts';
import { NotSignedIn, ProviderUnavailable } from '../identity/failures.ts';
import { isAway } from '../store/unusable.ts';

type Challenge = NonNullable<Problem['challenge']>;
type FieldErrors = NonNullable<Problem['errors']>;

interface RefusalMore {
  readonly errors?: FieldErrors;
  readonly challenge?: Challenge;
  readonly retryAfterSeconds?: number | undefined;
  readonly personId?: string | undefined;
  readonly recorded?: boolean;
}

/** A call that is answered with a problem. Whoever throws it has changed nothing. */
export class Refusal extends Error {
  readonly kind: ProblemKind;
  readonly errors: FieldErrors | undefined;
  /** What a sign-in must be for this call. */
  readonly challenge: Challenge | undefined;
  readonly retryAfterSeconds: number | undefined;
  /** It stands in the audit log already. */
  readonly recorded: boolean;
  /** Whose call it was, where that is known although they were not let in. */
  readonly personId: string | undefined;

  /** @param detail for people: what happened, what it means, what to do next */
  constructor(kind: ProblemKind, detail: string, options: ErrorOptions & RefusalMore = {}) {
    super(detail, options);
    this.name = 'Refusal';
    this.kind = kind;
    this.errors = options.errors;
    this.challenge = options.challenge;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.personId = options.personId;
    this.recorded = options.recorded ?? false;
  }
}

/** How an error is answered. `unforeseen` is for the log with all that is known; the answer never says more than `problem`. */
export interface Answer {
  readonly problem: Problem;
  readonly headers: Readonly<Record<string, string>>;
  readonly unforeseen: boolean;
}

/** The answer to whatever a call ended with. `instance` (RFC 9457 section 3.1.5) names the call in our log; `authorization` is how it signed in. */
export function answerTo(error: unknown, instance: string, authorization = ''): Answer {
  if (error instanceof NotSignedIn)
    return answer(error.problem, error.words, instance, {
      headers: {
        'www-authenticate': error.wwwAuthenticate,
        ...(error.nonce === undefined ? {} : { 'dpop-nonce': error.nonce }),
      },
    });
  if (error instanceof ProviderUnavailable)
    return answer('not-ready', error.words, instance, { headers: soon });
  const refusal = error instanceof Refusal ? error : refusalOf(error);
  if (refusal) {
    const passes = refusal.kind === 'not-ready' || refusal.kind === 'too-many-calls';
    const { errors, challenge } = refusal;
    const headers = {
      ...(passes ? retryAfter(refusal.retryAfterSeconds ?? 2) : {}),
      ...(challenge ? { 'www-authenticate': insufficient(challenge, authorization) } : {}),
    };
    return answer(refusal.kind, refusal.message, instance, { headers, errors, challenge });
  }
  if (isAway(error)) return answer('not-ready', databaseAway, instance, { headers: soon, unforeseen: true });
  return answer('unexpected', unexpected, instance, { unforeseen: true });
}

/** RFC 9470 section 3, under the scheme of the call: whoever proved a key is asked to go on doing so. */
function insufficient({ acrValues, maxAge }: Challenge, authorization: string): string {
  const scheme = /^DPoP /i.test(authorization) ? 'DPoP' : 'Bearer';
  return [
    `${scheme} error="insufficient_user_authentication"`,
    ...(acrValues ? [`acr_values="${acrValues.join(' ')}"`] : []),
    ...(maxAge === undefined ? [] : [`max_age="${maxAge}"`]),
  ].join(', ');
}

const retryAfter = (seconds: number) => ({ 'retry-after': String(seconds) });
const soon = retryAfter(2);
const databaseAway =
  'The broker cannot reach its database at the moment, so nothing can be asked or decided. Running sessions still end on time. Try again soon.';
const unexpected =
  'The broker met an error that it was not made for. What you asked for may not have happened: look before you try again. If it stays, tell whoever runs the broker the id of this answer.';

function answer(
  kind: ProblemKind,
  detail: string,
  instance: string,
  more: {
    headers?: Record<string, string>;
    errors?: FieldErrors | undefined;
    challenge?: Challenge | undefined;
    unforeseen?: boolean;
  } = {},
): Answer {
  const { status, title } = problems[kind];
  return {
    problem: {
      type: problemType(kind),
      title,
      status,
      detail,
      instance,
      ...(more.errors ? { errors: more.errors } : {}),
      ...(more.challenge ? { challenge: more.challenge } : {}),
    },
    headers: more.headers ?? {},
    unforeseen: more.unforeseen ?? false,
  };
}

/** What Fastify itself refuses, in our words. */
function refusalOf(error: unknown): Refusal | undefined {
  if (hasZodFastifySchemaValidationErrors(error)) {
    // An id that cannot be one names nothing.
    if (error.validationContext === 'params') return nothingThere();
    const errors = error.validation.map(({ instancePath, message }) => ({
      path: said(instancePath.slice(1).replaceAll('/', '.')),
      message: said(message ?? 'This is not as it should be.'),
    }));
    return invalid(
      errors.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join(' '),
      errors,
    );
  }
  const { code, statusCode } = error as Partial<FastifyError>;
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new Refusal('too-large', 'What was sent is larger than anything the broker takes. Send less.');
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return invalid('Send the body as JSON, with the content type application/json.');
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return invalid('The body is not JSON.');
    case 'FST_ERR_BAD_URL':
    case 'FST_ERR_MAX_PARAM_LENGTH':
    case 'FST_ERR_NOT_FOUND':
      return nothingThere();
    default:
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return invalid('The call is not well-formed HTTP with a JSON body.');
  return undefined;
}

/** What a schema says can quote what came: keys that nobody knows. */
function said(words: string): string {
  const shown = Array.from(spelledOut(words.slice(0, 1000)));
  return shown.length > 200 ? `${shown.slice(0, 199).join('')}…` : shown.join('');
}

function invalid(detail: string, errors?: FieldErrors): Refusal {
  return new Refusal('invalid-request', detail, errors ? { errors } : {});
}

export function nothingThere(): Refusal {
  return new Refusal(
    'not-found',
    'There is nothing at this address. The editor and the broker may be of different versions.',
  );
}
