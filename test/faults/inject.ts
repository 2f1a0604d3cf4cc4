import { setTimeout as pause } from 'node:timers/promises';
import { dirname, join } from 'node:path';
import { eventually } from '../broker/support/eventually.ts';
import {
  brokerNames,
  serverNames,
  type BrokerFault,
  type BrokerName,
  type CallFault,
  type FaultKind,
  type LinkFault,
  type Schedule,
  type ServerFault,
  type ServerName,
  type TargetName,
} from './schedule.ts';
import type { Server } from './server.ts';
import type { World } from './world.ts';

/** How long a fault waits for an operation to fall into, in ms; then it is left out and does not count. */
const patienceMs = 3_000;
/** A clock that was set wrong is set right after so long, in ms. */
const wrongForMs = 1_500;

/** Does a schedule's faults to a world, its lanes side by side, and counts those that fell inside an operation. */
export class Injector {
  readonly #world: World;
  readonly counts = new Map<FaultKind, number>();
  /** Kinds that cannot be made on this machine, with why. */
  readonly impossible = new Map<FaultKind, string>();
  #standbys = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** Resolves when all is done and everything that was stopped runs again. */
  async inject({ links, calls, brokers, servers }: Schedule): Promise<void> {
    const lanes: Promise<void>[] = [this.#lane(servers, (fault) => this.#serverFault(fault))];
    for (const broker of brokerNames) {
      lanes.push(
        this.#lane(brokers.get(broker) ?? [], (fault) => this.#brokerFault(broker, fault)),
        this.#lane(calls.get(broker) ?? [], (fault) => this.#callFault(broker, fault)),
      );
      for (const server of serverNames)
        lanes.push(
          this.#lane(links.get(broker)?.get(server) ?? [], (fault) => this.#linkFault(broker, server, fault)),
        );
    }
    await Promise.all(lanes);
    for (const broker of brokerNames) this.#world.brokers[broker].setClock(0);
    await this.#world.everybodyListens();
  }

  async #lane<F extends { afterMs: number; kind: FaultKind }>(
    faults: readonly F[],
    fall: (fault: F) => Promise<boolean>,
  ): Promise<void> {
    for (const fault of faults) {
      await pause(fault.afterMs);
      if (await fall(fault)) this.#count(fault.kind);
    }
  }

  #count(kind: FaultKind): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
  }

  /** Whether a step of this broker's has begun and is not over, or a call to it is not answered. */
  #isBusy(broker: BrokerName): boolean {
    const { brokers, fronts } = this.#world;
    return (
      brokers[broker].listens && (brokers[broker].stepsUnderWay.length > 0 || fronts[broker].underWay > 0)
    );
  }

  async #whenBusy(isBusy: () => boolean): Promise<boolean> {
    const giveUpAt = performance.now() + patienceMs;
    while (!isBusy() && performance.now() < giveUpAt) await pause(5);
    return isBusy();
  }

  async #listens(broker: BrokerName): Promise<void> {
    while (!this.#world.brokers[broker].listens) await pause(50);
  }

  async #linkFault(broker: BrokerName, server: ServerName, fault: LinkFault): Promise<boolean> {
    await this.#listens(broker);
    const link = this.#world.links[broker][server];
    const counted = await link.harm(fault, () => this.#isBusy(broker), patienceMs);
    while (link.isHeld) await pause(50);
    return counted;
  }

  async #callFault(broker: BrokerName, fault: CallFault): Promise<boolean> {
    await this.#listens(broker);
    return this.#world.fronts[broker].harm(fault, patienceMs);
  }

  async #brokerFault(name: BrokerName, fault: BrokerFault): Promise<boolean> {
    await this.#listens(name);
    const broker = this.#world.brokers[name];
    switch (fault.kind) {
      case 'broker killed': {
        const busy = await this.#whenBusy(() => this.#isBusy(name));
        const starts = broker.starts;
        broker.kill();
        while (broker.starts === starts) await pause(20);
        return busy;
      }
      case 'broker killed at a step':
        return broker.strikeAt(fault.at, 'SIGKILL', patienceMs);
      case 'broker stopped for a while':
      case 'broker paused in the middle of a cut':
      case 'broker paused in the middle of an issue': {
        const withinMs = fault.kind === 'broker stopped for a while' ? patienceMs : 10 * patienceMs;
        if (!(await broker.strikeAt(fault.at, 'SIGSTOP', withinMs))) return false;
        await pause(fault.forMs);
        broker.goOn();
        return true;
      }
      case 'clock jumped': {
        const forth = await this.#whenBusy(() => this.#isBusy(name));
        broker.setClock(fault.byMs);
        if (forth) this.#count(fault.kind);
        await pause(wrongForMs);
        const back = await this.#whenBusy(() => this.#isBusy(name));
        broker.setClock(0);
        return back;
      }
    }
  }

  async #serverFault(fault: ServerFault): Promise<boolean> {
    const { targets } = this.#world;
    const isAsked = (server: ServerName) => () =>
      brokerNames.some((name) => this.#isBusy(name) && this.#world.links[name][server].isAsked);
    switch (fault.kind) {
      case 'database restarted':
      case 'target restarted': {
        const server = fault.server === 'store' ? this.#world.store : targets[fault.server];
        const inside = await this.#whenBusy(isAsked(fault.server));
        await server.stop(fault.by);
        await pause(fault.awayMs);
        await server.recovered();
        return inside;
      }
      case 'database failed over':
        return this.#failOverStore(isAsked('store'));
      case 'target failed over':
        return this.#failOverTarget(fault.target, isAsked(fault.target));
      case 'disk of the database full':
        return this.#fillDisk(fault.forMs);
      case 'slow target': {
        const inside = await this.#whenBusy(isAsked(fault.target));
        await Promise.all(
          brokerNames.map((name) => this.#world.links[name][fault.target].slow(fault.byMs, fault.forMs)),
        );
        return inside;
      }
      case 'target busy with a lock':
        return this.#lock(fault.target, fault.forMs);
    }
  }

  async #failOverStore(isAsked: () => boolean): Promise<boolean> {
    const { store: primary, disk } = this.#world;
    const { standby, inside } = await this.#promoted(primary, join(disk.folder, 'store'), isAsked);
    this.#world.setStore(standby);
    await primary.remove();
    return inside;
  }

  async #failOverTarget(name: TargetName, isAsked: () => boolean): Promise<boolean> {
    const { targets } = this.#world;
    const primary = targets[name];
    const place = join(dirname(primary.directory), name);
    const { standby, inside } = await this.#promoted(primary, place, isAsked);
    await standby.takePlaceOf(primary);
    this.#world.setTarget(name, standby);
    await primary.remove();
    return inside;
  }

  /** No commit is lost: each waited for the standby, which takes over when the primary is gone. */
  async #promoted(
    primary: Server,
    place: string,
    isAsked: () => boolean,
  ): Promise<{ standby: Server; inside: boolean }> {
    this.#standbys += 1;
    const standby = await primary.follow(`${place}-standby-${this.#standbys}`);
    const inside = await this.#whenBusy(isAsked);
    await primary.stop('SIGQUIT');
    await standby.promote();
    return { standby, inside };
  }

  async #fillDisk(forMs: number): Promise<boolean> {
    const { disk, store } = this.#world;
    if (!disk.canBeFull) {
      this.impossible.set('disk of the database full', 'no small disk (tmpfs) can be mounted here');
      return false;
    }
    const before = store.fullDisks;
    store.upSince = Infinity;
    await disk.fill();
    const met = await eventually(() => store.fullDisks > before || undefined, 2 * patienceMs).catch(
      () => false,
    );
    await pause(forMs);
    await disk.free();
    await store.recovered();
    return met;
  }

  /** Somebody at the target holds the lock that whoever makes or changes a login needs. */
  async #lock(target: TargetName, forMs: number): Promise<boolean> {
    const server = this.#world.targets[target];
    const client = await server.connect();
    try {
      await client.query('begin');
      await client.query('lock table pg_authid in share row exclusive mode');
      await pause(forMs);
      const waiting = await server.query(
        "select from pg_locks join pg_stat_activity using (pid) where not granted and usename = 'daypass_broker'",
      );
      return waiting.length > 0;
    } finally {
      await client.end();
    }
  }
}
