import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { errors as Errors, interactionPolicy as InteractionPolicy, JWK, Provider } from 'oidc-provider';
import * as z from 'zod';
import { foreignness, listenOnLoopback, refuse } from '../loopback.ts';
import { configuration, type Lifetimes } from './configuration.ts';
import { exchange, type Tokens, type TokenWishes } from './exchange.ts';
import { answerInteraction, secondFactorWanted } from './interaction.ts';
import { answerRunbook } from './runbooks.ts';
import { memoryStore } from './memory.ts';
import { Passkeys } from './passkeys.ts';
import { SecondFactor } from './second-factor.ts';
import { people as everybody, type Person } from './people.ts';

export interface ProviderOptions {
  /** 0 or absent: a free one. */
  readonly port?: number;
  /** The broker's URL: the audience of access tokens where a client does not ask for another resource. */
  readonly resource: string;
  /** Other audiences that clients may ask for (RFC 8707), for tests of tokens that are not ours. */
  readonly otherResources?: readonly string[];
  /** Other public native clients, for tests of tokens that somebody else's program got. */
  readonly otherClients?: readonly string[];
  /** Secret of the client of the broker's pages; absent: it is a public one. */
  readonly pagesSecret?: string | undefined;
  /** Read again at each token, so that a test can change somebody's groups. */
  readonly people?: readonly Person[];
  /** A folder with runbooks (`.md`), served under `/runbooks/`. */
  readonly runbooks?: string;
  /** Seconds; 300 unless said. */
  readonly accessTokenTtl?: number;
  /** Seconds; 8 hours unless said. */
  readonly refreshTokenTtl?: number;
  /** For so many seconds a refresh token counts still that was exchanged; none unless said. */
  readonly reuseWithin?: number;
  /** All that somebody is given through a client is revoked together; by itself each unless said. */
  readonly oneConsent?: boolean;
  /** Proofs must contain a nonce that it gave (RFC 9449 section 8). */
  readonly wantsNonces?: boolean;
  /** When people sign in here, and which codes are right; a test hands in its own. */
  readonly now?: () => Date;
  /** Told of each token that is given out, so that a test can look for where it ends up. */
  readonly onIssued?: ((token: string) => void) | undefined;
}

export interface RunningProvider {
  /** `http://localhost:PORT`, exactly as in tokens. */
  readonly issuer: string;
  readonly port: number;
  readonly people: readonly Person[];
  /** Signs somebody in as a browser would, over HTTP, and exchanges the code (or device code) for tokens. */
  tokenFor(person: Person | string, wishes?: TokenWishes): Promise<Tokens>;
  /** New tokens are signed with a new key. The old ones stay published unless `retire` withdraws them at once. */
  rotateKeys(options?: { retire?: boolean }): void;
  close(): Promise<void>;
}

/** The sandbox's identity provider: a real one (OpenID Connect), with five people and no passwords, on loopback only. */
export async function startProvider(options: ProviderOptions): Promise<RunningProvider> {
  const library = await loadQuietly();
  const adapter = memoryStore({ reuseWithinSeconds: options.reuseWithin ?? 0 });
  const cookieKey = randomBytes(32).toString('base64url');
  const people = options.people ?? everybody;
  const now = options.now ?? (() => new Date());
  const secondFactor = new SecondFactor(now);
  const lifetimes: Lifetimes = {
    accessTokenSeconds: options.accessTokenTtl ?? 300,
    refreshTokenSeconds: options.refreshTokenTtl ?? 8 * 3600,
  };

  let answer = (_request: IncomingMessage, response: ServerResponse): void =>
    refuse(response, 503, 'Starting.');
  const server = await listenOnLoopback((request, response) => answer(request, response), options.port);
  const host = `localhost:${server.port}`;
  const issuer = `http://${host}`;
  const passkeys = new Passkeys(issuer);

  let keys = [signingKey()];
  const build = () => {
    const provider = new library.Provider(
      issuer,
      configuration({
        resources: [options.resource, ...(options.otherResources ?? [])],
        pagesSecret: options.pagesSecret,
        extraClients: options.otherClients ?? [],
        people: () => people,
        lifetimes,
        keys,
        adapter,
        cookieKey,
        nonceSecret: options.wantsNonces ? randomBytes(32) : undefined,
        oneConsent: options.oneConsent ?? false,
        policy: policyOf(library),
        invalidTarget: (reason) => new library.errors.InvalidTarget(reason),
      }),
    );
    if (options.onIssued) tellIssued(provider, options.onIssued);
    const callback = provider.callback();
    answer = (request, response) => {
      const reason = foreignness(request, [host]);
      if (reason !== undefined) {
        refuse(response, 403, reason);
        return;
      }
      response.setHeader('referrer-policy', 'same-origin');
      response.setHeader('x-content-type-options', 'nosniff');
      forgetSession(request, response);
      const path = request.url ?? '/';
      if (path.startsWith('/interaction/'))
        void answerInteraction({ provider, people, secondFactor, passkeys, now }, request, response);
      else if (path.startsWith('/runbooks/')) void answerRunbook(options.runbooks, path, response);
      else void callback(request, response);
    };
  };
  build();

  return {
    issuer,
    port: server.port,
    people,
    tokenFor: (person, wishes) => exchange(issuer, typeof person === 'string' ? person : person.id, wishes),
    rotateKeys: ({ retire = false } = {}) => {
      keys = [signingKey(), ...(retire ? [] : keys)];
      build();
    },
    close: () => server.close(),
  };
}

interface Library {
  readonly Provider: typeof Provider;
  readonly errors: typeof Errors;
  readonly interactionPolicy: typeof InteractionPolicy;
}

/** The library prints a warning about Node 20, where it works, into whatever reads our output. */
async function loadQuietly(): Promise<Library> {
  const { warn } = console;
  console.warn = () => undefined;
  try {
    return await import('oidc-provider');
  } finally {
    console.warn = warn;
  }
}

const issued = z.object({
  access_token: z.string().optional(),
  id_token: z.string().optional(),
  refresh_token: z.string().optional(),
});

function tellIssued(provider: Provider, onIssued: (token: string) => void): void {
  provider.use(async (ctx, next) => {
    await next();
    if (ctx.path !== '/token' || ctx.status !== 200) return;
    for (const token of Object.values(issued.parse(ctx.body))) if (token !== undefined) onIssued(token);
  });
}

/**
 * Both people of the sandbox use one browser, so nobody is ever taken for the one who signed in before; which is more
 * than `max_age` and `prompt=login` ask for. A second factor is asked for where a client wants `mfa`.
 */
function policyOf({ interactionPolicy }: Library): InteractionPolicy.DefaultPolicy {
  const policy = interactionPolicy.base();
  const login = policy.get('login');
  login?.checks.add(
    new interactionPolicy.Check(
      'always_ask',
      'The sandbox always asks who you are',
      (ctx) => ctx.oidc.result?.login === undefined,
    ),
  );
  login?.checks.add(
    new interactionPolicy.Check(
      secondFactorWanted,
      'A second factor is wanted',
      ({ oidc }) => oidc.result?.login === undefined && wantsMfa(oidc.params?.['acr_values']),
    ),
  );
  policy.get('consent')?.checks.clear();
  return policy;
}

function wantsMfa(acrValues: unknown): boolean {
  return typeof acrValues === 'string' && acrValues.split(' ').includes('mfa');
}

/**
 * A session remembered in a cookie would sign the first person out (and revoke their tokens) when the second one
 * signs in. Only the pages for device codes need one, between the code and the sign-in.
 */
function forgetSession(request: IncomingMessage, response: ServerResponse): void {
  if (request.url?.startsWith('/auth') !== true) return;
  const ours = (cookie: string) => /^\s*_session(\.sig)?=/.test(cookie);
  if (request.headers.cookie !== undefined)
    request.headers.cookie = request.headers.cookie
      .split(';')
      .filter((cookie) => !ours(cookie))
      .join(';');
  const setHeader = response.setHeader.bind(response);
  response.setHeader = (name, value) =>
    setHeader(
      name,
      name.toLowerCase() === 'set-cookie' && Array.isArray(value)
        ? value.filter((cookie) => !ours(String(cookie)))
        : value,
    );
}

function signingKey(): JWK {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256', kid: randomUUID() };
}
