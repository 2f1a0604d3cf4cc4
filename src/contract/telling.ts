import * as z from 'zod';
import { Id, Instant } from './values.ts';

/** Who is told of a request, one after the other, as its template says. */
export const TellingPlan = z
  .array(
    z.union([
      z.object({ afterSeconds: z.int().min(0), tell: z.string() }),
      z.object({ afterSeconds: z.int().min(0), call: z.string() }),
    ]),
  )
  .meta({
    id: 'TellingPlan',
    description: 'Who is told, and whom to call, so long after the request, while nobody has taken it.',
  });
export type TellingPlan = z.infer<typeof TellingPlan>;

/** One step of it for one request, as it stands. */
export const Telling = z
  .discriminatedUnion('is', [
    z.object({ is: z.literal('told'), who: z.string(), at: Instant }),
    z.object({
      is: z.literal('next'),
      who: z.string(),
      at: Instant.meta({ description: 'At the earliest.' }),
    }),
    z.object({ is: z.literal('not reached'), who: z.string(), at: Instant }),
    z
      .object({ is: z.enum(['nobody', 'nobody else']), at: Instant })
      .meta({ description: 'None was known to be on call then, or only those who cannot approve it.' }),
    z.object({ is: z.literal('not needed'), who: z.string() }),
    z.object({ is: z.literal('call'), number: z.string(), at: Instant }),
  ])
  .meta({ id: 'Telling' });
export type Telling = z.infer<typeof Telling>;

/** One message to one channel, for auditors. */
export const Delivery = z
  .object({
    id: Id.meta({ description: 'The `webhook-id`, and the first part of an e-mail’s Message-ID.' }),
    step: z.int().min(0).meta({ description: 'Which of the template’s steps, from 0.' }),
    about: z.enum([
      'asked',
      'claimed',
      'released',
      'partly approved',
      'approved',
      'denied',
      'withdrawn',
      'expired',
      'glass broken',
      'answered',
    ]),
    channel: z.string(),
    onCall: z.string().optional().meta({ description: 'The schedule that said whom it is for.' }),
    person: z.string().optional().meta({ description: 'Subject of whoever was on call and told, or tried.' }),
    state: z.enum(['planned', 'waiting', 'sent', 'failed', 'stopped', 'nobody', 'nobody else']),
    attempts: z.int().min(0),
    plannedAt: Instant.optional(),
    triedAt: Instant.optional(),
    doneAt: Instant.optional(),
    outcome: z.string().optional().meta({ description: 'What the last attempt that failed met.' }),
  })
  .meta({ id: 'Delivery' });
export type Delivery = z.infer<typeof Delivery>;

export const DeliveryList = z.object({ deliveries: z.array(Delivery) }).meta({ id: 'DeliveryList' });
export type DeliveryList = z.infer<typeof DeliveryList>;
