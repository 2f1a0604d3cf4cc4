import { startBroker } from '../../broker/broker.ts';
import { loadConfig } from '../../broker/config/load.ts';
import { openLog } from '../../broker/log.ts';

/** How long calls and streams have to come to an end when the broker is told to stop, in milliseconds. */
const graceMs = 15_000;

/**
 * Runs the broker until SIGTERM or SIGINT. Its log goes to standard output, one JSON object a line; the level is
 * `DAYPASS_LOG_LEVEL` (`info`).
 */
export async function serve({ config: file }: { readonly config: string }): Promise<void> {
  const config = await loadConfig(file);
  const log = openLog({ level: process.env['DAYPASS_LOG_LEVEL'] ?? 'info' });
  for (const warning of config.warnings) log.warn(warning);

  // Told to stop while it starts, it first finishes starting: a half-started database would be left behind.
  const told = firstSignal();
  const broker = await startBroker({ config, log });
  log.info({ url: broker.url }, `Daypass listens at ${broker.url}.`);

  const signal = await Promise.race([told, broker.lost]);
  if (signal) log.info({ signal }, 'Stopping. A second signal stops at once.');
  else {
    // Whoever runs us starts us again, and with us the database.
    log.fatal(
      'The embedded database has ended. Stopping, since nothing can be asked or recorded without it.',
    );
    process.exitCode = 1;
  }
  setTimeout(() => {
    log.error('Something did not end in time.');
    process.exit(1);
  }, graceMs).unref();
  await broker.close();
  log.info('Stopped.');
}

const signals = ['SIGINT', 'SIGTERM'] as const;

/** The second one ends the process as it would without us. */
function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const take = (signal: NodeJS.Signals) => {
      for (const one of signals) process.off(one, take);
      resolve(signal);
    };
    for (const one of signals) process.on(one, take);
  });
}
