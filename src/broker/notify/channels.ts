import type { ChannelConfig } from '../config/channels.ts';
import { emailChannel } from './email.ts';
import { attemptMs, type Channel } from './message.ts';
import { slackChannel } from './slack.ts';
import { webhookChannel } from './webhook.ts';

/** @param limitMs the longest that an attempt takes, whatever it waits for */
export function channelFor(config: ChannelConfig, limitMs = attemptMs): Channel {
  const channel = channelOf(config);
  return {
    ...channel,
    send: (message, stop) => channel.send(message, AbortSignal.any([stop, AbortSignal.timeout(limitMs)])),
  };
}

function channelOf(config: ChannelConfig): Channel {
  switch (config.kind) {
    case 'webhook':
      return webhookChannel(config);
    case 'slack':
      return slackChannel(config);
    case 'email':
      return emailChannel(config);
  }
}
