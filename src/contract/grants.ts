import * as z from 'zod';
import { Lease, LiveConnection } from './leases.ts';
import { Person } from './people.ts';
import { BrokenGlass, Comment } from './requests.ts';
import { Template } from './templates.ts';
import { Duration, Id, Instant } from './values.ts';

export const GrantState = z.enum(['approved', 'active', 'lapsed', 'ended', 'expired', 'revoked']);
export type GrantState = z.infer<typeof GrantState>;

/** Somebody's look at it after it ended. */
export const Review = z.object({ by: Person, at: Instant, comment: z.string() }).meta({ id: 'Review' });
export type Review = z.infer<typeof Review>;

export const Grant = z
  .object({
    id: Id,
    requestId: Id,
    state: GrantState,
    holder: Person,
    template: Template,
    duration: Duration,
    asked: Duration.optional().meta({ description: 'What was asked for, where an approval shortened it.' }),
    reason: z.string(),
    ticket: z.string().optional(),
    approvedBy: z.array(Person),
    automatic: z.string().optional().meta({ description: 'Why it was approved without anybody, in words.' }),
    brokenGlass: BrokenGlass.extend({ review: Review.optional() })
      .optional()
      .meta({ description: 'It was given without approval, and is owed a review until it has one.' }),
    createdAt: Instant,
    activateBy: Instant.meta({ description: 'An approved grant that has no lease by then lapses.' }),
    activatedAt: Instant.optional(),
    expiresAt: Instant.optional().meta({ description: 'Set by the first lease; never moves later.' }),
    endedAt: Instant.optional(),
    endedBy: Person.optional().meta({ description: 'Who ended or revoked it; absent when the clock did.' }),
    comment: z.string().optional().meta({ description: 'What whoever revoked it said.' }),
    leases: z.array(Lease),
    settled: z.boolean().meta({ description: 'Over, and every lease is confirmed closed at the target.' }),
    version: z.int(),
    may: z.object({ openTerminal: z.boolean(), end: z.boolean(), revoke: z.boolean(), review: z.boolean() }),
  })
  .meta({ id: 'Grant' });
export type Grant = z.infer<typeof Grant>;

export const GrantList = z.object({ grants: z.array(Grant) }).meta({ id: 'GrantList' });

export const Revocation = z.object({ comment: Comment }).strict().meta({ id: 'Revocation' });
export type Revocation = z.infer<typeof Revocation>;

export const NewReview = z.object({ comment: Comment }).strict().meta({ id: 'NewReview' });
export type NewReview = z.infer<typeof NewReview>;

export const ConnectionList = z
  .object({
    connections: z.array(LiveConnection),
    unknownAt: z
      .array(z.string())
      .default([])
      .meta({ description: 'Replicas that could not be asked: there may be more connections at them.' }),
    asOf: Instant,
  })
  .meta({ id: 'ConnectionList', description: 'Live connections as the target sees them.' });
export type ConnectionList = z.infer<typeof ConnectionList>;
