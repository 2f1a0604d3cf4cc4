import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { IssuedLease } from '../../src/contract/leases.ts';
import { AccessRequest } from '../../src/contract/requests.ts';
import { TemplateList } from '../../src/contract/templates.ts';
import { newKey, newSecret } from '../broker/support/world.ts';
import { PersistentClient, type Answer, type Call } from './persistent-client.ts';
import { requesters, templateOf } from './configuration.ts';
import type { Held, Ledger } from './ledger.ts';
import { brokerNames, type BrokerName, type Life, type Schedule } from './schedule.ts';
import type { World } from './world.ts';

/** How many accesses go on at once. */
export const lanes = 16;
/** Nobody waits longer for one answer, in ms. */
const patienceMs = 30_000;

/** Drives requests, approvals, leases and ends as a schedule says, over HTTP, one access after the other in each lane. */
export class People {
  readonly #world: World;
  readonly #schedule: Schedule;
  readonly #ledger: Ledger;
  readonly #client = new PersistentClient();
  readonly #digests = new Map<string, string>();
  #stopping = false;
  #running: Promise<unknown> = Promise.resolve();
  /** Accesses that were asked for. */
  lives = 0;

  constructor(world: World, schedule: Schedule, ledger: Ledger) {
    this.#world = world;
    this.#schedule = schedule;
    this.#ledger = ledger;
  }

  /** Looks at the templates once, while nothing is wrong yet, and begins. */
  async begin(): Promise<void> {
    const answer = await this.#call(requesters[0]?.id ?? '', ['one'], {
      method: 'GET',
      path: '/v1/templates',
    });
    for (const { id, digest } of TemplateList.parse(answer?.body).templates) this.#digests.set(id, digest);
    this.#running = Promise.all(Array.from({ length: lanes }, (_, lane) => this.#live(lane)));
  }

  /** Nobody does anything any more; resolves when calls under way are over. What is open stays open. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#client.close();
    await this.#running;
  }

  async #live(lane: number): Promise<void> {
    for (let n = 0; !this.#stopping; n += 1) {
      const person = requesters[lane % requesters.length]?.id ?? '';
      this.lives += 1;
      await this.#access(person, `access ${n} of lane ${lane}`, this.#schedule.life(lane, n));
    }
  }

  async #access(person: string, reason: string, life: Life): Promise<void> {
    const { brokers, course } = life;
    const request = await this.#request(person, reason, life);
    if (!request) return;
    if (course === 'withdraws') {
      const done = await this.#call(person, brokers, {
        method: 'POST',
        path: `/v1/requests/${request.id}/withdraw`,
      });
      if (done?.status === 200) this.#ledger.acknowledged('request withdrawn', request.id);
      return;
    }
    const grantId = life.approval ? await this.#decide(request, life) : request.grantId;
    if (grantId === undefined) return;
    this.#ledger.answered(`the grant of ${request.id}`, grantId);
    const terminals = await Promise.all(
      Array.from({ length: life.terminals }, () => this.#openTerminal(person, grantId, life)),
    );
    const held = terminals.flatMap((one) => one ?? []);
    await this.#pause(life.useMs);
    await this.#end(person, grantId, held, life);
  }

  async #request(person: string, reason: string, life: Life): Promise<AccessRequest | undefined> {
    const template = templateOf(life.target, life.approval);
    const key = newKey();
    const answer = await this.#call(person, life.brokers, {
      method: 'POST',
      path: '/v1/requests',
      key,
      body: {
        template,
        templateDigest: this.#digests.get(template),
        duration: `PT${life.seconds}S`,
        reason,
      },
    });
    if (answer?.status !== 201) return undefined;
    const request = AccessRequest.parse(answer.body);
    this.#ledger.answered(`request ${key}`, request.id);
    this.#ledger.acknowledged('request created', request.id);
    return request;
  }

  /** The grant's id, where it was approved. */
  async #decide({ id, digest }: AccessRequest, { brokers, course }: Life): Promise<string | undefined> {
    const deny = course === 'is denied';
    const answer = await this.#call('ben', [...brokers].reverse(), {
      method: 'POST',
      path: `/v1/requests/${id}/decisions`,
      key: newKey(),
      body: deny ? { verdict: 'deny', digest, comment: 'Not now' } : { verdict: 'approve', digest },
    });
    if (answer?.status !== 201) return undefined;
    this.#ledger.acknowledged(deny ? 'request denied' : 'request approved', id);
    return AccessRequest.parse(answer.body).grantId;
  }

  async #openTerminal(person: string, grantId: string, { brokers, target }: Life): Promise<Held | undefined> {
    const { password, verifier } = await newSecret();
    this.#ledger.credentials.push({ password, verifier });
    const key = newKey();
    const answer = await this.#call(person, brokers, {
      method: 'POST',
      path: `/v1/grants/${grantId}/leases`,
      key,
      body: { kind: 'postgresql', verifier },
    });
    if (answer?.status !== 201) {
      this.#ledger.unanswered.push({ grantId, key, password, target });
      return undefined;
    }
    const { lease, connection } = IssuedLease.parse(answer.body);
    this.#ledger.answered(`lease ${key}`, lease.id);
    this.#ledger.acknowledged('lease issued', lease.id);
    const held: Held = {
      leaseId: lease.id,
      grantId,
      role: lease.role,
      password,
      target,
      dueAt: new Date(lease.expiresAt),
    };
    this.#ledger.held.push(held);
    // Not over the network that fails: whether it lives is what the target says.
    const client = new pg.Client({ ...connection, ssl: false, password: held.password });
    client.on('error', () => delete held.socket);
    client.on('end', () => delete held.socket);
    held.socket = client;
    await client.connect().catch(() => delete held.socket);
    return held;
  }

  async #end(person: string, grantId: string, held: readonly Held[], life: Life): Promise<void> {
    const { brokers, course } = life;
    const ended = (some: readonly Held[]) => {
      for (const one of some) one.endedAt ??= new Date();
    };
    if (course === 'closes its terminals') {
      await Promise.all(
        held.map(async (one) => {
          const path = `/v1/grants/${grantId}/leases/${one.leaseId}`;
          const answer = await this.#call(person, brokers, { method: 'DELETE', path });
          if (answer?.status === 200) ended([one]);
        }),
      );
    } else if (course === 'ends' || course === 'is revoked') {
      const revoke = course === 'is revoked';
      const answer = await this.#call(revoke ? 'ben' : person, brokers, {
        method: 'POST',
        path: `/v1/grants/${grantId}/${revoke ? 'revoke' : 'end'}`,
        ...(revoke ? { body: { comment: 'Not now' } } : {}),
      });
      if (answer?.status !== 200) return;
      ended(held);
    }
  }

  #call(
    person: string,
    brokers: readonly BrokerName[],
    call: Omit<Call, 'token' | 'ports'>,
  ): Promise<Answer | undefined> {
    const { fronts, tokens } = this.#world;
    // Whatever comes first, each is tried.
    const ports = [...brokers, ...brokerNames].map((name) => fronts[name].port);
    return this.#client.call({ ...call, ports, token: tokens.get(person) ?? '' }, patienceMs);
  }

  async #pause(forMs: number): Promise<void> {
    if (!this.#stopping) await pause(forMs);
  }
}
