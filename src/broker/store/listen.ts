import type pg from 'pg';
import type { Logger } from 'pino';
import { setTimeout as pause } from 'node:timers/promises';

export type Listen = (channel: string, callback: (payload: string) => void) => Promise<() => void>;

const heartbeatMs = 10_000;
const longestPauseMs = 3_000;

/** One connection that listens for all of this process, connected from the first channel on, again whenever it is lost. */
export function openListener(
  connect: () => pg.Client,
  log: Logger,
): { listen: Listen; close(): Promise<void> } {
  const callbacks = new Map<string, Set<(payload: string) => void>>();
  const closing = new AbortController();
  let client: pg.Client | undefined;
  let running: Promise<void> | undefined;
  let listening = deferred();

  const tell = (channel: string, payload: string) => {
    for (const callback of callbacks.get(channel) ?? []) callback(payload);
  };

  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = (on: pg.Client, query: string) => {
    // eslint-disable-next-line no-restricted-syntax -- to listen changes nothing, and the server refuses changes here
    const mine = turn.then(() => on.query(query));
    turn = mine.catch(() => undefined);
    return mine;
  };

  /** Resolves when the connection is no longer any good. */
  const connected = async (again: boolean) => {
    const mine = connect();
    const over = new AbortController();
    const end = () => over.abort();
    const isOver = () => over.signal.aborted;
    mine.on('error', end);
    mine.on('end', end);
    closing.signal.addEventListener('abort', end);
    mine.on('notification', ({ channel, payload }) => tell(channel, payload ?? ''));
    try {
      await mine.connect();
      for (const channel of callbacks.keys()) await inTurn(mine, `listen ${mine.escapeIdentifier(channel)}`);
      client = mine;
      listening.resolve();
      if (again) for (const channel of callbacks.keys()) tell(channel, '');
      while (!isOver()) {
        await pause(heartbeatMs, undefined, { signal: over.signal, ref: false }).catch(() => undefined);
        if (!isOver()) await inTurn(mine, 'select 1');
      }
    } finally {
      if (client) listening = deferred();
      client = undefined;
      closing.signal.removeEventListener('abort', end);
      // Not awaited: an end that is never answered must not stand in the way of the next connection.
      void mine.end().catch(() => undefined);
    }
  };

  const run = async () => {
    let failures = 0;
    for (let again = false; !closing.signal.aborted; again = true) {
      const before = listening;
      await connected(again).catch((error: unknown) => {
        if (!closing.signal.aborted)
          log.warn({ err: error }, 'No connection to listen to the database; trying again.');
      });
      failures = before === listening ? failures + 1 : 0;
      const waitMs = Math.min(longestPauseMs, 50 * 2 ** failures);
      await pause(waitMs, undefined, { signal: closing.signal, ref: false }).catch(() => undefined);
    }
  };

  return {
    async listen(channel, callback) {
      const set = callbacks.get(channel) ?? new Set();
      callbacks.set(channel, set.add(callback));
      running ??= run();
      if (client) await inTurn(client, `listen ${client.escapeIdentifier(channel)}`);
      else await listening.promise;
      return () => set.delete(callback);
    },
    async close() {
      closing.abort();
      callbacks.clear();
      listening.resolve();
      await running;
    },
  };
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}
