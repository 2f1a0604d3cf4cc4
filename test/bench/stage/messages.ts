import * as z from 'zod';

/** What a stage is started with. */
export const Wishes = z.object({
  /** File name and text. */
  templates: z.record(z.string(), z.string()).default({}),
  /** Settings of the production database. */
  shopSettings: z.record(z.string(), z.string()).default({}),
  /** How many engineers there are beside Ana. */
  others: z.int().default(0),
  /** How many there are who decide on what engineers ask for. */
  leads: z.int().default(0),
  /** A second broker, as it is shipped and in a process of its own, on the same database and target. */
  secondBroker: z.boolean().default(false),
  /** As many calls as the configuration takes unless it says otherwise; else more than any benchmark makes. */
  usualLimits: z.boolean().default(false),
});
export type Wishes = z.input<typeof Wishes>;

const Reached = z.object({ port: z.int(), password: z.string() });

/** How a stage that is up is reached. */
export const Description = z.object({
  url: z.string(),
  /** Of the second broker; the same as `url` where there is one only. */
  secondUrl: z.string(),
  /** Ana's. */
  token: z.string(),
  /** The other engineers'. */
  otherTokens: z.array(z.string()),
  /** Of those who decide. */
  leadTokens: z.array(z.string()),
  /** The production database, as its superuser. */
  shop: Reached,
  /** The broker's own database, as the role that the broker works as. */
  state: Reached,
  /** What authenticates the records there. */
  integrityKey: z.string(),
});
export type Description = z.infer<typeof Description>;

export const Failure = z.object({ failure: z.string() });
/** Of the broker's process so far: what it keeps in memory (bytes) and the processor time it took (milliseconds). */
export const Usage = z.object({ memory: z.int(), processorMs: z.number() });
export type Usage = z.infer<typeof Usage>;

export const Queries = z.object({ queries: z.int() });

/** Windows to open, one with each token. */
export const Crowded = z.object({ url: z.string(), tokens: z.array(z.string()) });
export type Crowded = z.infer<typeof Crowded>;

/** Of all windows of a crowd so far; `closed` are streams that did not stay open. */
export const CrowdCount = z.object({ told: z.int(), read: z.int(), failed: z.int(), closed: z.int() });
export type CrowdCount = z.infer<typeof CrowdCount>;
