import * as z from 'zod';
import { Person } from './people.ts';
import { Telling } from './telling.ts';
import { ApprovalNeed, GlassRule, Template, TemplateId } from './templates.ts';
import { Digest, Duration, Id, Instant, plainText } from './values.ts';

export const Reason = plainText({ min: 8, max: 500 }).meta({ id: 'Reason' });
export const Comment = plainText({ min: 3, max: 500 }).meta({ id: 'Comment' });
export const Ticket = plainText({ min: 1, max: 64 }).meta({ id: 'Ticket' });

export const NewRequest = z
  .object({
    template: TemplateId,
    templateDigest: Digest.meta({ description: 'Of the template as it was shown to the requester.' }),
    duration: Duration,
    reason: Reason,
    ticket: Ticket.optional(),
  })
  .strict()
  .meta({ id: 'NewRequest' });
export type NewRequest = z.infer<typeof NewRequest>;

export const NewDecision = z
  .discriminatedUnion('verdict', [
    z
      .object({
        verdict: z.literal('approve'),
        digest: Digest,
        comment: Comment.optional(),
        duration: Duration.optional().meta({
          description: 'Shorter than asked for. The shortest that somebody approved is what is given.',
        }),
      })
      .strict(),
    z.object({ verdict: z.literal('deny'), digest: Digest, comment: Comment }).strict(),
  ])
  .meta({
    id: 'NewDecision',
    description:
      '`digest` is that of the request as it was shown to whoever decides; another one means that there is something new to look at.',
  });
export type NewDecision = z.infer<typeof NewDecision>;

/** One person's word that they cannot wait for approval. */
export const BreakingGlass = z
  .object({
    digest: Digest.meta({ description: 'Of the request as it was shown, like that of a decision.' }),
    reason: Reason,
  })
  .strict()
  .meta({ id: 'BreakingGlass' });
export type BreakingGlass = z.infer<typeof BreakingGlass>;

export const BrokenGlass = z
  .object({ reason: z.string(), at: Instant })
  .meta({ id: 'BrokenGlass', description: 'Its requester did not wait for approval.' });
export type BrokenGlass = z.infer<typeof BrokenGlass>;

export const Decision = z
  .object({
    by: Person,
    verdict: z.enum(['approve', 'deny']),
    comment: z.string().optional(),
    duration: Duration.optional().meta({ description: 'What an approval shortened it to.' }),
    at: Instant,
  })
  .meta({ id: 'Decision' });
export type Decision = z.infer<typeof Decision>;

/** One person's question or answer on a request. */
export const NewMessage = z
  .object({ text: plainText({ min: 1, max: 500 }) })
  .strict()
  .meta({ id: 'NewMessage' });
export type NewMessage = z.infer<typeof NewMessage>;

export const Message = z
  .object({ id: Id, by: Person, text: z.string(), at: Instant })
  .meta({ id: 'Message' });
export type Message = z.infer<typeof Message>;

export const NewClaim = z
  .object({ from: Id.optional().meta({ description: 'Whose claim is taken over, as it was shown.' }) })
  .strict()
  .meta({ id: 'NewClaim' });
export type NewClaim = z.infer<typeof NewClaim>;

export const Claim = z.object({ by: Person, since: Instant, until: Instant }).meta({
  id: 'Claim',
  description: 'Who looks at it, so that others need not. Everybody may still decide.',
});
export type Claim = z.infer<typeof Claim>;

export const TemplateNow = z
  .discriminatedUnion('is', [
    z.object({
      is: z.literal('changed'),
      changes: z.array(z.string()).meta({ description: 'What is different now, a line each, in words.' }),
      allowsLess: z.boolean().meta({ description: 'A request made now could not ask for all of it.' }),
    }),
    z.object({ is: z.literal('gone') }),
  ])
  .meta({
    id: 'TemplateNow',
    description:
      'The template is not any more what the request was made under, while it waits. What is approved and given stays what was asked for; one that is gone cannot be approved.',
  });
export type TemplateNow = z.infer<typeof TemplateNow>;

export const RequestState = z.enum(['pending', 'approved', 'denied', 'withdrawn', 'expired', 'refused']);
export type RequestState = z.infer<typeof RequestState>;

export const AccessRequest = z
  .object({
    id: Id,
    state: RequestState,
    requester: Person,
    template: Template,
    duration: Duration,
    reason: z.string(),
    ticket: z.string().optional(),
    ticketLink: z.url({ protocol: /^https$/ }).optional(),
    terms: z
      .array(z.string())
      .optional()
      .meta({ description: 'What it allows, in the target’s own terms, while it waits.' }),
    templateNow: TemplateNow.optional(),
    digest: Digest.meta({
      description:
        'Of what is shown: over requester, template, target, scope, duration, reason and ticket, and over `templateNow`.',
    }),
    createdAt: Instant,
    answerBy: Instant.meta({ description: 'When a pending request expires.' }),
    decisions: z.array(Decision),
    grantId: Id.optional(),
    brokenGlass: BrokenGlass.optional(),
    breakableFrom: Instant.optional().meta({
      description: 'When whoever asked may break the glass; present for them alone, while it is pending.',
    }),
    automatic: z
      .string()
      .optional()
      .meta({ description: 'Why nobody was asked although somebody would approve otherwise, in words.' }),
    askedOf: z
      .array(z.string())
      .meta({ description: 'Names of people known whose approval brings it further.' }),
    stillNeeded: z
      .array(ApprovalNeed)
      .meta({ description: 'Who must still approve while it is pending, all of them.' }),
    messages: z.array(Message).meta({
      description:
        'What was asked and answered while it waits, the first word first; empty once it is settled.',
    }),
    claim: Claim.optional(),
    openOnTarget: z
      .object({
        own: z.array(z.string()).meta({ description: 'Titles of what the requester has open there.' }),
        others: z.int().min(0).meta({ description: 'How many people besides the requester and the reader.' }),
      })
      .meta({ description: 'Active access at the same target now.' }),
    told: z
      .array(Telling)
      .optional()
      .meta({ description: 'Who was told of it and who will be, in the order of the steps.' }),
    version: z.int(),
    may: z.object({
      withdraw: z.boolean(),
      decide: z.boolean().meta({ description: 'To deny it.' }),
      approve: z.boolean().meta({
        description:
          'It waits for them: their approval brings it further, so they are asked, and may claim it.',
      }),
      write: z.boolean().meta({ description: 'To ask and to answer.' }),
    }),
  })
  .meta({ id: 'AccessRequest' });
export type AccessRequest = z.infer<typeof AccessRequest>;

/** What would become of a request that is made now. */
export const Outlook = z
  .discriminatedUnion('is', [
    z.object({ is: z.literal('refused'), why: z.string() }),
    z.object({ is: z.literal('approved'), why: z.string().meta({ description: 'Why nobody is asked.' }) }),
    z.object({
      is: z.literal('asked'),
      needs: z.array(ApprovalNeed),
      people: z.array(z.string()).meta({ description: 'Names of people known to be able to approve.' }),
      missing: z.array(ApprovalNeed).optional().meta({
        description:
          'What they cannot fill together; others may be able to who have not signed in yet. Absent: nothing.',
      }),
      usually: Duration.optional().meta({
        description: 'How long it took lately; absent where there was too little to tell from.',
      }),
      notAutomatic: z
        .array(z.string())
        .meta({ description: 'Why somebody is asked although it can be approved automatically, in words.' }),
      breakGlass: GlassRule.optional().meta({ description: 'Present where the caller may.' }),
    }),
  ])
  .meta({ id: 'Outlook' });
export type Outlook = z.infer<typeof Outlook>;

export const RequestList = z.object({ requests: z.array(AccessRequest) }).meta({ id: 'RequestList' });
