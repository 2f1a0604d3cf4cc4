import { randomUUID } from 'node:crypto';
import Fastify, {
  LogController,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import type * as z from 'zod';
import { timeHeader } from '../../contract/discovery.ts';
import { IdempotencyKey, type Route } from '../../contract/routes.ts';
import type { CertificateFiles } from '../config/config.ts';
import type { Caller } from './caller.ts';
import { NotSignedIn } from '../identity/failures.ts';
import type { Call } from '../identity/proofs.ts';
import { Admission, type CallLimits, type Knock } from './admission.ts';
import { Lanes, type Lane } from './lanes.ts';
import type { Attempt } from './attempts.ts';
import { ConnectionBounds, type ConnectionLimits } from './connections.ts';
import { createListener } from './listener.ts';
import { answerTo, nothingThere, Refusal } from './problem.ts';
import { RefusedCalls } from './refused.ts';

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller | null;
  }
  interface FastifyInstance {
    lanes: Lanes;
    attempted: (attempt: Attempt) => Promise<void>;
    /** Lets in whoever calls by other means than a token; counted and noted like every call. */
    admit: (request: FastifyRequest, knock: Presented) => Promise<Caller>;
  }
  interface FastifyContextConfig {
    /** Answers without asking who calls. Everything else asks, also what is registered without a word about it. */
    open?: boolean;
    /** Takes access away: not refused for being one of many. */
    ends?: boolean;
  }
}

/** What a call signs in with, and whoever can say whose it is. */
export type Presented = Pick<Knock, 'authorization' | 'verify'>;

export interface ServerParts {
  /**
   * Whoever calls, from the value of the `Authorization` header and what its proof must be about. Throws `NotSignedIn`
   * or `ProviderUnavailable`.
   */
  readonly verify: (authorization: string | undefined, call: Call) => Promise<Caller>;
  readonly log: Logger;
  readonly tls?: CertificateFiles | undefined;
  /** Unlimited unless said. */
  readonly limits?: CallLimits;
  /** As many as a broker takes unless said. */
  readonly connectionLimits?: ConnectionLimits;
  /** Where everybody's calls wait for their turn; its own unless given. */
  readonly lanes?: Lanes;
  /** Addresses and networks whose word about where a call comes from is taken (`X-Forwarded-For`); nobody's unless said. */
  readonly trustedProxies?: readonly string[];
  /** Told of what somebody who is signed in tried and was refused, before they are answered. */
  readonly attempted?: (attempt: Attempt) => Promise<void>;
  /** Told of every call that was not let in, and why. */
  readonly notLetIn?: (reason: string) => void;
  /** Told of every call that was answered; the route is its path in the contract. */
  readonly answered?: (call: { route: string; method: string; status: number; seconds: number }) => void;
}

const bodyLimit = 64 * 1024;
const unlimited: CallLimits = { person: 1e9, address: 1e9 };
/** Calls that are being worked on have this long when the server closes; connections that idle are closed at once. */
const closeWithinMs = 3_000;

/** An empty server with the manners that every call shares; `handle` gives it calls. It listens when it is told to. */
export function buildServer(parts: ServerParts): FastifyInstance {
  const { trustedProxies = [] } = parts;
  const connections = new ConnectionBounds(trustedProxies, parts.connectionLimits);
  const app = Fastify({
    serverFactory: (listener) => {
      const server = createListener(listener, parts.tls, parts.log);
      connections.bound(server);
      return server;
    },
    trustProxy: trustedProxies.length > 0 ? [...trustedProxies] : false,
    loggerInstance: parts.log,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => randomUUID(),
    bodyLimit,
    // What still comes on an open connection while the server closes is answered like any other call.
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => void sendProblem(error, request, reply),
    clientErrorHandler,
  }) as unknown as FastifyInstance;
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.removeContentTypeParser('text/plain');
  takeEmptyBodies(app);

  const admission = new Admission({ limits: parts.limits ?? unlimited });
  const refused = new RefusedCalls(parts.log);
  const tellOfProxy = once(() =>
    parts.log.warn(
      'Calls come with X-Forwarded-For from an address that is not among trusted_proxies, so all that come through it count as one address.',
    ),
  );
  app.decorate('lanes', parts.lanes ?? new Lanes());
  app.decorate('attempted', parts.attempted ?? (() => Promise.resolve()));
  app.decorateRequest('caller', null);
  app.addHook('onRequest', async (request) => {
    if (request.is404 || request.routeOptions.config.open) return;
    // Of two, a proxy before us may have looked at the other one: then none counts.
    const { headersDistinct: headers } = request.raw;
    const call = { method: request.method, target: request.url, proofs: headers['dpop'] ?? [] };
    const knock: Presented = {
      authorization: headers['authorization']?.join(', '),
      verify: (authorization) => parts.verify(authorization, call),
    };
    request.caller = await admit(request, knock);
  });
  const admit = async (request: FastifyRequest, knock: Presented): Promise<Caller> => {
    const { ends = false } = request.routeOptions.config;
    if (request.headers['x-forwarded-for'] !== undefined && request.ip === request.socket.remoteAddress)
      tellOfProxy();
    try {
      const caller = await admission.admit({ ...knock, address: request.ip, ends });
      connections.signedIn(request.socket);
      return caller;
    } catch (error) {
      const reason = reasonOf(error);
      if (reason !== undefined) {
        const { ip: address, id } = request;
        const person = error instanceof Refusal ? error.personId : undefined;
        const route = request.routeOptions.url ?? 'none';
        refused.note({ reason, address, route, person, instance: `urn:uuid:${id}` });
        parts.notLetIn?.(reason);
      }
      throw error;
    }
  };
  app.decorate('admit', admit);
  app.addHook('onClose', (_app, done) => {
    refused.close();
    done();
  });
  app.addHook('onSend', async (_request, reply) => {
    // A page has stricter words of its own for some of them.
    for (const [name, value] of Object.entries(commonHeaders(parts.tls !== undefined)))
      if (!reply.hasHeader(name)) void reply.header(name, value);
    return Promise.resolve();
  });
  app.addHook('onResponse', async (request, reply) => {
    const route = request.is404 ? 'none' : (request.routeOptions.url ?? 'none');
    const call = {
      route,
      method: request.method,
      status: reply.statusCode,
      seconds: reply.elapsedTime / 1000,
    };
    parts.answered?.(call);
    // What nobody can be held to is counted; a line each would let anybody fill the log.
    const level = request.caller ? 'info' : 'debug';
    request.log[level]({ ...call, person: request.caller?.id }, 'answered');
    return Promise.resolve();
  });
  app.addHook('preClose', (done) => {
    setTimeout(() => app.server.closeAllConnections(), closeWithinMs).unref();
    done();
  });
  app.setErrorHandler(sendProblem);
  app.setNotFoundHandler((request, reply) => sendProblem(nothingThere(), request, reply));
  return app;
}

/** Why somebody was not let in, where that is about them. */
function reasonOf(error: unknown): string | undefined {
  if (error instanceof NotSignedIn) return error.message;
  if (!(error instanceof Refusal)) return undefined;
  return error.personId === undefined
    ? 'Too many false sign-ins from one address.'
    : 'Too many calls of one person.';
}

function once(work: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    work();
  };
}

type Out<Schema> = Schema extends z.ZodType ? z.output<Schema> : undefined;
type Part<R extends Route, Name extends 'params' | 'query' | 'body'> = Name extends keyof R
  ? Out<R[Name]>
  : undefined;

/** What a call's handler is given: everything parsed by the contract's schemas. */
export interface Given<R extends Route> {
  readonly caller: R extends { open: true } ? undefined : Caller;
  readonly params: Part<R, 'params'>;
  readonly query: Part<R, 'query'>;
  readonly body: Part<R, 'body'>;
  /** The `Idempotency-Key`. */
  readonly key: R extends { idempotent: true } ? string : undefined;
  readonly request: FastifyRequest;
  /** Does a part of the work when it is the caller's turn; for a route that is in no lane as a whole. */
  readonly inTurn: <T>(lane: Lane, work: () => Promise<T>) => Promise<T>;
}

/**
 * Answers one call of the contract: who calls, what comes in and what goes out are all held to the contract's table,
 * so that a handler cannot forget to ask and an answer has no member that the schema does not name.
 */
export function handle<const R extends Route>(
  app: FastifyInstance,
  route: R,
  work: (given: Given<R>) => Promise<z.input<R['response']>>,
  lane: Lane | 'none' = laneOf(route),
): void {
  app.route({
    method: route.method,
    url: route.path.replace(/\{(\w+)\}/g, ':$1'),
    config: { open: route.open ?? false, ends: route.ends ?? false },
    schema: {
      ...(route.params ? { params: route.params } : {}),
      ...(route.query ? { querystring: route.query } : {}),
      ...(route.body ? { body: route.body } : {}),
      response: { [route.status]: route.response },
    },
    handler: async (request, reply) => {
      const { caller } = request;
      const inTurn: Given<R>['inTurn'] = (which, some) =>
        caller ? app.lanes.in(caller.id, which, some) : some();
      const given = {
        caller: caller ?? undefined,
        params: request.params,
        query: request.query,
        body: request.body,
        key: route.idempotent ? idempotencyKeyOf(request) : undefined,
        request,
        inTurn,
      } as Given<R>;
      const answer = lane === 'none' ? work(given) : inTurn(lane, () => work(given));
      try {
        return await reply.code(route.status).send(await answer);
      } catch (error) {
        if (caller && error instanceof Refusal && !error.recorded) {
          const call = `${route.method} ${route.path}`;
          const named = (request.params ?? {}) as Readonly<Record<string, string>>;
          await app.attempted({ caller, call, named, why: error.kind });
        }
        throw error;
      }
    },
  });
}

function laneOf({ method, ends, open }: Route): Lane | 'none' {
  if (open) return 'none';
  return ends ? 'end' : method === 'GET' ? 'read' : 'change';
}

function idempotencyKeyOf(request: FastifyRequest): string {
  const key = IdempotencyKey.safeParse(request.headers['idempotency-key']);
  if (key.success) return key.data;
  const message =
    'This call needs an Idempotency-Key header: 16 to 64 letters, digits, hyphens or underscores.';
  throw new Refusal('invalid-request', message, { errors: [{ path: 'Idempotency-Key', message }] });
}

/** Headers of every answer; `daypass-time` is taken as late as possible, since clients measure their clock against it. */
export function commonHeaders(encrypted: boolean): Record<string, string> {
  return {
    [timeHeader]: new Date().toISOString(),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'cross-origin-resource-policy': 'same-origin',
    ...(encrypted ? { 'strict-transport-security': 'max-age=31536000' } : {}),
  };
}

/** Some clients announce JSON and send nothing where a call has no body. */
function takeEmptyBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else void parse(request, String(body), done);
  });
}

async function sendProblem(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { problem, headers, unforeseen } = answerTo(
    error,
    `urn:uuid:${request.id}`,
    request.headers.authorization,
  );
  if (unforeseen) request.log.error({ err: error, instance: problem.instance }, 'A call failed.');
  else
    request.log.debug(
      { why: error instanceof Error ? error.message : '', instance: problem.instance },
      problem.title,
    );
  return (
    reply
      .code(problem.status)
      .headers(headers)
      .type('application/problem+json')
      // As bytes: the media type has no charset (RFC 9457), which would be added to text.
      .send(Buffer.from(JSON.stringify(problem)))
  );
}

/** What is not even HTTP, or came too slowly, never reaches a route. */
function clientErrorHandler(this: FastifyInstance, error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const tooLarge = error.code === 'HPE_HEADER_OVERFLOW';
  const { problem } = answerTo(
    tooLarge
      ? new Refusal('too-large', 'The headers of this call are larger than anything the broker takes.')
      : new Refusal('invalid-request', 'This is not well-formed HTTP, or it came too slowly.'),
    `urn:uuid:${randomUUID()}`,
  );
  const body = JSON.stringify(problem);
  const head = Object.entries({
    ...commonHeaders(false),
    'content-type': 'application/problem+json',
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(
    `HTTP/1.1 ${problem.status} ${tooLarge ? 'Too Large' : 'Bad Request'}\r\n${head.join('')}\r\n${body}`,
  );
}
