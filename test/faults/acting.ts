import assert from 'node:assert/strict';
import pg from 'pg';
import type * as z from 'zod';
import { Grant } from '../../src/contract/grants.ts';
import { IssuedLease } from '../../src/contract/leases.ts';
import { Problem } from '../../src/contract/problems.ts';
import { AccessRequest } from '../../src/contract/requests.ts';
import { TemplateList } from '../../src/contract/templates.ts';
import { newKey, newSecret } from '../broker/support/world.ts';
import { eventually } from '../broker/support/eventually.ts';
import { templateOf } from './configuration.ts';
import type { BrokerName, TargetName } from './schedule.ts';
import { startWorld, type World } from './world.ts';

/** The person who asks for access. */
export const holder = 'engineer-0';

/** An open terminal: its lease, and a live connection of its holder's. */
export interface Terminal {
  readonly leaseId: string;
  readonly role: string;
  readonly dueAt: Date;
  /** When the connection broke. */
  readonly closed: Promise<Date>;
  /** The SQLSTATE that another login with the same credential is refused with; `in` where it works. */
  readonly logIn: () => Promise<string>;
}

/** Its live connection breaks at its time, and its credential works no more. */
export async function cutOnTime({ closed, dueAt, logIn }: Terminal): Promise<void> {
  const lateMs = (await closed).getTime() - dueAt.getTime();
  assert.ok(lateMs >= 0 && lateMs < 2_000, `cut ${lateMs} ms after its time`);
  assert.match(await logIn(), /^28/);
}

/** People who do one thing after the other at one broker, for tests of what they are told. */
export class Acting {
  readonly world: World;
  readonly #broker: BrokerName;

  private constructor(world: World, broker: BrokerName) {
    this.world = world;
    this.#broker = broker;
  }

  /** People in a new world of their own, whom whoever opens it stops with it. */
  static async inNewWorld(): Promise<Acting> {
    return new Acting(await startWorld(), 'one');
  }

  /** The same people at this broker. */
  at(broker: BrokerName): Acting {
    return new Acting(this.world, broker);
  }

  /**
   * One call, made once.
   * @param contract what an answer looks like, whatever its status; throws, with the answer, where it does not
   */
  async call<T>(
    person: string,
    method: 'GET' | 'POST',
    path: string,
    contract: z.ZodType<T>,
    body?: unknown,
  ): Promise<{ readonly status: number; readonly body: T }> {
    const { fronts, tokens } = this.world;
    const response = await fetch(`http://127.0.0.1:${fronts[this.#broker].port}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${tokens.get(person) ?? ''}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json', 'idempotency-key': newKey() }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const { status } = response;
    const answer: unknown = await response.json();
    const parsed = contract.safeParse(answer);
    if (!parsed.success)
      throw new Error(
        `${method} ${path}: not as expected: ${status} ${JSON.stringify(answer)}\n${parsed.error.message}`,
      );
    return { status, body: parsed.data };
  }

  /** Asks, and has it approved where somebody must; the grant's id. */
  async granted(person: string, target: TargetName, seconds: number, approval = false): Promise<string> {
    const template = templateOf(target, approval);
    const { body: list } = await this.call(person, 'GET', '/v1/templates', TemplateList);
    const { body: request } = await this.call(person, 'POST', '/v1/requests', AccessRequest, {
      template,
      templateDigest: list.templates.find(({ id }) => id === template)?.digest,
      duration: `PT${seconds}S`,
      reason: 'Order 4711 is stuck',
    });
    if (!approval) return request.grantId ?? '';
    const path = `/v1/requests/${request.id}/decisions`;
    const { body: approved } = await this.call('ben', 'POST', path, AccessRequest, {
      verdict: 'approve',
      digest: request.digest,
    });
    return approved.grantId ?? '';
  }

  /** Asks for a credential, which it may be told that there is none of now. */
  async wantsTerminal(person: string, grantId: string) {
    const { password, verifier } = await newSecret();
    const { status, body } = await this.call(
      person,
      'POST',
      `/v1/grants/${grantId}/leases`,
      IssuedLease.or(Problem),
      { kind: 'postgresql', verifier },
    );
    return { status, body, password };
  }

  async opensTerminal(person: string, grantId: string): Promise<Terminal> {
    const { status, body, password } = await this.wantsTerminal(person, grantId);
    assert.ok(status === 201 && 'lease' in body, JSON.stringify(body));
    const { lease, connection } = body;
    const client = () => {
      const one = new pg.Client({ ...connection, ssl: false, password });
      one.on('error', () => undefined);
      return one;
    };
    const live = client();
    const closed = new Promise<Date>((resolve) => live.once('end', () => resolve(new Date())));
    await live.connect();
    return {
      leaseId: lease.id,
      role: lease.role,
      dueAt: new Date(lease.expiresAt),
      closed,
      logIn: async () => {
        const another = client();
        try {
          await another.connect();
          return 'in';
        } catch (error) {
          return error instanceof pg.DatabaseError ? (error.code ?? '') : String(error);
        } finally {
          await another.end().catch(() => undefined);
        }
      },
    };
  }

  async grant(person: string, id: string): Promise<Grant> {
    return (await this.call(person, 'GET', `/v1/grants/${id}`, Grant)).body;
  }

  /** The grant once it is over and settled. */
  settled(person: string, id: string, withinMs: number): Promise<Grant> {
    return eventually(async () => {
      const one = await this.grant(person, id).catch(() => undefined);
      return one?.settled ? one : undefined;
    }, withinMs);
  }
}
