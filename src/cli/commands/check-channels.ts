import { randomUUID } from 'node:crypto';
import { hasAddress, reaches, type ChannelConfig } from '../../broker/config/channels.ts';
import type { Config } from '../../broker/config/config.ts';
import { channelFor } from '../../broker/notify/channels.ts';
import { CommandFailed } from '../fail.ts';

/**
 * Sends a test message through every channel and says what came of each: to the first who may be on call where a
 * channel reaches nobody else. Throws if one did not come through.
 */
export async function checkChannels(config: Config): Promise<void> {
  const { channels, organisation } = config;
  let silent = 0;
  for (const one of channels.values()) {
    const channel = channelFor(one);
    const to = hasAddress(one) ? undefined : firstReached(config, one);
    const message = {
      id: randomUUID(),
      at: new Date(),
      facts: { trialOf: organisation.name },
      ...(to ? { to: { ...to, name: to.called } } : {}),
    };
    const sent = await channel.send(message, new AbortController().signal);
    channel.close();
    if (sent.is === 'failed') silent++;
    const outcome =
      sent.is === 'sent'
        ? `a test message came through${to ? `, to ${to.called}` : ''}.`
        : `no message came through: ${sent.why}.`;
    process.stdout.write(`${one.name} (${one.kind}): ${outcome}\n`);
  }
  if (channels.size === 0) process.stdout.write('There are no channels.\n');
  if (silent > 0) throw new CommandFailed('People cannot be told through every channel; see above.', 2);
}

function firstReached({ schedules }: Config, channel: ChannelConfig) {
  return [...schedules.values()]
    .flatMap(({ contacts }) => [...contacts.values()])
    .find((contact) => reaches(channel, contact));
}
