import type { Logger } from 'pino';
import type { Store } from '../store/connect.ts';
import { noteObstacle } from '../store/lease.ts';
import { unattendedLeases, type Unattended } from '../store/lease-unattended.ts';
import { lookAtLeastEveryMs } from '../store/notify.ts';
import { Turns } from './turns.ts';

/** While there are such leases. */
const lookAgainMs = 2_000;

export interface UnattendedWatch {
  /** Look now. */
  wake(): void;
  /** Whether leases are open that no worker ends. */
  readonly some: boolean;
  stop(): Promise<void>;
}

export interface UnattendedParts {
  readonly store: Store;
  /** Ids of the targets that have a worker. */
  readonly targets: readonly string[];
  readonly log: Logger;
}

/**
 * Leases at a target that was taken out of the configuration are ended by nobody. That cannot be mended here; it must
 * not go unnoticed: it stands in the log and in `/readyz`, and at each lease whose end is due.
 */
export function watchUnattended({ store, targets, log }: UnattendedParts): UnattendedWatch {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let found: readonly Unattended[] = [];
  let said = '';
  const turns = new Turns(look);
  const wake = () => turns.ask();

  async function look(): Promise<void> {
    try {
      found = await unattendedLeases(store.db, targets);
      say();
      for (const { target, untold } of found)
        for (const id of untold) await noteObstacle(store, id, { obstacle: obstacle(target) });
    } catch (error) {
      log.warn({ err: error }, 'Whether leases are open at targets that are not configured is not known.');
    }
    clearTimeout(timer);
    if (!stopped) timer = setTimeout(wake, found.length > 0 ? lookAgainMs : lookAtLeastEveryMs).unref();
  }

  /** Once for each different number of them. */
  function say(): void {
    const now = JSON.stringify(found.map(({ target, open }) => [target, open]));
    if (now === said) return;
    said = now;
    for (const { target, open, latestDueAt } of found)
      log.error(
        { target, open, latestDueAt },
        `The target "${target}" is not configured any more, and has sessions that are not over: this broker cannot end them. Put it back into "targets" until they are.`,
      );
  }

  wake();
  return {
    wake,
    get some() {
      return found.length > 0;
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await turns.stop();
    },
  };
}

const obstacle = (target: string) =>
  `The target "${target}" is not configured any more: nothing of it can be ended. Tell your platform team to put it back.`;
