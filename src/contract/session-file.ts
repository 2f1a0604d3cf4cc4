import * as z from 'zod';
import { Id, Instant } from './values.ts';

/**
 * `session.json` in a credential's folder: all that the extension tells the launcher, and the only way they speak.
 * The extension replaces it atomically; the launcher watches it. Nothing in it is secret.
 */
export const SessionFile = z
  .object({
    version: z.literal(1),
    /** First lines of the terminal, already in people's words. */
    heading: z.array(z.string()),
    state: z.discriminatedUnion('is', [
      /** Approval is pending: the launcher shows `heading` and waits. */
      z.object({ is: z.literal('waiting') }),
      /** The folder holds a credential. `deadline` is `expiresAt` on this machine's clock, offset already applied. */
      z.object({
        is: z.literal('open'),
        leaseId: Id,
        expiresAt: Instant,
        deadline: Instant,
        environment: z.record(z.string(), z.string()),
      }),
      /** It is over; `lines` say what happened. Sent again with more lines once the target has confirmed. */
      z.object({ is: z.literal('over'), lines: z.array(z.string()), final: z.boolean() }),
    ]),
  })
  .meta({ id: 'SessionFile' });
export type SessionFile = z.infer<typeof SessionFile>;
