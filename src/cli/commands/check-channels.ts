import { randomUUID } from 'node:crypto';
import type { Config } from '../../broker/config/config.ts';
import { channelFor } from '../../broker/notify/channels.ts';
import { CommandFailed } from '../fail.ts';

/** Sends a test message through every channel and says what came of each. Throws if one did not come through. */
export async function checkChannels({ channels, organisation }: Config): Promise<void> {
  let silent = 0;
  for (const config of channels.values()) {
    const channel = channelFor(config);
    const message = { id: randomUUID(), at: new Date(), facts: { trialOf: organisation.name } };
    const sent = await channel.send(message, new AbortController().signal);
    channel.close();
    if (sent.is === 'failed') silent++;
    const outcome =
      sent.is === 'sent' ? 'a test message came through.' : `no message came through: ${sent.why}.`;
    process.stdout.write(`${config.name} (${config.kind}): ${outcome}\n`);
  }
  if (channels.size === 0) process.stdout.write('There are no channels.\n');
  if (silent > 0) throw new CommandFailed('People cannot be told through every channel; see above.', 2);
}
