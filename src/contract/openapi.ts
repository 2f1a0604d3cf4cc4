import * as z from 'zod';
import { contractVersion, timeHeader } from './discovery.ts';
import { StreamEvent } from './events.ts';
import { Problem, problems, type ProblemKind } from './problems.ts';
import { eventsPath, IdempotencyKey, routes, type Route } from './routes.ts';

type Json = Readonly<Record<string, unknown>>;

/** An OpenAPI 3.1 document; plain JSON. */
export interface OpenApi extends Json {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Json>>;
}

const reference = (id: string) => `#/components/schemas/${id}`;

/** Every call of the contract as OpenAPI 3.1, made from the same table and schemas that the broker answers by. */
export function openApi({ version, publicUrl }: { version: string; publicUrl: string }): OpenApi {
  const schemas = new Schemas();
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [name, route] of Object.entries(routes) as [string, Route][])
    (paths[route.path] ??= {})[route.method.toLowerCase()] = operation(name, route, schemas);
  paths[eventsPath] = { get: eventStream(schemas) };
  return {
    openapi: '3.1.1',
    info: {
      title: 'Daypass broker',
      version: `${contractVersion}.0`,
      description: `Temporary access to production. Broker ${version}.`,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: publicUrl }],
    security: [{ accessToken: [] }],
    paths,
    components: {
      schemas: schemas.all(),
      headers: {
        Time: {
          description: 'The broker’s clock when it answered.',
          schema: { type: 'string', format: 'date-time' },
        },
      },
      securitySchemes: {
        accessToken: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description:
            'An access token of the authorization server that the resource metadata names (RFC 9728). One that is bound to a key comes as DPoP, with a proof (RFC 9449).',
        },
      },
    },
  };
}

function operation(name: string, route: Route, schemas: Schemas): Json {
  const parameters = [
    ...fields(route.params).map(([field, schema]) => ({
      name: field,
      in: 'path',
      required: true,
      schema: schemas.of(schema),
    })),
    ...fields(route.query).map(([field, schema]) => ({
      name: field,
      in: 'query',
      required: false,
      schema: schemas.of(schema),
    })),
    ...(route.idempotent
      ? [
          {
            name: 'Idempotency-Key',
            in: 'header',
            required: true,
            description: 'The same key with the same body gives the same answer, without a second effect.',
            schema: schemas.of(IdempotencyKey),
          },
        ]
      : []),
  ];
  return {
    operationId: name,
    summary: route.summary,
    ...(route.open ? { security: [] } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(route.body ? { requestBody: { required: true, content: json(schemas.of(route.body)) } } : {}),
    responses: {
      [route.status]: { description: route.summary, headers, content: json(schemas.of(route.response)) },
      ...refusals([...route.problems, ...commonProblems(route)], schemas),
    },
  };
}

const headers = { [timeHeader]: { $ref: '#/components/headers/Time' } };
const json = (schema: Json) => ({ 'application/json': { schema } });
const fields = (schema: z.ZodObject | undefined) =>
  Object.entries(schema?.shape ?? {}) as [string, z.ZodType][];

/** What any call may meet, the table's own problems aside. */
function commonProblems({
  open,
  idempotent,
  body,
  ends,
}: Pick<Route, 'open' | 'idempotent' | 'body' | 'ends'>): ProblemKind[] {
  return [
    ...(open ? [] : (['not-signed-in', 'not-ready'] as const)),
    ...(open || ends ? [] : (['too-many-calls'] as const)),
    ...(idempotent || body ? (['invalid-request', 'too-large'] as const) : []),
    'unexpected',
  ];
}

/** One response for each status, with the kinds of problem that it can be. */
function refusals(kinds: readonly ProblemKind[], schemas: Schemas): Json {
  const byStatus = new Map<number, Set<ProblemKind>>();
  for (const kind of kinds) {
    const { status } = problems[kind];
    byStatus.set(status, (byStatus.get(status) ?? new Set()).add(kind));
  }
  return Object.fromEntries(
    [...byStatus].map(([status, some]) => [
      status,
      {
        description: [...some].map((kind) => `\`${kind}\`: ${problems[kind].title}`).join('. '),
        headers: {
          ...headers,
          ...(status === 401
            ? {
                'www-authenticate': {
                  description: 'RFC 6750, RFC 9449, RFC 9470, RFC 9728',
                  schema: { type: 'string' },
                },
              }
            : {}),
        },
        content: { 'application/problem+json': { schema: schemas.of(Problem) } },
      },
    ]),
  );
}

function eventStream(schemas: Schemas): Json {
  return {
    operationId: 'events',
    summary: 'What changes among the things that the caller may read, as it happens',
    description:
      'Server-sent events. `event` is the `type` of a StreamEvent, `data` its other members as JSON. `alive` comes first and every 15 seconds. The stream ends with the token.',
    parameters: [
      {
        name: 'Last-Event-ID',
        in: 'header',
        required: false,
        description:
          'The last `id` that the client saw. What it missed comes again, or `reset` where that is too much.',
        schema: { type: 'string' },
      },
    ],
    responses: {
      200: {
        description: 'The stream',
        headers,
        content: { 'text/event-stream': { schema: schemas.of(StreamEvent) } },
      },
      ...refusals(['not-signed-in', 'too-many-calls', 'not-ready', 'unexpected'], schemas),
    },
  };
}

/** Schemas with an id become components, once, with those that they refer to; others stand where they are used. */
class Schemas {
  readonly #known: Readonly<Record<string, Json>>;
  readonly #used = new Map<string, Json>();

  constructor() {
    // What goes in as what goes out: members that a client does not know may come, so nothing is closed for it.
    const { schemas } = z.toJSONSchema(z.globalRegistry, { uri: reference, io: 'input' });
    this.#known = Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, bare(schema)]));
  }

  all(): Json {
    return Object.fromEntries([...this.#used].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  of(schema: z.ZodType): Json {
    const id = z.globalRegistry.get(schema)?.id;
    if (id === undefined) return bare(z.toJSONSchema(schema, { io: 'input' }));
    this.#use(id);
    return { $ref: reference(id) };
  }

  #use(id: string): void {
    const schema = this.#known[id];
    if (!schema || this.#used.has(id)) return;
    this.#used.set(id, schema);
    for (const [, name] of JSON.stringify(schema).matchAll(/"#\/components\/schemas\/(\w+)"/g))
      if (name) this.#use(name);
  }
}

/** Without what only a document of its own needs. */
function bare(schema: object): Json {
  const { $schema: _schema, $id: _id, id: _name, ...rest } = schema as Record<string, unknown>;
  return rest;
}
