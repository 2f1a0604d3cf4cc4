import type { ChannelConfig } from '../config/channels.ts';
import { emailChannel } from './email.ts';
import type { Channel } from './message.ts';
import { slackChannel } from './slack.ts';
import { webhookChannel } from './webhook.ts';

export function channelFor(config: ChannelConfig): Channel {
  switch (config.kind) {
    case 'webhook':
      return webhookChannel(config);
    case 'slack':
      return slackChannel(config);
    case 'email':
      return emailChannel(config);
  }
}
