import type { Macs, RecordKind } from './macs.ts';

/** A record that is not as the broker wrote it. */
export interface NotAuthentic {
  readonly record: RecordKind | 'receipt';
  readonly id: string;
  /** Null where it is about none. */
  readonly target: string | null;
  /** What was found, in a few words. */
  readonly why: string;
}

/** How records are told from what somebody else wrote into the database, and who is told of it. */
export interface Integrity {
  readonly macs: Macs;
  /** Raises the alarm, once for each record. */
  readonly alarm: (found: NotAuthentic) => void;
}
