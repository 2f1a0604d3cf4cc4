import { fork, type ChildProcess } from 'node:child_process';
import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import * as z from 'zod';
import { macsWith, type Macs } from '../../../src/broker/integrity/macs.ts';
import { Secret } from '../../../src/contract/secret.ts';
import { IssuedLease } from '../../../src/contract/leases.ts';
import { AccessRequest } from '../../../src/contract/requests.ts';
import { TemplateList } from '../../../src/contract/templates.ts';
import { ensureBuilt } from '../../../src/sandbox/build.ts';
import { silent } from '../../../src/sandbox/progress.ts';
import type { Surroundings } from '../benchmark.ts';
import { Description, Failure, Queries, Usage, type Wishes } from './messages.ts';

/** A template that lets a grant have as many terminals as templates can, for seconds or for a day. */
export const template = 'bench';
const templateText = `
template: ${template}
title: Read orders
summary: Look at orders. Change nothing.
target: shop
scope:
  privileges: [select on sales.orders]
duration: { default: PT1H, longest: PT24H }
terminals: 10
request: { by: [engineering] }
approve: nobody
revoke: { by: [payments-leads] }
`;

/** The same, of which somebody else decides. */
const askedTemplate = `${template}-asked`;
const askedTemplateText = templateText
  .replace(`template: ${template}`, `template: ${askedTemplate}`)
  .replace('approve: nobody', 'approve: { by: [payments-leads] }');

const startWithinMs = 120_000;
const endWithinMs = 60_000;
const callWithinMs = 60_000;

export interface Called {
  readonly status: number;
  readonly body: unknown;
  /** From before the call was sent until its answer was there and read as JSON. */
  readonly ms: number;
}

/** A broker in a process of its own, with its provider, its database and a production database, and Ana signed in. */
export class Stage {
  readonly #child: ChildProcess;
  readonly #at: Description;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });
  readonly #clients: pg.Client[] = [];
  readonly #digests = new Map<string, string>();

  /** Authenticates records as the stage's broker does. */
  get macs(): Macs {
    return macsWith([new Secret(this.#at.integrityKey)]);
  }

  private constructor(child: ChildProcess, at: Description) {
    this.#child = child;
    this.#at = at;
  }

  /** Starts one; it is gone when the benchmark is over. */
  static async open({ atEnd, progress, signal }: Surroundings, wishes: Wishes = {}): Promise<Stage> {
    // The second broker is what is shipped: an old one would be measured for this one.
    if (wishes.secondBroker) await ensureBuilt(silent, signal);
    progress('Starting a broker and its databases…');
    const templates = {
      [`${template}.yaml`]: templateText,
      [`${askedTemplate}.yaml`]: askedTemplateText,
      ...wishes.templates,
    };
    const all: Wishes = { ...wishes, templates };
    // In a process group of its own, Ctrl-C does not reach it: it ends when it is let go.
    const child = fork(fileURLToPath(new URL('host.ts', import.meta.url)), [JSON.stringify(all)], {
      detached: true,
      execArgv: [...process.execArgv, '--expose-gc'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    // What is sent to it after it was let go.
    child.on('error', () => undefined);
    atEnd(() => letGo(child));
    const answer = await answerOf(child, startWithinMs);
    const failed = Failure.safeParse(answer);
    if (failed.success) throw new Error(`The broker did not start: ${failed.data.failure}`);
    const stage = new Stage(child, Description.parse(answer));
    atEnd(() => stage.#leave());
    return stage;
  }

  async #leave(): Promise<void> {
    this.#agent.destroy();
    await Promise.allSettled(this.#clients.map((client) => client.end()));
  }

  /** How many queries the broker has sent to its databases so far. */
  async queries(): Promise<number> {
    this.#child.send('queries');
    return Queries.parse(await answerOf(this.#child, 5_000)).queries;
  }

  /** What the broker's process uses. */
  async usage(): Promise<Usage> {
    this.#child.send('usage');
    return Usage.parse(await answerOf(this.#child, 10_000));
  }

  get url(): string {
    return this.#at.url;
  }

  /** Where the next call goes. Not in turns: calls that come in pairs would give one broker all of one kind. */
  #nextUrl(): string {
    return randomInt(2) === 0 ? this.#at.url : this.#at.secondUrl;
  }

  /** The tokens of the engineers beside Ana. */
  get otherTokens(): readonly string[] {
    return this.#at.otherTokens;
  }

  /** The tokens of those who decide. */
  get leadTokens(): readonly string[] {
    return this.#at.leadTokens;
  }

  /** Until the broker has nothing to do for a moment, so that what one measures is not what another left to do. */
  async quiet(): Promise<void> {
    const deadline = performance.now() + 5_000;
    for (let before = -1, now = await this.queries(); now !== before && performance.now() < deadline;) {
      await pause(30);
      [before, now] = [now, await this.queries()];
    }
  }

  /** @param as whose token; Ana's unless told */
  call(method: 'GET' | 'POST', path: string, body?: unknown, as = this.#at.token): Promise<Called> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = {
      authorization: `Bearer ${as}`,
      'idempotency-key': randomBytes(16).toString('base64url'),
      ...(text === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
    };
    return new Promise((resolve, reject) => {
      const began = performance.now();
      const sent = request(`${this.#nextUrl()}${path}`, {
        method,
        headers,
        agent: this.#agent,
        timeout: callWithinMs,
      });
      sent.once('error', reject);
      sent.once('timeout', () => sent.destroy(new Error(`${method} ${path} was not answered.`)));
      sent.once('response', (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.once('error', reject);
        response.once('end', () => {
          const read: unknown = JSON.parse(Buffer.concat(parts).toString());
          resolve({ status: response.statusCode ?? 0, body: read, ms: performance.now() - began });
        });
      });
      sent.end(text);
    });
  }

  /** An approved grant that nobody has activated: its id. */
  async grant(duration: string, as?: string): Promise<string> {
    return z.string().parse((await this.#request(template, duration, as)).grantId);
  }

  /** A request that waits for a lead's decision. */
  ask(as?: string): Promise<AccessRequest> {
    return this.#request(askedTemplate, 'PT1H', as);
  }

  async #request(of: string, duration: string, as?: string): Promise<AccessRequest> {
    const templateDigest = this.#digests.get(of) ?? (await this.#digestOf(of));
    const reason = 'Measuring how long it takes';
    const { body } = await this.call(
      'POST',
      '/v1/requests',
      { template: of, templateDigest, duration, reason },
      as,
    );
    return AccessRequest.parse(body);
  }

  async #digestOf(of: string): Promise<string | undefined> {
    const { templates } = TemplateList.parse((await this.call('GET', '/v1/templates')).body);
    for (const { id, digest } of templates) this.#digests.set(id, digest);
    return this.#digests.get(of);
  }

  /** An approval as a lead's window sends it, and its answer. */
  async approve({ id, digest }: AccessRequest, as: string): Promise<Called> {
    const answer = await this.call(
      'POST',
      `/v1/requests/${id}/decisions`,
      { verdict: 'approve', digest },
      as,
    );
    if (answer.status !== 201) throw new Error(`No decision: ${JSON.stringify(answer.body)}`);
    return answer;
  }

  /** A lease under a grant, as an extension gets it. */
  async lease(
    grantId: string,
    verifier: string,
    as?: string,
  ): Promise<IssuedLease & { readonly ms: number }> {
    const wanted = { kind: 'postgresql', verifier };
    const { status, body, ms } = await this.call('POST', `/v1/grants/${grantId}/leases`, wanted, as);
    if (status !== 201) throw new Error(`No lease: ${JSON.stringify(body)}`);
    return { ...IssuedLease.parse(body), ms };
  }

  /** The server of the production database, and its superuser's password. */
  get shopServer(): Description['shop'] {
    return this.#at.shop;
  }

  /** Connects to the production database: as its superuser unless told. */
  shop(login: { user?: string; password?: string; database?: string } = {}): Promise<pg.Client> {
    const { port, password } = this.#at.shop;
    return this.#connect({ port, user: 'postgres', password, database: 'shop', ...login });
  }

  /** Connects to the broker's database, as the broker does. */
  state(): Promise<pg.Client> {
    const { port, password } = this.#at.state;
    const options = '-c search_path=daypass,pg_temp -c timezone=UTC';
    return this.#connect({ port, user: 'daypass_runtime', password, database: 'daypass', options });
  }

  async #connect(config: pg.ClientConfig): Promise<pg.Client> {
    const client = new pg.Client({ host: '127.0.0.1', ssl: false, ...config });
    client.on('error', () => undefined);
    await client.connect();
    this.#clients.push(client);
    return client;
  }
}

/** A name for a login that the broker has nothing to do with. */
export const bareRole = () => `bare_${randomUUID().replaceAll('-', '')}`;

async function answerOf(child: ChildProcess, withinMs: number): Promise<unknown> {
  const either = new AbortController();
  const signal = AbortSignal.any([either.signal, AbortSignal.timeout(withinMs)]);
  try {
    const [message] = (await Promise.race([
      once(child, 'message', { signal }),
      once(child, 'exit', { signal }).then(() => {
        throw new Error('The broker’s process ended.');
      }),
    ])) as unknown[];
    return message;
  } finally {
    either.abort();
  }
}

async function letGo(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const over = new Promise((resolve) => child.once('exit', resolve));
  if (child.connected) child.disconnect();
  const patience = setTimeout(() => child.kill('SIGKILL'), endWithinMs);
  await over;
  clearTimeout(patience);
}
