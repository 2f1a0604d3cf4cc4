import type { Logger } from 'pino';
import type { Config } from './config/config.ts';
import type { Metrics } from './http/metrics.ts';
import type { Integrity } from './integrity/integrity.ts';
import type { Worker } from './leases/worker.ts';
import type { Policy } from './rules/verdict.ts';
import type { Schedules } from './schedules/schedules.ts';
import type { Store } from './store/connect.ts';
import type { Target } from './targets/target.ts';
import type { TemplateSet } from './templates/template.ts';

/** What the resources of the HTTP interface work with. */
export interface Context {
  readonly config: Config;
  readonly store: Store;
  readonly integrity: Integrity;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** The last good set. */
  readonly templates: () => TemplateSet;
  /** What holds for all of them. */
  readonly policy: () => Policy;
  /** Who is on call. */
  readonly schedules: Schedules;
  readonly targets: ReadonlyMap<string, { readonly target: Target; readonly worker: Worker }>;
}
