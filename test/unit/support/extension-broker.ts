import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { NotSignedIn } from '../../../src/broker/identity/failures.ts';
import type { Verifier } from '../../../src/broker/identity/verifier.ts';
import { contractVersion, timeHeader } from '../../../src/contract/discovery.ts';
import type { Grant } from '../../../src/contract/grants.ts';
import type { Me } from '../../../src/contract/people.ts';
import { problems, problemType, type ProblemKind } from '../../../src/contract/problems.ts';
import type { AccessRequest } from '../../../src/contract/requests.ts';
import type { Template } from '../../../src/contract/templates.ts';

/** A small server over real HTTP that follows the contract as far as the client's side can notice. */
export class TestBroker {
  readonly requests = new Map<string, AccessRequest>();
  readonly grants = new Map<string, Grant>();
  readonly seen: { method: string; path: string; headers: IncomingMessage['headers']; body: string }[] = [];
  metadata: Record<string, unknown> = {};
  /** Stands in front of every answer; returns whether it has answered. */
  intercept: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  /** Who a token stands for; undefined refuses it. */
  accepts: (token: string) => { id: string; name: string } | undefined = () => ana;
  /** Verifies tokens and proofs as a real one does, before `accepts` is asked. */
  verifier: Pick<Verifier, 'verify'> | undefined;
  /** What its clock is ahead of this machine's, ms. */
  aheadMs = 0;
  readonly streams = new Set<{ response: ServerResponse; lastEventId: string | undefined; token: string }>();
  readonly #server: Server;
  #eventId = 0;

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(issuer = 'http://localhost:1'): Promise<TestBroker> {
    const broker = new TestBroker();
    broker.#server.listen(0, '127.0.0.1');
    await once(broker.#server, 'listening');
    broker.metadata = {
      resource: broker.url,
      authorization_servers: [issuer],
      bearer_methods_supported: ['header'],
      daypass_contract: contractVersion,
      daypass_version: '0.1.0',
      daypass_organisation: 'Shop',
      daypass_client_id: 'daypass-vscode',
      daypass_device_client_id: 'daypass-device',
      daypass_scopes: ['openid', 'profile', 'offline_access', 'daypass'],
    };
    return broker;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  count(path: string): number {
    return this.seen.filter((one) => one.path === path).length;
  }

  send(event: string, data: object, id: string | undefined = String(++this.#eventId)): void {
    for (const { response } of this.streams)
      response.write(`event: ${event}\n${id === '' ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`);
  }

  /** Changes a request as the broker would, and tells the streams. */
  change(resource: 'request' | 'grant', item: AccessRequest | Grant): void {
    if (resource === 'request') this.requests.set(item.id, item as AccessRequest);
    else this.grants.set(item.id, item as Grant);
    this.send('changed', { resource, id: item.id, version: item.version });
  }

  cutStreams(): void {
    for (const { response } of this.streams) response.destroy();
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request as AsyncIterable<Buffer>) body += chunk.toString();
    const url = new URL(request.url ?? '/', this.url);
    this.seen.push({ method: request.method ?? '', path: url.pathname, headers: request.headers, body });
    response.setHeader(timeHeader, new Date(Date.now() + this.aheadMs).toISOString());
    if (this.intercept?.(request, response)) return;
    if (url.pathname.startsWith('/.well-known/oauth-protected-resource')) {
      json(response, 200, this.metadata);
      return;
    }
    const { authorization = '' } = request.headers;
    if (this.verifier) {
      const { method = '', url: target = '', headersDistinct } = request;
      const call = { method, target, proofs: headersDistinct['dpop'] ?? [] };
      const refused = await this.verifier.verify(authorization, call).catch((error: unknown) => error);
      if (refused instanceof NotSignedIn) {
        if (refused.nonce !== undefined) response.setHeader('dpop-nonce', refused.nonce);
        problem(response, 'not-signed-in', refused.message);
        return;
      }
    }
    const token = /^(?:Bearer|DPoP) (.+)$/.exec(authorization)?.[1] ?? '';
    const person = this.accepts(token);
    if (!person) {
      problem(response, 'not-signed-in', 'The token is at its end.');
      return;
    }
    if (url.pathname === '/v1/events') {
      this.#stream(request, response, token);
      return;
    }
    const [, , collection, id] = url.pathname.split('/');
    if (collection === 'me') json(response, 200, meFor(person));
    else if (collection === 'templates') json(response, 200, { templates: [template] });
    else if (collection === 'requests' && id === undefined && request.method === 'GET')
      json(response, 200, { requests: [...this.requests.values()] });
    else if (collection === 'grants' && id === undefined)
      json(response, 200, { grants: [...this.grants.values()] });
    else {
      const found = (collection === 'requests' ? this.requests : this.grants).get(id ?? '');
      if (found) json(response, 200, found);
      else problem(response, 'not-found', 'There is no such thing.');
    }
  }

  #stream(request: IncomingMessage, response: ServerResponse, token: string): void {
    const lastEventId = request.headers['last-event-id'];
    const stream = {
      response,
      token,
      lastEventId: typeof lastEventId === 'string' ? lastEventId : undefined,
    };
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write(
      `event: alive\nid: ${this.#eventId}\ndata: ${JSON.stringify({ now: new Date(Date.now() + this.aheadMs).toISOString() })}\n\n`,
    );
    this.streams.add(stream);
    response.once('close', () => this.streams.delete(stream));
  }
}

export function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

export function problem(response: ServerResponse, kind: ProblemKind, detail: string): void {
  const { status, title } = problems[kind];
  response.writeHead(status, { 'content-type': 'application/problem+json' });
  response.end(JSON.stringify({ type: problemType(kind), title, status, detail }));
}

export const ana = { id: '11111111-1111-4111-8111-111111111111', name: 'Ana Lima' };
export const ben = { id: '22222222-2222-4222-8222-222222222222', name: 'Ben Roth' };

export function meFor(person: { id: string; name: string }): Me {
  return {
    person,
    groups: ['engineering'],
    organisation: { name: 'Shop' },
    decides: false,
    audits: false,
    signedInUntil: new Date(Date.now() + 300_000).toISOString(),
  };
}

export const template: Template = {
  id: 'shop-read-orders',
  title: 'Read orders',
  summary: 'Read the order tables, change nothing.',
  allows: ['read orders'],
  access: 'read',
  target: { id: 'shop', title: 'shop', kind: 'postgresql', host: '127.0.0.1', port: 5432, tls: 'off' },
  duration: { default: 'PT30M', longest: 'PT1H' },
  terminals: 3,
  approval: { needed: 0, from: [] },
  digest: 'a'.repeat(64),
};

export function aRequest(changes: Partial<AccessRequest> = {}): AccessRequest {
  return {
    id: randomUUID(),
    state: 'pending',
    requester: ana,
    template,
    duration: 'PT30M',
    reason: 'Order 4711 is stuck',
    digest: 'b'.repeat(64),
    createdAt: new Date().toISOString(),
    answerBy: new Date(Date.now() + 3_600_000).toISOString(),
    decisions: [],
    askedOf: [],
    stillNeeded: [],
    messages: [],
    openOnTarget: { own: [], others: 0 },
    version: 1,
    may: { withdraw: true, decide: false, approve: false, write: true },
    ...changes,
  };
}

export function aGrant(changes: Partial<Grant> = {}): Grant {
  return {
    id: randomUUID(),
    requestId: randomUUID(),
    state: 'active',
    holder: ana,
    template,
    duration: 'PT30M',
    reason: 'Order 4711 is stuck',
    approvedBy: [],
    createdAt: new Date().toISOString(),
    activateBy: new Date(Date.now() + 3_600_000).toISOString(),
    leases: [],
    settled: false,
    version: 1,
    may: { openTerminal: true, end: true, revoke: false, review: false },
    ...changes,
  };
}
