import * as z from 'zod';
import { secondsOf } from '../../contract/durations.ts';
import type { TellingPlan } from '../../contract/telling.ts';
import { plainText } from '../../contract/values.ts';
import type { References } from '../config/load.ts';
import { durationBetween } from '../config/pieces.ts';
import type { Report } from '../config/report.ts';
import { suggestion } from '../config/suggest.ts';

/** `notify:` of a template: who is told of a request, one after the other, until somebody has taken it. */

const after = durationBetween('PT1S', 'PT12H')
  .optional()
  .meta({ description: 'How long after the request; absent: at once.', examples: ['PT3M'] });

const Tell = z.strictObject({
  after,
  tell: z
    .string()
    .min(1)
    .max(255)
    .meta({
      description: 'A channel of daypass.yaml, or a group that one of them reaches.',
      examples: ['payments-oncall'],
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
    examples: [[{ tell: 'payments-oncall' }, { after: 'PT3M', tell: 'payments-leads' }]],
  });
export type Notify = z.output<typeof Notify>;

/** A step as the broker takes it; its number is its place in the list. */
export type NotifyStep = { readonly afterSeconds: number } & (
  { readonly channel: string; readonly title: string } | { readonly call: string }
);

/** The steps with their channels, or a report of what is wrong with them. */
export function notifySteps(
  written: readonly unknown[],
  { channels = new Map(), groups }: References,
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
    const found = channelFor(read.tell, channels, groups);
    if ('wrong' in found) report.isWrong(['notify', at, 'tell'], found.wrong);
    else steps.push({ afterSeconds, ...found });
  }
  return steps;
}

function channelFor(
  name: string,
  channels: NonNullable<References['channels']>,
  groups: readonly string[],
): { readonly channel: string; readonly title: string } | { readonly wrong: string } {
  const channel = channels.get(name);
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

/** Those that tell somebody, with their places. */
export function deliverySteps(
  steps: readonly NotifyStep[] = [],
): { readonly step: number; readonly afterSeconds: number; readonly channel: string }[] {
  return steps.flatMap((one, step) =>
    'channel' in one ? [{ step, afterSeconds: one.afterSeconds, channel: one.channel }] : [],
  );
}

/** The steps as people see them. */
export function presentSteps(steps: readonly NotifyStep[]): TellingPlan {
  return steps.map((step) => ({
    afterSeconds: step.afterSeconds,
    ...('call' in step ? { call: step.call } : { tell: step.title }),
  }));
}
