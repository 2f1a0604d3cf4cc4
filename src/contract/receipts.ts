import * as z from 'zod';
import { Id, Instant } from './values.ts';

const Probe = z.object({ at: Instant, sqlstate: z.string(), routine: z.string() });

/** Proof, per lease, that the cut and the clean took hold at the target, and a list of what remains. */
export const Receipt = z
  .object({
    leaseId: Id,
    role: z.string().meta({ description: 'The login at the target that this lease was.' }),
    closedAt: Instant.meta({ description: 'When the login was closed and its connections were ended.' }),
    connectionsEnded: z.int().min(0),
    quietForMs: z
      .int()
      .min(0)
      .meta({ description: 'How long no connection of the lease was seen, at the end of the sweep.' }),
    probe: Probe.meta({
      description: 'A login with a valid password that the target refused because the login is closed.',
    }),
    replicas: z
      .array(z.object({ server: z.string(), quietForMs: z.int().min(0), probe: Probe }))
      .default([])
      .meta({ description: 'The same proofs at each replica of the target.' }),
    standbys: z.array(z.string()).default([]).meta({
      description:
        'Standbys on which the end is not confirmed: whoever was in there may be in there still. The target does not name them.',
    }),
    cleaned: z
      .array(z.object({ database: z.string(), what: z.string() }))
      .meta({ description: 'What the lease had left and what was done about it, in words.' }),
    gone: z.object({ at: Instant, roleAbsent: z.literal(true), ownsNothing: z.literal(true) }),
    remains: z.array(z.string()).meta({ description: 'What could be seen to outlive the lease.' }),
  })
  .meta({ id: 'Receipt' });
export type Receipt = z.infer<typeof Receipt>;
