import { setTimeout as pause } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Id } from '../../contract/values.ts';
import { problems } from '../../contract/problems.ts';
import type { PagesClient } from '../config/config.ts';
import type { Context } from '../context.ts';
import type { Caller } from '../http/caller.ts';
import { noRequest } from '../http/decisions.ts';
import { presentGrants } from '../http/present-grants.ts';
import { presentRequests } from '../http/present-requests.ts';
import { answerTo, Refusal } from '../http/problem.ts';
import { termsOf } from '../http/template-now.ts';
import { NotSignedIn } from '../identity/failures.ts';
import type { Verifier } from '../identity/verifier.ts';
import { maySee } from '../rules/policy.ts';
import { owedTo } from '../store/glass.ts';
import { grantsOf } from '../store/grant.ts';
import { listRequests, requestById, ruleOf } from '../store/request.ts';
import { actions, type Action } from './actions.ts';
import { Cookies } from './cookies.ts';
import { demandOwn, fieldsOf, keyOf, pathOf, type Fields } from './forms.ts';
import { alone, document, pageHeaders } from './frame.ts';
import { markup, type Html } from './html.ts';
import { listPage } from './list-page.ts';
import { notSignedIn, SignInProvider } from './provider.ts';
import { requestPage, titleOf, type Refused } from './request-page.ts';
import { PageSessions, type CallerOf } from './sessions.ts';
import { asked, begin, bondsOf, onTheWaySeconds, ownPage, read, wayTo, written } from './sign-in.ts';
import { seal, unseal, type Typed } from './typed.ts';
import { signOutPath, type Viewer } from './viewer.ts';

export interface PageParts {
  readonly client: PagesClient;
  readonly context: Context;
  readonly verifier: Pick<Verifier, 'verify'>;
  readonly callerOf: CallerOf;
}

const listed = 50;
const mostTries = 40;
const betweenTriesMs = 50;
const formType = 'application/x-www-form-urlencoded';

/** The broker's own pages: requests to look at and to decide, on a phone too, without a script. */
export function pages(app: FastifyInstance, parts: PageParts): void {
  void app.register((scope, _options, done) => {
    new Pages(scope, parts).serve();
    done();
  });
}

interface Given {
  readonly caller: Caller;
  readonly viewer: Viewer;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

class Pages {
  readonly #app: FastifyInstance;
  readonly #context: Context;
  readonly #verifier: PageParts['verifier'];
  readonly #client: PagesClient;
  readonly #cookies: Cookies;
  readonly #sessions: PageSessions;
  readonly #provider: SignInProvider;

  constructor(app: FastifyInstance, { client, context, verifier, callerOf }: PageParts) {
    const { publicUrl, identity } = context.config;
    this.#app = app;
    this.#context = context;
    this.#verifier = verifier;
    this.#client = client;
    this.#cookies = new Cookies(publicUrl);
    this.#sessions = new PageSessions(context, callerOf);
    this.#provider = new SignInProvider(identity, client, publicUrl);
  }

  serve(): void {
    const app = this.#app;
    app.removeAllContentTypeParsers();
    app.addContentTypeParser(formType, { parseAs: 'string' }, (_request, body, done) =>
      done(null, fieldsOf(String(body))),
    );
    app.setErrorHandler((error, request, reply) => this.#failed(error, request, reply));

    this.#get('/', (given) => this.#list(given));
    this.#get('/requests', (given) => this.#list(given));
    this.#get('/requests/:id', (given) => this.#request(given));
    for (const action of actions)
      this.#post(
        `/requests/:id/${action.name}`,
        (given, fields) => this.#press(given, action, fields),
        action.ends,
      );
    this.#post(signOutPath, (given) => this.#signOut(given));
    app.get('/sign-in', { config: { open: true } }, (request, reply) => this.#signIn(request, reply));
    app.get('/signed-in', { config: { open: true } }, (request, reply) => this.#signedIn(request, reply));
  }

  #get(url: string, answer: (given: Given) => Promise<FastifyReply>): void {
    this.#app.get(url, { config: { open: true } }, async (request, reply) => {
      const given = await this.#given(request, reply);
      return given ? this.#app.lanes.in(given.caller.id, 'read', () => answer(given)) : reply;
    });
  }

  #post(url: string, answer: (given: Given, fields: Fields) => Promise<FastifyReply>, ends = false): void {
    this.#app.post(url, { config: { open: true, ends } }, async (request, reply) => {
      const given = await this.#given(request, reply);
      if (!given) return reply;
      const fields = (request.body ?? {}) as Fields;
      demandOwn(request, this.#context.config.publicUrl, given.viewer.session, fields);
      return this.#app.lanes.in(given.caller.id, ends ? 'end' : 'change', () => answer(given, fields));
    });
  }

  /** Whoever looks. Whoever is not signed in is shown the way in, the same whatever there is at the address. */
  async #given(request: FastifyRequest, reply: FastifyReply): Promise<Given | undefined> {
    const session = this.#cookies.read(request.headers, 'session');
    try {
      const caller = await this.#app.admit(request, {
        authorization: session,
        verify: (held) => this.#sessions.caller(held),
      });
      request.caller = caller;
      return { caller, viewer: { id: caller.id, name: caller.name, session: session ?? '' }, request, reply };
    } catch (error) {
      if (!(error instanceof NotSignedIn)) throw error;
      const to = ownPage(
        request.method === 'POST' ? pathOf(request).replace(/\/[^/]*$/, '') : pathOf(request),
      );
      if (request.method === 'POST')
        send(
          reply.code(403),
          alone(
            'Sign in',
            markup`<p>You are not signed in any more, so nothing was done.</p>
              ${wayIn(to)}`,
          ),
        );
      else send(reply, alone('Sign in', wayIn(to)));
      return undefined;
    }
  }

  async #list({ caller, viewer, reply }: Given): Promise<FastifyReply> {
    const { store, integrity } = this.#context;
    const rows = await listRequests(store.db, caller, 'all', listed);
    const requests = await presentRequests(this.#context, caller, rows);
    const owed = await presentGrants(
      this.#context,
      caller,
      await owedTo(store.db, integrity, caller, listed),
    );
    const page = listPage({ requests, owed, viewer, now: new Date() });
    return sendTo(reply, document('Requests', this.#top(false), page));
  }

  async #request({ caller, viewer, request, reply }: Given, refused?: Refused): Promise<FastifyReply> {
    const { store, config } = this.#context;
    const row = await requestById(store.db, idOf(request));
    if (!row || !maySee(caller, ruleOf(row), config.audit.by)) throw noRequest();
    const [shown] = await presentRequests(this.#context, caller, [row]);
    if (!shown) throw noRequest();
    const [grant] = await presentGrants(this.#context, caller, await grantsOf(store.db, [row.id]));
    const place = { personId: caller.id, requestId: row.id };
    const page = requestPage({
      request: shown,
      grant,
      terms: termsOf(row),
      viewer,
      now: new Date(),
      refused,
      typed: unseal(this.#context.integrity.macs, place, this.#cookies.read(request.headers, 'typed')),
    });
    return sendTo(reply, document(titleOf(shown), this.#top(true), page));
  }

  async #press(given: Given, action: Action, fields: Fields): Promise<FastifyReply> {
    const { caller, request, reply } = given;
    const id = idOf(request);
    try {
      await inTheEnd(() => action.press({ context: this.#context, caller, id, key: keyOf(fields), fields }));
    } catch (error) {
      if (!(error instanceof Refusal) || error.kind === 'not-found') throw error;
      await this.#record(caller, request, error);
      reply.code(problems[error.kind].status);
      if (error.challenge) this.#keep(given, id, { action: action.name, given: fields });
      return this.#request(given, {
        action: action.name,
        words: error.message,
        given: fields,
        stepUp: error.challenge,
      });
    }
    if (this.#cookies.read(request.headers, 'typed') !== undefined)
      reply.header('set-cookie', this.#cookies.clear('typed'));
    return reply.redirect(`/requests/${id}`, 303);
  }

  /** In the browser, for as long as they may be on the way through the provider. */
  #keep({ caller, reply }: Given, requestId: string, typed: Typed): void {
    const sealed = seal(this.#context.integrity.macs, { personId: caller.id, requestId }, typed);
    if (sealed !== undefined) reply.header('set-cookie', this.#cookies.set('typed', sealed, onTheWaySeconds));
  }

  async #signOut({ viewer, reply }: Given): Promise<FastifyReply> {
    await this.#sessions.end(viewer.session);
    for (const name of ['session', 'typed'] as const) reply.header('set-cookie', this.#cookies.clear(name));
    return send(
      reply,
      alone(
        'You are signed out',
        markup`<p>Your identity provider may still know you. Signing in again asks who you are.</p>
          ${wayIn('/requests', true)}`,
      ),
    );
  }

  /** Sends the browser to the provider, with what the answer is bound to in a cookie. */
  async #signIn(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { to, ...wishes } = asked(request.query);
    const begun = begin(to);
    const page = await this.#provider.page(bondsOf(begun), wishes);
    reply.headers(pageHeaders(false));
    reply.header('set-cookie', this.#cookies.set('sign-in', written(begun), onTheWaySeconds));
    return reply.redirect(page.href, 303);
  }

  /** What the provider sent the browser back with. Whose access token it is, is verified as for any call of the API. */
  async #signedIn(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    reply.header('set-cookie', this.#cookies.clear('sign-in'));
    const begun = read(this.#cookies.read(request.headers, 'sign-in'));
    const query = request.url.split('?')[1] ?? '';
    let begins: { readonly name: string; readonly seconds: number } | undefined;
    await this.#app.admit(request, {
      authorization: query,
      verify: async () => {
        if (!begun) throw notSignedIn('A browser came back from a sign-in that it did not begin.');
        const token = await this.#provider.redeem(query, bondsOf(begun));
        const holder = await this.#verifier.verify(`Bearer ${token}`);
        if (holder.clientId !== this.#client.id)
          throw notSignedIn('The token was issued to another client than that of the pages.');
        await this.#sessions.end(this.#cookies.read(request.headers, 'session'));
        begins = await this.#sessions.begin(holder);
        return this.#sessions.caller(begins.name);
      },
    });
    if (!begins || !begun) throw new Error('Somebody was let in without a session.');
    reply.header('set-cookie', this.#cookies.set('session', begins.name, begins.seconds));
    reply.headers(pageHeaders(false));
    return reply.redirect(begun.to, 303);
  }

  async #failed(error: unknown, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { problem, headers, unforeseen } = answerTo(error, `urn:uuid:${request.id}`);
    if (unforeseen) request.log.error({ err: error, instance: problem.instance }, 'A page failed.');
    const { caller } = request;
    if (caller && error instanceof Refusal) await this.#record(caller, request, error);
    const { 'retry-after': retryAfter } = headers;
    if (retryAfter !== undefined) reply.header('retry-after', retryAfter);
    const begun = error instanceof NotSignedIn;
    return send(
      reply.code(begun ? 403 : problem.status),
      alone(
        begun ? 'You are not signed in' : problem.title,
        markup`<p>${problem.detail}</p>
          ${begun ? wayIn('/requests') : markup`<p><a href="/requests">All requests</a></p>`}${
            unforeseen && markup`<p class="soft small">${problem.instance}</p>`
          }`,
      ),
    );
  }

  /** Refused attempts stand where those of the API do. */
  async #record(caller: Caller, request: FastifyRequest, { kind, recorded }: Refusal): Promise<void> {
    if (recorded) return;
    const { id } = request.params as { readonly id?: string };
    const named = Id.safeParse(id);
    const call = `${request.method} ${(request.routeOptions.url ?? '').replace(':id', '{id}')}`;
    await this.#app.attempted({ caller, call, named: named.success ? { id: named.data } : {}, why: kind });
  }

  #top(leadsBack: boolean): Html {
    const name = `Daypass of ${this.#context.config.organisation.name}`;
    return leadsBack ? markup`<a href="/requests">${name}</a>` : markup`<span>${name}</span>`;
  }
}

/** A second press of the same button waits for what came of the first. */
async function inTheEnd(press: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries++)
    try {
      await press();
      return;
    } catch (error) {
      if (!(error instanceof Refusal) || error.kind !== 'in-progress' || tries === mostTries) throw error;
      await pause(betweenTriesMs);
    }
}

function wayIn(to: string, again = false): Html {
  return markup`<p>
    <a class="button main" href="${wayTo(to, { again })}">Sign in</a>
  </p>`;
}

/** An id that cannot be one names nothing. */
function idOf(request: FastifyRequest): string {
  const parsed = Id.safeParse((request.params as { readonly id?: string }).id);
  if (!parsed.success) throw noRequest();
  return parsed.data;
}

function send(reply: FastifyReply, page: string): FastifyReply {
  return reply.headers(pageHeaders(false)).type('text/html; charset=utf-8').send(page);
}

/** A page for somebody who is signed in: it has forms. */
function sendTo(reply: FastifyReply, page: string): FastifyReply {
  return reply.headers(pageHeaders(true)).type('text/html; charset=utf-8').send(page);
}
