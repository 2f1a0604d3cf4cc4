import assert from 'node:assert/strict';
import pg from 'pg';
import type { Grant } from '../../src/contract/grants.ts';
import { IssuedLease } from '../../src/contract/leases.ts';
import type { AccessRequest } from '../../src/contract/requests.ts';
import type { TemplateList } from '../../src/contract/templates.ts';
import { newKey, newSecret } from '../broker/support/world.ts';
import { eventually } from '../broker/support/eventually.ts';
import { templateOf } from './configuration.ts';
import type { BrokerName, TargetName } from './schedule.ts';
import type { World } from './world.ts';

/** An open terminal: its lease, and a live connection of its holder's. */
export interface Terminal {
  readonly leaseId: string;
  readonly role: string;
  readonly dueAt: Date;
  /** When the connection broke. */
  readonly closed: Promise<Date>;
  /** The SQLSTATE that another login with the same credential is refused with; `in` where it works. */
  logIn(): Promise<string>;
}

/** People who do one thing after the other at one broker, for tests of what they are told. */
export class Acting {
  readonly #world: World;
  readonly #broker: BrokerName;

  constructor(world: World, broker: BrokerName) {
    this.#world = world;
    this.#broker = broker;
  }

  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the caller knows what the route answers
  async call<T>(
    person: string,
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ readonly status: number; readonly body: T }> {
    const { fronts, tokens } = this.#world;
    const response = await fetch(`http://127.0.0.1:${fronts[this.#broker].port}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${tokens.get(person) ?? ''}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json', 'idempotency-key': newKey() }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as T };
  }

  /** Asks, and has it approved where somebody must; the grant's id. */
  async granted(person: string, target: TargetName, seconds: number, approval = false): Promise<string> {
    const template = templateOf(target, approval);
    const { body: list } = await this.call<TemplateList>(person, 'GET', '/v1/templates');
    const { body: request } = await this.call<AccessRequest>(person, 'POST', '/v1/requests', {
      template,
      templateDigest: list.templates.find(({ id }) => id === template)?.digest,
      duration: `PT${seconds}S`,
      reason: 'Order 4711 is stuck',
    });
    if (!approval) return request.grantId ?? '';
    const { body: approved } = await this.call<AccessRequest>(
      'ben',
      'POST',
      `/v1/requests/${request.id}/decisions`,
      { verdict: 'approve', digest: request.digest },
    );
    return approved.grantId ?? '';
  }

  async wantsTerminal(person: string, grantId: string) {
    const { password, verifier } = await newSecret();
    const path = `/v1/grants/${grantId}/leases`;
    const { status, body } = await this.call(person, 'POST', path, { kind: 'postgresql', verifier });
    return { status, body, password };
  }

  async opensTerminal(person: string, grantId: string): Promise<Terminal> {
    const { status, body, password } = await this.wantsTerminal(person, grantId);
    assert.equal(status, 201, JSON.stringify(body));
    const { lease, connection } = IssuedLease.parse(body);
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
      async logIn() {
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
    return (await this.call<Grant>(person, 'GET', `/v1/grants/${id}`)).body;
  }

  /** The grant once it is over and settled. */
  settled(person: string, id: string, withinMs: number): Promise<Grant> {
    return eventually(async () => {
      const one = await this.grant(person, id).catch(() => undefined);
      return one?.settled ? one : undefined;
    }, withinMs);
  }
}
