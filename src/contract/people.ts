import * as z from 'zod';
import { Id, Instant } from './values.ts';

/** Somebody as others see them. `id` stands for (issuer, subject) and is never an e-mail address. */
export const Person = z.object({ id: Id, name: z.string() }).meta({ id: 'Person' });
export type Person = z.infer<typeof Person>;

export const Me = z
  .object({
    person: Person,
    groups: z.array(z.string()),
    organisation: z.object({
      name: z.string(),
      ask: z.string().optional().meta({ description: 'Whom to ask for access.' }),
    }),
    decides: z.boolean().meta({ description: 'Whether some template asks this person to decide.' }),
    audits: z.boolean().meta({ description: 'May read everything, decide nothing.' }),
    signedInUntil: Instant.meta({ description: 'When the token of this call ends.' }),
  })
  .meta({ id: 'Me' });
export type Me = z.infer<typeof Me>;
