import type { ConnectionDetails, IssuedLease } from '../../contract/leases.ts';
import type { Secret } from '../../contract/secret.ts';
import type { Services } from '../services.ts';
import type { AccessRequest, Grant } from '../state/world.ts';
import { lowerFirst } from '../views/words.ts';
import { Leases, type Attempt } from './leases.ts';
import { libpqEnvironment } from './libpq.ts';
import { heading, waitingHeading } from './lines.ts';
import { Records, type FolderRecord } from './records.ts';

/** What the person's shell is started with: see `ShellFile`. */
export interface ShellChoice {
  readonly appRoot: string | null;
  readonly base: Readonly<Record<string, string | undefined>>;
  readonly hasPsql: () => Promise<boolean>;
}

/** A folder that a terminal can be started on. */
export interface Prepared {
  readonly name: string;
  readonly path: string;
  /** Of the terminal. */
  readonly title: string;
}

export interface Copied {
  readonly connection: ConnectionDetails;
  readonly password: Secret;
  /** A file, there until the access ends; undefined where the server is not verified. */
  readonly authorities: string | undefined;
}

/** Makes credentials and their folders. `FolderTrouble` and what `Api.call` throws reach the caller. */
export class Desk {
  readonly records: Records;
  readonly leases: Leases;
  /** Folders that are worked on here: they must not be settled meanwhile. */
  readonly busy = new Set<string>();
  readonly #services: Services;
  readonly #shell: ShellChoice;

  constructor(services: Services, shell: ShellChoice) {
    this.#services = services;
    this.#shell = shell;
    this.records = new Records(services.places.storage);
    this.leases = new Leases(services.api, this.records);
  }

  /** A lease and its folder, for a terminal of its own. After a refusal nothing is left, neither folder nor lease. */
  async prepare(grant: Grant, signal?: AbortSignal): Promise<Prepared> {
    const attempt = await this.#attempt(`terminal ${grant.id}`, 'terminal', grant.id);
    await this.#working(attempt, async () => {
      const issued = await this.leases.ask(attempt, grant.id, signal);
      await this.#orEnd(attempt, issued, () => this.#furnish(attempt, grant, issued));
    });
    return this.#prepared(attempt.name, grant.template.title);
  }

  /** A folder whose terminal waits for a request to be approved. */
  async wait(request: AccessRequest): Promise<Prepared> {
    const name = this.records.newName();
    this.busy.add(name);
    try {
      await this.records.keep(name, this.#newRecord('terminal', { requestId: request.id }));
      const folder = this.records.folder(name);
      await folder.create();
      await folder.tell({ version: 1, heading: waitingHeading(request), state: { is: 'waiting' } });
    } catch (error) {
      await this.drop(name);
      throw error;
    } finally {
      this.busy.delete(name);
    }
    return this.#prepared(name, request.template.title);
  }

  /** Makes a folder that waited the credential's: its terminal becomes the production terminal. */
  async fill(name: string, grant: Grant): Promise<void> {
    const attempt = await this.leases.attempt(`waiting ${name}`, async (asked) => {
      await this.records.add(name, { grantId: grant.id, asked });
      return name;
    });
    const issued = await this.leases.ask(attempt, grant.id);
    await this.#orEnd(attempt, issued, () => this.#furnish(attempt, grant, issued));
  }

  /** A lease of its own for a program that is no terminal; its password is nowhere but in the answer. */
  async copy(grant: Grant, signal?: AbortSignal): Promise<Copied> {
    const attempt = await this.#attempt(`copied ${grant.id}`, 'copied', grant.id);
    return this.#working(attempt, async () => {
      const issued = await this.leases.ask(attempt, grant.id, signal);
      return this.#orEnd(attempt, issued, async () => ({
        connection: issued.connection,
        password: attempt.password,
        authorities: await this.records.folder(attempt.name).writeAuthorities(issued.connection),
      }));
    });
  }

  /** Folder and record, gone. */
  async drop(name: string): Promise<void> {
    this.leases.abandon(name);
    if (await this.records.folder(name).remove()) await this.records.forget(name);
  }

  async #furnish(attempt: Attempt, grant: Grant, { lease, connection }: IssuedLease): Promise<void> {
    const { clock } = this.#services;
    const folder = this.records.folder(attempt.name);
    const expiresAtMs = Date.parse(lease.expiresAt);
    await folder.fill(connection, attempt.password);
    const base = Object.entries(this.#shell.base).flatMap(([name, value]) =>
      value === undefined || name === '' ? [] : [[name, value] as const],
    );
    await folder.giveShell({
      version: 1,
      shell: null,
      appRoot: this.#shell.appRoot,
      base: Object.fromEntries(base),
    });
    await folder.tell({
      version: 1,
      heading: heading(grant, connection, clock.toLocal(expiresAtMs), await this.#shell.hasPsql()),
      state: {
        is: 'open',
        leaseId: lease.id,
        expiresAt: lease.expiresAt,
        deadline: new Date(clock.toLocal(expiresAtMs)).toISOString(),
        environment: libpqEnvironment(connection, folder.credential),
      },
    });
  }

  /** Remembers the lease and runs what needs the disk; a credential that cannot be used ends at once. */
  async #orEnd<T>(attempt: Attempt, { lease }: IssuedLease, work: () => Promise<T>): Promise<T> {
    try {
      const { id, expiresAt } = lease;
      // Answered, the call is never repeated: its verifier is nothing to keep.
      await this.records.add(attempt.name, { lease: { id, expiresAt }, asked: undefined });
      const result = await work();
      this.leases.abandon(attempt.name);
      // The first lease sets the grant's clock going: what is shown is drawn from it.
      void this.#services.sync.reload({ grant: lease.grantId });
      return result;
    } catch (error) {
      this.leases.abandon(attempt.name);
      await this.records.folder(attempt.name).wipe();
      try {
        await this.leases.end(lease.grantId, lease.id);
        await this.records.add(attempt.name, { ended: true }).catch(() => undefined);
      } catch (cause) {
        // Its record stays: the end is told to the broker as soon as that can be reached.
        this.#services.log.warn('A credential that cannot be used could not be ended yet.', cause);
        this.#owing.add(attempt.name);
      }
      throw error;
    }
  }

  readonly #owing = new Set<string>();

  /** Leaves nothing after a failure, unless the broker must still be told or asked. */
  async #working<T>(attempt: Attempt, work: () => Promise<T>): Promise<T> {
    this.busy.add(attempt.name);
    try {
      return await work();
    } catch (error) {
      if (!this.leases.isOpen(attempt.name) && !this.#owing.has(attempt.name)) await this.drop(attempt.name);
      throw error;
    } finally {
      this.busy.delete(attempt.name);
    }
  }

  async #attempt(purpose: string, use: FolderRecord['use'], grantId: string): Promise<Attempt> {
    return this.leases.attempt(purpose, async (asked) => {
      const name = this.records.newName();
      this.busy.add(name);
      try {
        await this.records.keep(name, { ...this.#newRecord(use, { grantId }), asked });
        await this.records.folder(name).create();
        return name;
      } catch (error) {
        await this.drop(name);
        throw error;
      } finally {
        this.busy.delete(name);
      }
    });
  }

  #newRecord(use: FolderRecord['use'], of: { requestId?: string; grantId?: string }): FolderRecord {
    const { account } = this.#services.store.world;
    if (account.is !== 'signed in') throw new Error('Nobody is signed in.');
    return {
      version: 1,
      broker: account.broker,
      person: account.me.person.id,
      use,
      ...of,
      ended: false,
      host: process.pid,
      createdAt: new Date().toISOString(),
    };
  }

  #prepared(name: string, title: string): Prepared {
    return { name, path: this.records.folder(name).path, title: `Production: ${lowerFirst(title)}` };
  }
}
