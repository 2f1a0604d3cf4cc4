import { secondsOf, spokenDuration } from '../../contract/durations.ts';
import { needWords } from '../../contract/needs.ts';
import { toldInWords } from '../../contract/telling-words.ts';
import { openNow, unverified } from '../../contract/words.ts';
import type { AccessRequest } from '../state/world.ts';
import type { ToLocal } from './endings.ts';
import { lookingAt, lookingInWords } from './talk.ts';
import { askedOf, either, quoted, task, timeOfDay } from './words.ts';

/** What the page of a review asks for. `digest` is that of what it showed when it was pressed. */
export type Act =
  | { readonly do: 'approve'; readonly digest: string; readonly duration?: string }
  | { readonly do: 'deny'; readonly digest: string; readonly comment: string }
  | { readonly do: 'write'; readonly text: string }
  | { readonly do: 'claim'; readonly from?: string }
  | { readonly do: 'release' | 'withdraw' | 'document' };

export interface Said {
  readonly id: string;
  readonly who: string;
  readonly at: string;
  readonly text: string;
  readonly mine: boolean;
}

/** What a review shows, ready to be drawn: all words are made here. */
export interface ReviewModel {
  readonly id: string;
  readonly digest: string;
  readonly heading: string;
  readonly inShort: readonly string[];
  /** What became of it, where it waits no more; whom it waits for, where not for the person here. */
  readonly outcome?: { readonly look: 'good' | 'bad' | 'calm'; readonly words: string };
  /** Who looks at it. */
  readonly looking?: { readonly words: string; readonly mine: boolean };
  readonly changed?: {
    readonly headline: string;
    readonly lines: readonly string[];
    readonly meaning: string;
  };
  readonly why: string;
  readonly ticket?: { readonly text: string; readonly link?: string };
  readonly access: string;
  readonly summary: string;
  readonly allows: readonly string[];
  readonly terms: readonly string[];
  readonly careful: readonly string[];
  /** Label and words, in the order in which they matter. */
  readonly facts: readonly (readonly [label: string, words: string])[];
  readonly decided: readonly string[];
  readonly documented: boolean;
  readonly exchange: readonly Said[];
  /** All of it in a breath, for whoever hears it. */
  readonly spoken: string;
  readonly actions: {
    readonly approve?: { readonly label: string };
    readonly deny?: { readonly prompt: string };
    readonly shorten?: readonly {
      readonly duration: string;
      readonly label: string;
      readonly spoken: string;
    }[];
    readonly write?: { readonly label: string; readonly prompt: string };
    readonly claim?: { readonly label: string; readonly from?: string };
    readonly release?: true;
    readonly withdraw?: true;
  };
}

const accessWords = {
  read: 'Reads only',
  write: 'Changes data',
  owner: 'Owner’s rights',
} as const;

/**
 * @param me id of the person here
 * @param now the broker's time, ms
 */
export function reviewModel(request: AccessRequest, me: string, now: number, toLocal: ToLocal): ReviewModel {
  const { requester, template, duration, reason, ticket, ticketLink, may } = request;
  const at = (instant: string): string => timeOfDay(toLocal(Date.parse(instant)));
  const mine = requester.id === me;
  const claim = lookingAt(request, now);
  // Whoever looks at it says more than whoever could.
  const outcome = request.state === 'pending' && claim ? undefined : outcomeOf(request, me);
  const changed = changedOf(request, mine);
  const heading = `${mine ? 'You ask' : `${requester.name} asks`} to ${task(template)}`;
  const needs = needWords(request.stillNeeded);
  const told = request.state === 'pending' ? toldInWords(request.told, now) : [];
  return {
    id: request.id,
    digest: request.digest,
    heading,
    inShort: [
      spokenDuration(duration),
      ...(ticket === undefined ? [] : [ticket]),
      `asked at ${at(request.createdAt)}`,
    ],
    ...(outcome ? { outcome } : {}),
    ...(claim ? { looking: { words: lookingInWords(claim, me, toLocal), mine: claim.by.id === me } } : {}),
    ...(changed ? { changed } : {}),
    why: reason,
    ...(ticket === undefined
      ? {}
      : { ticket: { text: ticket, ...(ticketLink === undefined ? {} : { link: ticketLink }) } }),
    access: accessWords[template.access],
    summary: template.summary,
    allows: template.allows,
    terms: request.terms ?? [],
    careful: unverified(request),
    facts: [
      ['How long', howLong(request)],
      [`On ${template.target.title} now`, openNow(request).join('. ')],
      ...(request.state === 'pending' && needs
        ? ([
            ['Must approve', needs],
            ['Waits until', at(request.answerBy)],
          ] as const)
        : []),
      ...(told.length > 0 ? ([['Who is told', told.join('; ')]] as const) : []),
    ],
    decided: request.decisions.map((one) => decisionInWords(one, me, at)),
    documented: template.documentation !== undefined,
    exchange: request.messages.map(({ id, by, text, at: when }) => ({
      id,
      who: by.id === me ? 'You' : by.name,
      at: at(when),
      text,
      mine: by.id === me,
    })),
    spoken: [
      heading,
      spokenDuration(duration),
      `Why: ${reason}`,
      `It allows: ${either(template.allows, 'and')}`,
      ...(changed ? [changed.headline] : []),
      ...unverified(request),
      ...openNow(request),
    ]
      .map((words) => words.replace(/[.\s]*$/, '.'))
      .join(' '),
    actions: {
      ...(may.approve && request.templateNow?.is !== 'gone'
        ? { approve: { label: `Approve ${spokenDuration(duration)}` }, shorten: shorterThan(duration) }
        : {}),
      ...(may.decide ? { deny: { prompt: `What should ${requester.name} know? They will read this.` } } : {}),
      ...(may.write ? { write: writing(request, mine) } : {}),
      ...(may.approve && claim?.by.id !== me
        ? {
            claim: claim
              ? { label: `Take over from ${claim.by.name}`, from: claim.by.id }
              : { label: 'I’m looking' },
          }
        : {}),
      ...(claim?.by.id === me ? { release: true } : {}),
      ...(may.withdraw ? { withdraw: true } : {}),
    },
  };
}

function howLong({ state, duration, decisions }: AccessRequest): string {
  const given = decisions.flatMap((one) => one.duration ?? []).sort((a, b) => secondsOf(a) - secondsOf(b))[0];
  if (given === undefined) return `${spokenDuration(duration)}, from the first terminal on`;
  const asked = `instead of ${spokenDuration(duration)}`;
  return state === 'approved'
    ? `${spokenDuration(given)} ${asked}, from the first terminal on`
    : `${spokenDuration(given)} at most, ${asked}`;
}

function writing({ requester, askedOf: names }: AccessRequest, mine: boolean) {
  const reader = names.length > 0 && names.length < 4 ? either(names, 'and') : 'Those who decide';
  return mine
    ? { label: 'Answer', prompt: `${reader} will read this.` }
    : { label: 'Ask', prompt: `What do you need to know? ${requester.name} reads it at once.` };
}

function decisionInWords(
  { by, verdict, comment, duration, at: when }: AccessRequest['decisions'][number],
  me: string,
  at: (instant: string) => string,
): string {
  const did = verdict === 'approve' ? 'approved' : 'denied';
  const shorter = duration === undefined ? '' : ` ${spokenDuration(duration)}`;
  const said = comment === undefined ? '' : `: ${quoted(comment)}`;
  return `${by.id === me ? 'You' : by.name} ${did}${shorter} at ${at(when)}${said}`;
}

function outcomeOf(request: AccessRequest, me: string): ReviewModel['outcome'] {
  const { state, requester, may } = request;
  switch (state) {
    case 'pending':
      if (may.approve) return undefined;
      return {
        look: 'calm',
        words: [
          `Waiting for ${askedOf(request)}`,
          ...(may.decide ? ['. Your approval would add nothing; you can deny it.'] : []),
        ].join(''),
      };
    case 'approved': {
      if (request.brokenGlass)
        return {
          look: 'bad',
          words: `${requester.id === me ? 'You' : requester.name} broke the glass: ${quoted(request.brokenGlass.reason)}. Nobody approved it.`,
        };
      const told =
        requester.id === me
          ? 'The time starts when you open the terminal.'
          : `${requester.name} has been told.`;
      return { look: 'good', words: `Approved. ${told}` };
    }
    case 'denied':
      return { look: 'bad', words: 'Denied. Nothing was opened.' };
    case 'withdrawn':
      return { look: 'calm', words: 'Withdrawn. Nothing needs to be decided any more.' };
    case 'expired':
      return { look: 'calm', words: 'Nobody answered in time. Nothing was opened.' };
    case 'refused':
      return { look: 'bad', words: 'Refused by policy. Nothing was opened.' };
  }
}

function changedOf({ templateNow, may }: AccessRequest, mine: boolean): ReviewModel['changed'] {
  switch (templateNow?.is) {
    case undefined:
      return undefined;
    case 'gone':
      return {
        headline: 'This template was removed since',
        lines: [],
        meaning: mine
          ? 'It cannot be approved any more. Withdraw it, and ask for something else.'
          : 'It cannot be approved any more. Deny it, with a word on what to ask for instead.',
      };
    case 'changed':
      return {
        headline: 'This template changed since',
        lines: templateNow.changes,
        meaning: [
          ...(templateNow.allowsLess ? ['It allows less now than what was asked for.'] : []),
          may.approve
            ? 'Approving gives what was asked for, as it stands below.'
            : 'What was asked for stands below.',
        ].join(' '),
      };
  }
}

const usual = ['PT5M', 'PT10M', 'PT15M', 'PT30M', 'PT45M', 'PT1H', 'PT2H', 'PT4H', 'PT8H', 'PT12H'];
const mostShorter = 4;

function shorterThan(duration: string) {
  return usual
    .filter((one) => secondsOf(one) < secondsOf(duration))
    .slice(-mostShorter)
    .reverse()
    .map((one) => ({
      duration: one,
      label: spokenDuration(one),
      spoken: `Approve ${spokenDuration(one)} instead of ${spokenDuration(duration)}`,
    }));
}

/** What a page says that a person wants; undefined where it makes no sense. */
export function actIn(message: unknown): Act | undefined {
  if (typeof message !== 'object' || message === null) return undefined;
  const text = (name: string): string | undefined => {
    const value = (message as Readonly<Record<string, unknown>>)[name];
    return typeof value === 'string' ? value : undefined;
  };
  const [what, digest] = [text('do'), text('digest')];
  switch (what) {
    case 'approve': {
      const duration = text('duration');
      if (digest === undefined) return undefined;
      return { do: what, digest, ...(duration === undefined ? {} : { duration }) };
    }
    case 'deny': {
      const comment = text('text');
      return digest === undefined || comment === undefined ? undefined : { do: what, digest, comment };
    }
    case 'write': {
      const words = text('text');
      return words === undefined ? undefined : { do: what, text: words };
    }
    case 'claim': {
      const from = text('from');
      return { do: what, ...(from === undefined ? {} : { from }) };
    }
    case 'release':
    case 'withdraw':
    case 'document':
      return { do: what };
    default:
      return undefined;
  }
}
