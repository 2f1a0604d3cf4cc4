import * as z from 'zod';
import type { SlackConfig } from '../config/channels.ts';
import {
  headline,
  isOpen,
  isTrial,
  noAddress,
  standing,
  trialWords,
  type Channel,
  type Facts,
  type Sent,
  type Trial,
} from './message.ts';
import { NotPosted, post } from './post.ts';
import { escapedSlack, harmless } from './texts.ts';

/** Where a message stands in Slack; what `chat.update` wants to know of it. */
const Said = z.object({ channel: z.string(), ts: z.string() });

const Answer = z.object({
  ok: z.boolean(),
  error: z
    .string()
    .regex(/^[a-z_]{1,60}$/)
    .optional(),
  channel: z.string().optional(),
  ts: z.string().optional(),
});

/** Errors of Slack's own that pass. https://docs.slack.dev/reference/methods/chat.postMessage */
const passing = new Set([
  'ratelimited',
  'rate_limited',
  'message_limit_exceeded',
  'internal_error',
  'fatal_error',
  'request_timeout',
  'service_unavailable',
  'team_added_to_org',
]);

/**
 * One message for each request (`chat.postMessage`), changed as the request goes on (`chat.update`). Nobody's telephone
 * rings for a change: an answer that somebody waits for is a message below the first, shown in the conversation too.
 */
export function slackChannel(config: SlackConfig): Channel {
  return {
    name: config.name,
    kind: 'slack',
    async send({ facts, to, follows }, stop) {
      const before = follows && Said.safeParse(follows.said).data;
      // What was said before anybody can tell where is left as it is.
      if (follows && !before) return { is: 'failed', why: 'it is not known where it was said', again: false };
      const channel = to ? to.slack : config.channel;
      if (!before && channel === undefined)
        return noAddress(to ? 'no Slack id of theirs is known' : 'it has no address');
      const isNew = !before || isAnswer(facts);
      const method = isNew ? 'chat.postMessage' : 'chat.update';
      const where = before && isNew ? below(before) : (before ?? { channel });
      const body = { ...where, ...content(facts) };
      const headers = { authorization: `Bearer ${config.token.reveal()}` };
      try {
        const { status, text, retryAfterS } = await post(
          `${config.api}/${method}`,
          headers,
          JSON.stringify(body),
          stop,
        );
        return outcome(status, text, retryAfterS);
      } catch (error) {
        if (error instanceof NotPosted) return { is: 'failed', why: error.message, again: true };
        throw error;
      }
    },
    close: () => undefined,
  };
}

const isAnswer = (facts: Facts | Trial) => !isTrial(facts) && facts.stand.is === 'answered';

const below = ({ channel, ts }: z.output<typeof Said>) => ({
  channel,
  thread_ts: ts,
  reply_broadcast: true,
});

const wait = (retryAfterS: number | undefined) =>
  retryAfterS === undefined ? {} : { afterSeconds: retryAfterS };

function outcome(status: number, text: string, retryAfterS: number | undefined): Sent {
  if (status === 429)
    return { is: 'failed', why: 'Slack has too many calls to answer', again: true, ...wait(retryAfterS) };
  if (status !== 200)
    return { is: 'failed', why: `Slack answered with status ${status}`, again: status >= 500 };
  const answer = Answer.safeParse(json(text)).data;
  if (!answer) return { is: 'failed', why: 'Slack answered with something unknown', again: true };
  if (answer.ok) return { is: 'sent', said: { channel: answer.channel, ts: answer.ts } };
  const error = answer.error ?? 'unknown_error';
  return { is: 'failed', why: `Slack says ${error}`, again: passing.has(error), ...wait(retryAfterS) };
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * People's words stand in `plain_text`, where Slack reads neither markup nor mentions; what is ours in `mrkdwn`, the
 * only link with it. `parse: none` is said because `chat.update` would look for links and mentions unless told.
 */
function content(facts: Facts | Trial) {
  return { ...(isTrial(facts) ? trial(facts) : ofRequest(facts)), ...inert };
}

const inert = {
  parse: 'none',
  link_names: false,
  unfurl_links: false,
  unfurl_media: false,
  mrkdwn: false,
};

const plain = (text: string) => ({
  type: 'section',
  text: { type: 'plain_text', emoji: false, text: text.slice(0, 2900) },
});

function trial(facts: Trial) {
  const words = trialWords({ trialOf: harmless(facts.trialOf) });
  return { text: escapedSlack(words), blocks: [plain(words)] };
}

function ofRequest(facts: Facts) {
  const { allows, reason, ticket, stand, url } = facts;
  const say = (text: string) => harmless(text);
  const lines = [
    `${headline(facts, say)}.`,
    `Why: “${say(reason)}”${ticket === undefined ? '' : ` (${say(ticket)})`}`,
    `What: ${allows.map(say).join('; ')}`,
  ];
  const link = isOpen(stand) ? 'Look at it and decide' : 'Look at it';
  return {
    text: escapedSlack(`${headline(facts, say)}. ${standing(stand, say)}`),
    blocks: [
      ...lines.map(plain),
      plain(standing(stand, say)),
      {
        type: 'section',
        text: { type: 'mrkdwn', verbatim: true, text: `<${escapedSlack(url)}|${link}>` },
      },
    ],
  };
}
