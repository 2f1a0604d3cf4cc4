import * as z from 'zod';

/** What a stage is started with. */
export const Wishes = z.object({
  /** File name and text. */
  templates: z.record(z.string(), z.string()).default({}),
  /** Settings of the production database. */
  shopSettings: z.record(z.string(), z.string()).default({}),
});
export type Wishes = z.input<typeof Wishes>;

const Reached = z.object({ port: z.int(), password: z.string() });

/** How a stage that is up is reached. */
export const Description = z.object({
  url: z.string(),
  /** Ana's. */
  token: z.string(),
  /** The production database, as its superuser. */
  shop: Reached,
  /** The broker's own database, as the role that the broker works as. */
  state: Reached,
});
export type Description = z.infer<typeof Description>;

export const Failure = z.object({ failure: z.string() });
export const Queries = z.object({ queries: z.int() });
