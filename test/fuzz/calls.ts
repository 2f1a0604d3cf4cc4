import fc from 'fast-check';
import { decent, json, jsonText, mostly, text } from './alphabet.ts';

/** A call, before the ids that it names are looked up in what is known: `{request}`, `{grant}`, `{lease}`. */
export interface Call {
  readonly who: string;
  readonly method: string;
  readonly path: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string | undefined;
  /** Bytes instead of all that: what no client library sends. */
  readonly raw?: string;
  /** Which of the known ids is meant. */
  readonly pick: number;
}

const who = fc.constantFrom('ana', 'ana', 'ana', 'ben', 'ben', 'carol', 'dan', 'nobody', 'forged');
const key = fc.oneof(
  { weight: 6, arbitrary: fc.uuid() },
  { weight: 1, arbitrary: fc.constantFrom('one-key-for-all-0123', '', 'short') },
  { weight: 1, arbitrary: text },
);
const lastEventId = text.map((value) => ['last-event-id', value] as const);
const oddHeader = fc.tuple(
  fc.constantFrom(
    'authorization',
    'content-type',
    'content-length',
    'transfer-encoding',
    'connection',
    'host',
    'expect',
    'upgrade',
    'accept',
    'accept-encoding',
    'content-encoding',
    'cookie',
    'origin',
    'x-forwarded-for',
    'x-http-method-override',
    'range',
    'if-none-match',
    'trailer',
    'te',
    '__proto__',
    'constructor',
    'idempotency-key',
    'last-event-id',
  ),
  fc.oneof(
    text,
    fc.constantFrom(
      'chunked',
      'gzip, chunked',
      'identity',
      '0',
      '-1',
      '18446744073709551616',
      'close',
      'upgrade',
      '100-continue',
      '200-ok',
      'text/plain',
      'application/json; charset=utf-16',
      'application/json;;;',
      'multipart/form-data; boundary=x',
      'application/x-www-form-urlencoded',
      'Bearer',
      'Bearer a.b.c',
      'Basic YTpi',
      'bytes=0-',
    ),
  ),
);
const segment = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('{request}', '{grant}', '{lease}') },
  { weight: 1, arbitrary: fc.uuid() },
  {
    weight: 2,
    arbitrary: text.map((one) => encodeURIComponent(one.replace(/\p{Cs}/gu, '')).slice(0, 3000)),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '%',
      '%00',
      '%ff',
      '%c0%ae',
      '%2e%2e',
      '..',
      '.',
      '%2f',
      '//',
      ';',
      '%u0041',
      '__proto__',
      '',
    ),
  },
);
const query = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom('', '', '?which=open', '?which=recent') },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom('which', '__proto__', 'access_token', '', 'which[]', 'a'), text)
      .map(([name, value]) => `?${name}=${encodeURIComponent(value.replace(/\p{Cs}/gu, '')).slice(0, 3000)}`),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('?which=open&which=recent', '?%', '?which=%ff', '?&&&=', '?which'),
  },
);

const newRequest = fc.record(
  {
    template: mostly(
      fc.constantFrom('read-orders', 'read-orders', 'read-briefly', 'fix-status', 'no-such'),
      9,
    ),
    templateDigest: mostly(fc.constantFrom('{digest}', '{digest}', '{digest}', 'a'.repeat(64)), 9),
    duration: mostly(fc.constantFrom('PT30M', 'PT1M', 'PT1H', 'PT9999999S', 'PT0S', 'P1D'), 9),
    reason: mostly(fc.oneof(decent, decent, text), 9),
    ticket: mostly(fc.oneof(fc.constant('INC-2231'), text), 9),
  },
  { requiredKeys: ['template', 'templateDigest', 'duration', 'reason'] },
);
const newDecision = fc.record(
  {
    verdict: mostly(fc.constantFrom('approve', 'deny'), 9),
    digest: mostly(fc.constant('{requestDigest}'), 9),
    comment: mostly(fc.oneof(decent, text), 9),
  },
  { requiredKeys: ['verdict', 'digest'] },
);
const base64 = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((it) => Buffer.from(it).toString('base64'));
const verifier = fc
  .tuple(base64(16), base64(32), base64(32))
  .map(([salt, stored, server]) => `SCRAM-SHA-256$4096:${salt}$${stored}:${server}`);
const newLease = fc.record({
  kind: mostly(fc.constant('postgresql'), 12),
  verifier: mostly(fc.oneof({ weight: 6, arbitrary: verifier }, { weight: 1, arbitrary: text }), 9),
});
const revocation = fc.record({ comment: mostly(fc.oneof(decent, text), 9) });

const bodyOf = (good: fc.Arbitrary<unknown>) =>
  fc.oneof(
    { weight: 10, arbitrary: good.map((one) => JSON.stringify(one)) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(good, text, json)
        .map(([one, name, more]) => JSON.stringify({ ...(one as object), [name]: more })),
    },
    { weight: 1, arbitrary: jsonText },
  );

const route = (method: string, path: string, weight: number, body?: fc.Arbitrary<unknown>) => ({
  weight,
  arbitrary: fc.record({
    method: fc.constant(method),
    path: fc.constant(path),
    body: body ? bodyOf(body) : fc.constant(undefined),
  }),
});
const wellKnown = fc.oneof(
  route('GET', '/v1/me', 2),
  route('GET', '/v1/templates', 1),
  route('GET', '/v1/requests', 1),
  route('GET', '/v1/grants', 1),
  route('GET', '/v1/requests/{request}', 2),
  route('GET', '/v1/grants/{grant}', 2),
  route('GET', '/v1/grants/{grant}/connections', 1),
  route('POST', '/v1/requests', 12, newRequest),
  route('POST', '/v1/requests/{request}/decisions', 6, newDecision),
  route('POST', '/v1/requests/{request}/withdraw', 3),
  route('POST', '/v1/grants/{grant}/end', 2),
  route('POST', '/v1/grants/{grant}/revoke', 2, revocation),
  route('POST', '/v1/grants/{grant}/leases', 3, newLease),
  route('DELETE', '/v1/grants/{grant}/leases/{lease}', 2),
  route('GET', '/v1/events', 1),
  route('GET', '/.well-known/oauth-protected-resource', 1),
  route('GET', '/readyz', 1),
);
const anyRoute = fc.record({
  method: fc.constantFrom(
    'GET',
    'POST',
    'PUT',
    'PATCH',
    'DELETE',
    'HEAD',
    'OPTIONS',
    'TRACE',
    'PROPFIND',
    'QUERY',
    'get',
  ),
  path: fc
    .tuple(
      fc.constantFrom('/v1/requests', '/v1/grants', '/v1', '', '/v1/events', '/healthz'),
      fc.array(segment, { maxLength: 4 }),
    )
    .map(([start, more]) => [start, ...more].join('/') || '/'),
  body: fc.oneof(fc.constant(undefined), jsonText),
});

const usual: fc.Arbitrary<Call> = fc
  .tuple(
    who,
    fc.oneof({ weight: 5, arbitrary: wellKnown }, { weight: 2, arbitrary: anyRoute }),
    query,
    key,
    fc.array(fc.oneof({ weight: 3, arbitrary: oddHeader }, { weight: 1, arbitrary: lastEventId }), {
      maxLength: 2,
    }),
    fc.nat(4),
    fc.nat(1_000_000),
  )
  .map(([caller, called, asked, idempotency, odd, howOdd, pick]) => ({
    who: caller,
    method: called.method,
    path: `${called.path}${asked}`,
    headers: [
      ['idempotency-key', idempotency],
      ...(called.body === undefined ? [] : [['content-type', 'application/json'] as const]),
      ...(howOdd === 0 ? odd : []),
    ],
    body: called.body,
    pick,
  }));

const shapes = [
  'GET /v1/me HTTP/1.0\r\n\r\n',
  'GET /v1/me HTTP/0.9\r\n\r\n',
  'GET /v1/me\r\n\r\n',
  'GET http://127.0.0.1/v1/me HTTP/1.1\r\nhost: x\r\n\r\n',
  'GET //v1/me HTTP/1.1\r\nhost: x\r\n\r\n',
  'GET /v1/me HTTP/1.1\r\n\r\n',
  'GET /v1/me HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n',
  'GET /v1/me HTTP/1.1\nhost: x\n\n',
  'GET /v1/me HTTP/1.1\r\nhost: x\r\n folded: y\r\n\r\n',
  'GET /v1/me HTTP/1.1\r\nhost : x\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n',
  'CONNECT x:443 HTTP/1.1\r\nhost: x\r\n\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'POST /v1/requests HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /v1/me HTTP/1.1\r\nhost: x\r\n\r\n',
  'POST /v1/requests HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ntransfer-encoding: x\r\n\r\n0\r\n\r\n',
  'POST /v1/requests HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ncontent-type: application/json\r\n\r\nffffffffffffffff\r\n\r\n',
  'POST /v1/requests HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ncontent-type: application/json\r\n\r\n2;x="\n"\r\n{}\r\n0\r\n\r\n',
  'POST /v1/requests HTTP/1.1\r\nhost: x\r\ncontent-length: 2, 2\r\ncontent-type: application/json\r\n\r\n{}',
  'POST /v1/requests HTTP/1.1\r\nhost: x\r\ncontent-length: +2\r\ncontent-type: application/json\r\n\r\n{}',
  'GET /v1/me HTTP/1.1\r\nhost: x\r\n\r\nGET /v1/me HTTP/1.1\r\nhost: x\r\n\r\nGET /healthz HTTP/1.1\r\nhost: x\r\n\r\n',
  '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n',
];

/** Bytes: a shape that is known to confuse, with something put in, taken out, or doubled. */
const broken: fc.Arbitrary<Call> = fc
  .tuple(fc.constantFrom(...shapes), text, fc.nat(400), fc.nat(3), who)
  .map(([shape, more, at, how, caller]) => {
    const place = at % (shape.length + 1);
    const raw =
      how === 0
        ? shape
        : how === 1
          ? `${shape.slice(0, place)}${more.slice(0, 2000)}${shape.slice(place)}`
          : how === 2
            ? `${shape.slice(0, place)}${shape.slice(place + 1)}`
            : `${shape}${shape}`;
    return {
      who: caller,
      method: '',
      path: '',
      headers: [],
      body: undefined,
      pick: 0,
      raw: `${raw}\r\n\r\n`,
    };
  });

/** Calls of every kind; about one in twenty is none that a client library could send. */
export const calls: fc.Arbitrary<Call> = fc.oneof(
  { weight: 19, arbitrary: usual },
  { weight: 1, arbitrary: broken },
);
