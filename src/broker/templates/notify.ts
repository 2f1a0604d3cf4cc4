import * as z from 'zod';
import { secondsOf } from '../../contract/durations.ts';
import type { TellingPlan } from '../../contract/telling.ts';
import { plainText } from '../../contract/values.ts';
import { hasAddress, reaches } from '../config/channels.ts';
import type { References } from '../config/load.ts';
import { durationBetween } from '../config/pieces.ts';
import type { Path } from '../config/problem.ts';
import type { Report } from '../config/report.ts';
import { suggestion } from '../config/suggest.ts';
import type { PlannedStep } from '../rules/telling.ts';

/** `notify:` of a template: who is told of a request, one after the other, until somebody has taken it. */

const after = durationBetween('PT1S', 'PT12H')
  .optional()
  .meta({ description: 'How long after the request; absent: at once.', examples: ['PT3M'] });

const OnCall = z.strictObject({
  on_call: z.string().meta({
    description: 'A schedule of daypass.yaml: whoever is on call by it then is told, one person.',
    examples: ['payments'],
  }),
  through: z.string().meta({
    description: 'The channel of daypass.yaml that reaches them.',
    examples: ['mail'],
  }),
});

const Tell = z.strictObject({
  after,
  tell: z.union([z.string().min(1).max(255), OnCall]).meta({
    description: 'A channel of daypass.yaml, a group that one of them reaches, or whoever is on call.',
    examples: ['payments-leads', { on_call: 'payments', through: 'mail' }],
  }),
});

const Call = z.strictObject({
  after,
  call: plainText({ min: 3, max: 40 }).meta({
    description: 'A telephone number that the requester is shown.',
    examples: ['+49 30 1234'],
  }),
});

export const Notify = z
  .array(z.union([Tell, Call]))
  .min(1)
  .max(10)
  .meta({
    description: 'Who is told of a request, one after the other, each only while nobody has taken it.',
    examples: [
      [{ tell: { on_call: 'payments', through: 'mail' } }, { after: 'PT3M', tell: 'payments-leads' }],
    ],
  });
export type Notify = z.output<typeof Notify>;

/** A step as the broker takes it; its number is its place in the list. */
export type NotifyStep = { readonly afterSeconds: number } & (Told | { readonly call: string });

interface Told {
  readonly channel: string;
  /** Whom it tells, for people to read. */
  readonly title: string;
  /** The schedule that says whom; absent: whomever the channel reaches. */
  readonly onCall?: string;
}

/** The steps with their channels, or a report of what is wrong with them. */
export function notifySteps(
  written: readonly unknown[],
  references: References,
  report: Report,
): NotifyStep[] {
  const steps: NotifyStep[] = [];
  let before = 0;
  for (const [at, step] of written.entries()) {
    const read = Notify.element.safeParse(step).data;
    if (!read) continue;
    const afterSeconds = read.after === undefined ? 0 : secondsOf(read.after);
    if (afterSeconds < before)
      report.isWrong(['notify', at, 'after'], 'is earlier than the step before it. Put them in their order.');
    before = Math.max(before, afterSeconds);
    if ('call' in read) {
      steps.push({ afterSeconds, call: read.call });
      continue;
    }
    const found =
      typeof read.tell === 'string'
        ? channelFor(read.tell, references)
        : onCallFor(read.tell, references, (words) => report.warn(['notify', at, 'tell'], words));
    if ('wrong' in found) report.isWrong(['notify', at, 'tell', ...(found.at ?? [])], found.wrong);
    else steps.push({ afterSeconds, ...found });
  }
  return steps;
}

type Found = Told | { readonly wrong: string; readonly at?: Path };

function channelFor(name: string, { channels = new Map(), groups }: References): Found {
  const channel = channels.get(name);
  if (channel && !hasAddress(channel))
    return {
      wrong: `"${name}" has no address of its own. Say whom it is to reach: { on_call: …, through: ${name} }, or add one in daypass.yaml.`,
    };
  if (channel) return { channel: name, title: channel.title };
  const reaching = [...channels].filter(([, { reaches }]) => reaches.includes(name)).map(([one]) => one);
  const [only, ...others] = reaching;
  if (only !== undefined && others.length === 0) return { channel: only, title: name };
  if (only !== undefined)
    return {
      wrong: `"${name}" is reached by several channels: ${reaching.join(', ')}. Name one, or give each its step.`,
    };
  if (groups.includes(name))
    return {
      wrong: `no channel reaches "${name}". Add the group to "reaches" of one, under "channels" in daypass.yaml.`,
    };
  const known = [...channels.keys(), ...new Set([...channels.values()].flatMap(({ reaches }) => reaches))];
  return {
    wrong: `there is no channel "${name}". ${suggestion(name, known, 'The channels are') || 'daypass.yaml names them under "channels".'}`,
  };
}

/** @param warn told of those whom the channel cannot reach */
function onCallFor(
  { on_call: onCall, through }: z.output<typeof OnCall>,
  { schedules = new Map(), channels = new Map() }: References,
  warn: (words: string) => void,
): Found {
  const schedule = schedules.get(onCall);
  if (!schedule)
    return {
      at: ['on_call'],
      wrong:
        `there is no schedule "${onCall}". ${suggestion(onCall, [...schedules.keys()], 'The schedules are')}`.trim(),
    };
  const channel = channels.get(through);
  if (!channel)
    return {
      at: ['through'],
      wrong:
        `there is no channel "${through}". ${suggestion(through, [...channels.keys()], 'The channels are')}`.trim(),
    };
  const unreached = [...schedule.contacts.values()].filter((person) => !reaches(channel, person));
  if (unreached.length > 0)
    warn(
      `"${through}" cannot reach ${unreached.map(({ called }) => called).join(', ')}. In daypass.yaml, under the "people" of "${onCall}": { subject: …, ${channel.kind}: … }.`,
    );
  return { channel: through, onCall, title: `whoever is on call (${onCall})` };
}

/** Those that tell somebody, with their places. */
export function deliverySteps(steps: readonly NotifyStep[] = []): PlannedStep[] {
  return steps.flatMap((one, step) => {
    if ('call' in one) return [];
    const { afterSeconds, channel, onCall } = one;
    return [{ step, afterSeconds, channel, ...(onCall === undefined ? {} : { onCall }) }];
  });
}

/** The steps as people see them. */
export function presentSteps(steps: readonly NotifyStep[]): TellingPlan {
  return steps.map((step) => ({
    afterSeconds: step.afterSeconds,
    ...('call' in step ? { call: step.call } : { tell: step.title }),
  }));
}
