import type { Logger } from 'pino';
import type { Store } from '../store/connect.ts';
import { lockGrant, overdueGrants, stepGrant } from '../store/grant.ts';
import { forgetOld } from '../store/idempotency.ts';
import { closeLeases } from '../store/lease.ts';
import { lookAtLeastEveryMs } from '../store/notify.ts';
import { now } from '../store/now.ts';
import { lockRequest, overdueRequests, stepRequest } from '../store/request.ts';
import type { Macs } from '../integrity/macs.ts';
import { Turns } from './turns.ts';

const retryMs = 1_000;
/** Behind the ends at the targets, which need the machine and the database first. */
const behindMs = 250;

/**
 * What time alone brings about: requests expire, grants lapse and expire. The credentials themselves are ended by the
 * targets' workers, each at its own due time; nothing waits for this.
 */
export function startExpiry(store: Store, macs: Macs, log: Logger): { wake(): void; stop(): Promise<void> } {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const turns = new Turns(turn);
  const wake = () => turns.ask();

  async function turn(): Promise<void> {
    let waitMs = lookAtLeastEveryMs;
    // One that cannot be settled holds up no other.
    const each = async (due: readonly string[], expire: (id: string) => Promise<void>) => {
      for (const id of due)
        await expire(id).catch((error: unknown) => {
          log.error({ err: error, id }, 'Something overdue could not be settled; trying again.');
          waitMs = retryMs;
        });
    };
    try {
      const requests = await overdueRequests(store.db);
      await each(requests.due, (id) => expireRequest(store, id));
      const grants = await overdueGrants(store.db);
      await each(grants.due, (id) => expireGrant(store, macs, id));
      await store.write('keys forgotten', forgetOld);
      const at = (await now(store.db)).getTime();
      for (const next of [requests.next, grants.next])
        if (next) waitMs = Math.min(waitMs, Math.max(next.getTime() - at, 0) + behindMs);
    } catch (error) {
      log.error({ err: error }, 'What is overdue could not be settled; trying again.');
      waitMs = retryMs;
    }
    clearTimeout(timer);
    if (!stopped) timer = setTimeout(wake, waitMs);
  }

  wake();
  return {
    wake,
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await turns.stop();
    },
  };
}

async function expireRequest(store: Store, id: string): Promise<void> {
  await store.transaction('request expired', async (trx) => {
    const request = await lockRequest(trx, id);
    if (request) await stepRequest(trx, request, 'time passed', null, { agreed: false });
  });
}

async function expireGrant(store: Store, macs: Macs, id: string): Promise<void> {
  await store.transaction('grant expired', async (trx) => {
    const grant = await lockGrant(trx, id);
    if (!grant) return;
    const { step, grant: after } = await stepGrant(trx, macs, grant, 'time passed', null);
    if (step.moved) await closeLeases(trx, after, 'expired', null);
  });
}
