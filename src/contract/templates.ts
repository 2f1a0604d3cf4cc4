import * as z from 'zod';
import { TellingPlan } from './telling.ts';
import { Digest, Duration } from './values.ts';

export const TemplateId = z
  .string()
  .regex(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/, 'Lower-case words joined by hyphens, e.g. shop-read-orders.')
  .max(40)
  .meta({ id: 'TemplateId' });

export const ApprovalNeed = z
  .object({ number: z.int().min(1), by: z.array(z.string()) })
  .meta({ id: 'ApprovalNeed', description: 'So many people, each a member of one of these groups.' });
export type ApprovalNeed = z.infer<typeof ApprovalNeed>;

/** What a sign-in must be to count. */
const signInDemand = {
  within: Duration.optional().meta({ description: 'How long ago it may be.' }),
  acr: z
    .array(z.string())
    .optional()
    .meta({ description: 'Contexts of sign-in (`acr`), one of which it takes.' }),
};

/** Access without waiting for approval, for emergencies. */
export const GlassRule = z
  .object({
    by: z.array(z.string()).meta({ description: 'Groups whose members may.' }),
    after: Duration.optional().meta({
      description: 'How long a request must have waited; absent: not at all.',
    }),
    longest: Duration.meta({ description: 'The longest that is given.' }),
  })
  .meta({ id: 'GlassRule' });
export type GlassRule = z.infer<typeof GlassRule>;

/** A template as it is shown to people. A request keeps a copy of it, so what was approved stays what is shown. */
export const Template = z
  .object({
    id: TemplateId,
    title: z.string(),
    summary: z.string(),
    allows: z.array(z.string()).meta({ description: 'What it allows, a line each, in plain words.' }),
    access: z.enum(['read', 'write', 'owner']).meta({ description: 'How much harm it could do at most.' }),
    target: z.object({
      id: z.string(),
      title: z.string(),
      kind: z.literal('postgresql'),
      host: z.string().meta({ description: 'Where people’s machines reach it.' }),
      port: z.int(),
      tls: z.enum(['verify-full', 'verify-ca', 'require', 'off']),
    }),
    documentation: z.url({ protocol: /^https?$/ }).optional(),
    duration: z.object({ default: Duration, longest: Duration }),
    terminals: z.int().min(1).max(10),
    ticket: z
      .object({
        pattern: z.string(),
        required: z.boolean(),
        hint: z.string().optional(),
        link: z.string().optional().meta({ description: 'An address with `{ticket}` in its place.' }),
      })
      .optional()
      .meta({ description: 'A regular expression that the whole ticket must match.' }),
    mfa: z
      .object({ ...signInDemand, at: z.array(z.enum(['request', 'activation'])) })
      .optional()
      .meta({ description: 'The sign-in that a requester needs, and when it is looked at.' }),
    approval: z.object({
      needed: z.int().min(0).meta({ description: 'How many people must approve.' }),
      from: z.array(z.string()).meta({ description: 'Groups that they are members of.' }),
      needs: z
        .array(ApprovalNeed)
        .optional()
        .meta({ description: 'Where it takes people of different groups: how many of which, all of them.' }),
      mfa: z.object(signInDemand).optional().meta({ description: 'The sign-in that an approver needs.' }),
    }),
    breakGlass: GlassRule.optional(),
    notify: TellingPlan.optional(),
    digest: Digest.meta({
      description: 'Of everything that the template says; changes when the template does.',
    }),
  })
  .meta({ id: 'Template' });
export type Template = z.infer<typeof Template>;

export const TemplateList = z
  .object({
    templates: z.array(Template),
    empty: z
      .object({
        forGroups: z.array(z.string()).meta({ description: 'Groups whose members may request something.' }),
        yourGroups: z.array(z.string()),
        ask: z.string().optional(),
      })
      .optional()
      .meta({ description: 'Why the list is empty, if it is.' }),
  })
  .meta({ id: 'TemplateList' });
export type TemplateList = z.infer<typeof TemplateList>;
