import type { ConnectionDetails, IssuedLease } from '../../contract/leases.ts';
import type { Secret } from '../../contract/secret.ts';
import type { Services } from '../services.ts';
import type { AccessRequest, Grant } from '../state/world.ts';
import { lowerFirst } from '../views/words.ts';
import { Attempts, type Attempt, type Purpose } from './attempts.ts';
import type { CredentialFolder } from './folder.ts';
import type { Asked } from './leases.ts';
import { libpqEnvironment } from './libpq.ts';
import { heading, waitingHeading } from './lines.ts';
import { thisMachine } from './machine.ts';
import { Records, type FolderRecord } from './records.ts';

/** What the person's shell is started with: see `ShellFile`. */
export interface ShellChoice {
  readonly appRoot: string | null;
  readonly base: Readonly<Record<string, string | undefined>>;
  readonly hasPsql: () => Promise<boolean>;
}

/** What nobody approved does not look like the rest. */
export type Look = 'usual' | 'glass broken';

/** A folder that a terminal can be started on. */
export interface Prepared {
  readonly name: string;
  readonly path: string;
  /** Of the terminal. */
  readonly title: string;
  readonly look: Look;
}

export interface Copied {
  readonly connection: ConnectionDetails;
  readonly password: Secret;
  /** A file, there until the access ends; undefined where the server is not verified. */
  readonly authorities: string | undefined;
}

/** Makes credentials and their folders. `FolderTrouble`, `Cancelled` and what `Api.call` throws reach the caller. */
export class Desk {
  readonly records: Records;
  readonly attempts: Attempts;
  readonly #services: Services;
  readonly #shell: ShellChoice;
  readonly #machine = thisMachine();

  constructor(services: Services, shell: ShellChoice) {
    this.#services = services;
    this.#shell = shell;
    this.records = new Records(services.places.storage);
    this.attempts = new Attempts(services, this.records);
  }

  /** A lease and its folder, for a terminal of its own. After a refusal nothing is left, neither folder nor lease. */
  async prepare(grant: Grant, signal?: AbortSignal): Promise<Prepared> {
    const name = await this.attempts.lease(
      this.#purpose('terminal', grant.id),
      async (attempt, issued) => {
        await this.#furnish(attempt, grant, issued);
        return attempt.name;
      },
      signal,
    );
    this.#hasBegun(grant);
    return this.#prepared(name, grant.template.title, grant.brokenGlass ? 'glass broken' : 'usual');
  }

  /** A folder whose terminal waits for a request to be approved. */
  async wait(request: AccessRequest): Promise<Prepared> {
    const name = await this.#make(this.#newRecord('terminal', { requestId: request.id }), (folder) =>
      folder.tell({ version: 1, heading: waitingHeading(request), state: { is: 'waiting' } }),
    );
    return this.#prepared(name, request.template.title);
  }

  /**
   * Makes a folder that waited the credential's: its terminal becomes the production terminal.
   * @param pressed see `Purpose`
   */
  async fill(name: string, grant: Grant, pressed: boolean): Promise<void> {
    const purpose = {
      id: `waiting ${name}`,
      grantId: grant.id,
      pressed,
      writeDown: async (asked: Asked) => {
        await this.records.add(name, { grantId: grant.id, asked });
        return name;
      },
      // Its terminal is there and is told.
      giveUp: () => this.records.add(name, { asked: undefined }).catch(() => undefined),
    };
    await this.attempts.lease(purpose, (attempt, issued) => this.#furnish(attempt, grant, issued));
    this.#hasBegun(grant);
  }

  /** A lease of its own for a program that is no terminal; its password is nowhere but in the answer. */
  async copy(grant: Grant, signal?: AbortSignal): Promise<Copied> {
    const copied = await this.attempts.lease(
      this.#purpose('copied', grant.id),
      async ({ name, password }, { connection }) => ({
        connection,
        password,
        authorities: await this.records.folder(name).writeAuthorities(connection),
      }),
      signal,
    );
    this.#hasBegun(grant);
    return copied;
  }

  /** Folder and record, gone. Never rejects: what could not be removed is found at the next look. */
  async drop(name: string): Promise<void> {
    this.attempts.abandon(name);
    if (await this.records.folder(name).remove()) await this.records.forget(name).catch(() => undefined);
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
      ...(grant.brokenGlass ? { look: 'glass broken' } : {}),
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

  #purpose(use: FolderRecord['use'], grantId: string): Purpose {
    return {
      id: `${use} ${grantId}`,
      grantId,
      pressed: true,
      writeDown: (asked) => this.#make({ ...this.#newRecord(use, { grantId }), asked }),
      giveUp: (name) => this.drop(name),
    };
  }

  /** A record and its folder, or nothing. @throws FolderTrouble */
  async #make(
    record: FolderRecord,
    more: (folder: CredentialFolder) => Promise<void> = () => Promise.resolve(),
  ): Promise<string> {
    const name = this.records.newName();
    try {
      await this.records.keep(name, record);
      const folder = this.records.folder(name);
      await folder.create();
      await more(folder);
      return name;
    } catch (error) {
      await this.drop(name);
      throw error;
    }
  }

  /** The first lease sets the grant's clock going: what is shown is drawn from it. */
  #hasBegun(grant: Grant): void {
    void this.#services.sync.reload({ grant: grant.id });
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
      ...(this.#machine !== undefined && { machine: this.#machine }),
      host: process.pid,
      createdAt: new Date().toISOString(),
    };
  }

  #prepared(name: string, title: string, look: Look = 'usual'): Prepared {
    const kind = look === 'usual' ? 'Production' : 'Break glass';
    return { name, path: this.records.folder(name).path, title: `${kind}: ${lowerFirst(title)}`, look };
  }
}
