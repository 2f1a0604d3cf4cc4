import * as z from 'zod';
import { Id, Instant } from './values.ts';

/**
 * What the event stream says (server-sent events; the SSE `event` field is `type`, `data` the rest as JSON).
 * `changed` names a resource and its version and nothing else: the client reads the resource again, so that
 * authorisation stays in the reads. Its SSE `id` is opaque and goes back as `Last-Event-ID`.
 */
export const StreamEvent = z
  .discriminatedUnion('type', [
    z.object({
      type: z.literal('changed'),
      resource: z.enum(['request', 'grant']),
      id: Id,
      version: z.int(),
    }),
    /** The list of templates may have changed. */
    z.object({ type: z.literal('templates') }),
    /** Too much was missed: read everything again. */
    z.object({ type: z.literal('reset') }),
    /** Sent first and every 15 s: the stream lives. */
    z.object({ type: z.literal('alive'), now: Instant }),
    /** The token of this stream is at its end; come back with the next. */
    z.object({ type: z.literal('token-expired') }),
  ])
  .meta({ id: 'StreamEvent' });
export type StreamEvent = z.infer<typeof StreamEvent>;
