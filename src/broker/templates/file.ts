import * as z from 'zod';
import { misleads } from '../../contract/plain-text.ts';
import { TemplateId } from '../../contract/templates.ts';
import { plainText } from '../../contract/values.ts';
import { durationBetween, GroupName } from '../config/pieces.ts';
import { HoursFile } from './hours.ts';
import { CapFile } from './policy.ts';
import { linkProblem } from './ticket-link.ts';
import { Notify } from './notify.ts';
import { patternProblem } from './ticket.ts';

const Groups = z.array(GroupName).min(1);

const Documentation = z
  .string()
  .max(2000)
  .refine((text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    return (
      /^https?:\/\//.test(text) && !!url && url.username === '' && url.password === '' && !misleads(text)
    );
  }, 'should be a complete address that begins with https://.')
  .meta({ pattern: '^https?://' });

const Ticket = z.strictObject({
  pattern: z
    .string()
    .min(1)
    .superRefine((pattern, context) => {
      const problem = patternProblem(pattern);
      if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
    })
    .meta({
      description:
        'A regular expression that the whole ticket must match. In single quotes, where \\ is just a \\.',
      examples: ['INC-\\d+'],
    }),
  required: z
    .boolean()
    .default(true)
    .meta({ description: 'Whether there must be a ticket; true unless said.' }),
  hint: plainText({ min: 1, max: 80 })
    .optional()
    .meta({ description: 'What people see where they type it.', examples: ['The incident, like INC-2231'] }),
  link: z
    .string()
    .max(500)
    .superRefine((link, context) => {
      const problem = linkProblem(link);
      if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
    })
    .optional()
    .meta({
      description: 'Where the ticket is read, with {ticket} in its place. Only https.',
      examples: ['https://issues.shop.example/browse/{ticket}'],
    }),
});

const signIn = {
  within: durationBetween('PT1M', 'PT24H')
    .optional()
    .meta({ description: 'How long ago somebody signed in at most.', examples: ['PT15M'] }),
  acr: z
    .array(
      z
        .string()
        .max(255)
        .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'should be one word, without quotes.'),
    )
    .min(1)
    .max(10)
    .optional()
    .meta({
      description:
        'Contexts of sign-in (acr) that count, as the identity provider calls them: one of these. Absent: any, so that ' +
        'a second factor is left to the provider.',
      examples: [['mfa']],
    }),
};

const Mfa = z.strictObject({
  ...signIn,
  at: z
    .array(z.enum(['request', 'activation']))
    .min(1)
    .default(['request', 'activation'])
    .meta({
      description:
        'Whether it is looked at when somebody asks, when a terminal is opened, or both; both unless said.',
      examples: [['activation']],
    }),
});

const Approvers = Groups.meta({
  description: 'Groups whose members approve; never the requester.',
  examples: [['payments-leads']],
});
const HowMany = z.int().min(1).max(5);
const howMany = { description: 'How many different people of them; 1 unless said.', examples: [2] };

const Automatic = z
  .strictObject({
    on_call: z
      .string()
      .optional()
      .meta({ description: 'Whoever is on call by this schedule of daypass.yaml.', examples: ['payments'] }),
    up_to: durationBetween('PT1M', 'PT24H')
      .optional()
      .meta({ description: 'For no longer than this.', examples: ['PT15M'] }),
    hours: HoursFile.optional().meta({
      description: 'Within these hours.',
      examples: [{ days: ['mon', 'fri'], from: '09:00', until: '17:00', zone: 'Europe/Berlin' }],
    }),
    a_day: CapFile.optional().meta({
      description: 'How often within 24 hours.',
      examples: [{ of_person: 2, in_total: 10 }],
    }),
  })
  .refine(({ on_call, up_to }) => on_call !== undefined || up_to !== undefined, {
    error: 'should say whom or what it is for: "on_call", "up_to", or both.',
  });

const Approve = z.strictObject({
  by: Approvers.optional(),
  number: HowMany.optional().meta(howMany),
  all_of: z
    .array(z.strictObject({ by: Approvers, number: HowMany.default(1).meta(howMany) }))
    .min(2)
    .max(5)
    .optional()
    .meta({
      description: 'Where it takes people of different groups, each of these; instead of "by".',
      examples: [[{ by: ['payments-leads'] }, { by: ['security'] }]],
    }),
  never: Groups.optional().meta({
    description: 'Groups whose members do not approve, whatever else they are in.',
    examples: [['contractors']],
  }),
  automatic: z
    .array(Automatic)
    .min(1)
    .max(10)
    .optional()
    .meta({
      description: 'When it needs nobody: all that one of these says.',
      examples: [[{ on_call: 'payments', up_to: 'PT30M' }]],
    }),
  mfa: z
    .strictObject(signIn)
    .optional()
    .meta({
      description: 'The sign-in that it takes to approve.',
      examples: [{ within: 'PT15M', acr: ['mfa'] }],
    }),
});

const BreakGlass = z.strictObject({
  by: Groups.meta({ description: 'Groups whose members may.', examples: [['sre']] }),
  after: durationBetween('PT1M', 'PT12H')
    .optional()
    .meta({
      description: 'How long a request must have waited for an answer; absent: not at all.',
      examples: ['PT5M'],
    }),
  longest: durationBetween('PT1M', 'PT24H').meta({
    description: 'The longest that is given; shorter than with approval.',
    examples: ['PT15M'],
  }),
  acr: signIn.acr,
});

/**
 * A template as it is written, for a target whose scopes have this schema. Descriptions and examples are what editors
 * show; keep them for people.
 */
export function templateFile<Scope extends z.ZodType>(scope: Scope) {
  return z
    .strictObject({
      template: TemplateId.meta({
        description: 'Its name for machines: lower-case words joined by hyphens. Never changes.',
        examples: ['shop-read-orders'],
      }),
      title: plainText({ min: 1, max: 60 }).meta({
        description: 'The task, in the words of those who have it.',
        examples: ["Fix one order's status"],
      }),
      summary: plainText({ min: 1, max: 200 }).meta({
        description: 'What it allows, in a sentence that a tired person understands.',
        examples: ['Read the order tables, change nothing.'],
      }),
      target: z.string().meta({ description: 'The target, as daypass.yaml calls it.', examples: ['shop'] }),
      documentation: Documentation.optional().meta({
        description: 'Where the organisation describes the task.',
        examples: ['https://docs.shop.example/runbooks/stuck-orders'],
      }),
      scope,
      duration: z
        .strictObject({
          default: durationBetween('PT1M', 'PT24H').meta({
            description: 'What is preselected.',
            examples: ['PT30M'],
          }),
          longest: durationBetween('PT1M', 'PT24H').meta({
            description: 'The longest possible.',
            examples: ['PT1H'],
          }),
        })
        .meta({ description: 'How long access lasts.', examples: [{ default: 'PT30M', longest: 'PT1H' }] }),
      terminals: z
        .int()
        .min(1)
        .max(10)
        .default(3)
        .meta({ description: 'How many terminals may be open at once under one grant; 3 unless said.' }),
      request: z
        .strictObject({
          by: Groups.meta({
            description: 'Groups whose members may request it.',
            examples: [['engineering']],
          }),
          ticket: Ticket.optional().meta({ description: 'A ticket that a request names; absent: none.' }),
        })
        .meta({ description: 'Who may request it.', examples: [{ by: ['engineering'] }] }),
      mfa: Mfa.optional().meta({
        description: 'The sign-in that it takes to request this and to open a terminal.',
        examples: [{ within: 'PT15M', acr: ['mfa'] }],
      }),
      approve: z.union([z.enum(['nobody']), Approve]).meta({
        description: 'Who must approve: members of these groups, or "nobody".',
        examples: [{ by: ['payments-leads'] }, { by: ['sre'], number: 2 }, 'nobody'],
      }),
      break_glass: BreakGlass.optional().meta({
        description:
          'Who need not wait for approval in an emergency. A fresh sign-in is always asked for; somebody who approves must sign it off afterwards.',
        examples: [{ by: ['sre'], after: 'PT5M', longest: 'PT15M', acr: ['mfa'] }],
      }),
      notify: Notify.optional(),
      revoke: z
        .strictObject({
          by: Groups.meta({ description: 'Groups whose members may revoke.', examples: [['security']] }),
        })
        .optional()
        .meta({
          description: 'Who may end somebody’s access early; absent: those who may approve.',
          examples: [{ by: ['payments-leads', 'security'] }],
        }),
    })
    .meta({ title: 'Daypass template', description: 'Access to production for one task.' });
}

const anyScope: z.ZodType = z.unknown();

/** With any scope: its schema depends on the target. */
export const AnyTemplateFile = templateFile(anyScope);
export type AnyTemplateFile = z.output<typeof AnyTemplateFile>;
