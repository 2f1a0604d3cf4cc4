import { spokenDuration } from '../../contract/durations.ts';
import type { Delivery } from '../../contract/telling.ts';
import { either, lowerFirst } from '../../contract/words.ts';
import type { ChannelConfig, Reached } from '../config/channels.ts';

/** What leaves by a channel: who, what, why, for how long, and where to answer. Nothing else does. */
export interface Facts {
  readonly requestId: string;
  /** The broker's page for it. */
  readonly url: string;
  /** A person's own words, as are `reason`, `ticket`, and what is in `stand`. */
  readonly requester: string;
  readonly template: { readonly id: string; readonly title: string };
  readonly target: string;
  /** A line each, in words. */
  readonly allows: readonly string[];
  /** ISO 8601. */
  readonly duration: string;
  readonly reason: string;
  readonly ticket?: string;
  readonly answerBy: Date;
  readonly stand: Stand;
}

/** How a request stands while a message about it is written. */
export interface Stand {
  readonly is: Delivery['about'];
  /** Names of those who did it. */
  readonly by: readonly string[];
  /** What they said, where it has to be read at once. */
  readonly why?: string;
}

/** The one person whom a message is for, because they are on call. */
export interface Addressee extends Reached {
  readonly subject: string;
  readonly name: string;
}

/** Instead of a request: somebody tries whether a channel works. */
export interface Trial {
  readonly trialOf: string;
}

export interface Message {
  /** The same at each attempt. */
  readonly id: string;
  /** When it came to be said, the same at each attempt. */
  readonly at: Date;
  readonly facts: Facts | Trial;
  /** Absent: whomever the channel reaches. */
  readonly to?: Addressee;
  /** The message that it follows. */
  readonly follows?: { readonly id: string; readonly said: unknown };
}

/** Whether it came through; a failure says why in words of ours, with nothing secret and nothing that others wrote. */
export type Sent =
  /** `said`: what it became there, for what follows. */
  | { readonly is: 'sent'; readonly said?: unknown }
  | {
      readonly is: 'failed';
      readonly why: string;
      readonly again: boolean;
      /** As the other side asks. */
      readonly afterSeconds?: number;
      /** Nothing more is to be sent there. */
      readonly gone?: true;
    };

/** Nobody can be told that way until the configuration says where. */
export const noAddress = (why: string): Sent => ({ is: 'failed', why, again: false });

export interface Channel {
  readonly name: string;
  readonly kind: ChannelConfig['kind'];
  /** Never throws but for what is wrong here. @param stop abandons the attempt */
  send(message: Message, stop: AbortSignal): Promise<Sent>;
  close(): void;
}

/** Longest that an attempt takes as a whole, in milliseconds; some mail servers take their time for each answer. */
export const attemptMs = 15_000;

/** Why an attempt was abandoned, in words. */
export function abandoned({ reason }: AbortSignal): string {
  const isLate = reason instanceof DOMException && reason.name === 'TimeoutError';
  return isLate ? 'it took too long' : 'the broker is stopping';
}

/** `Ana Lima asks to fix one order's status on shop, 30 min`: people's words pass through `words`. */
export function headline(
  { requester, template, target, duration, stand }: Facts,
  words: (text: string) => string,
) {
  const did = stand.is === 'glass broken' ? 'broke the glass to' : 'asks to';
  return `${words(requester)} ${did} ${lowerFirst(template.title)} on ${target}, ${spokenDuration(duration)}`;
}

/** How it stands, in a sentence. */
export function standing({ is, by, why }: Stand, words: (text: string) => string): string {
  const who = by.length > 0 ? either(by.map(words), 'and') : 'Somebody';
  switch (is) {
    case 'asked':
      return 'Nobody has taken it yet.';
    case 'claimed':
      return `${who} is looking at it. Nothing to do for others.`;
    case 'released':
      return 'Nobody is looking at it any more.';
    case 'answered':
      return `${who} answered what was asked.`;
    case 'partly approved':
      return `${who} approved it. Somebody else must approve it too.`;
    case 'approved':
      return `${who} approved it. Nothing is left to do.`;
    case 'glass broken':
      return `${who} broke the glass: access was given without approval${why === undefined ? '' : ` (“${words(why)}”)`}. Look at it, and revoke it if it should not be.`;
    case 'denied':
      return `${who} denied it. Nothing is left to do.`;
    case 'withdrawn':
      return `${words(by[0] ?? 'Whoever asked')} took it back. Nothing is left to do.`;
    case 'expired':
      return 'Nobody answered in time, so it is over.';
  }
}

export const isTrial = (facts: Facts | Trial): facts is Trial => 'trialOf' in facts;

export const trialWords = ({ trialOf }: Trial) =>
  `This is a test of Daypass at ${trialOf}: requests will be told here. Nothing to do.`;

export const isOpen = ({ is }: Stand) =>
  is === 'asked' || is === 'claimed' || is === 'released' || is === 'answered' || is === 'partly approved';
