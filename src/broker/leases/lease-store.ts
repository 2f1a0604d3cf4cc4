import type { CloseReason } from '../../contract/leases.ts';
import type { Receipt } from '../../contract/receipts.ts';
import { append } from '../audit/append.ts';
import type { Integrity } from '../integrity/integrity.ts';
import * as leases from '../store/lease.ts';
import * as evidences from '../store/lease-evidence.ts';
import * as owed from '../store/lease-owed.ts';
import type { Reservations, Reserved } from '../store/lease-reserve.ts';
import type { Store } from '../store/connect.ts';
import type { Closed, InTheWay, Together } from '../targets/target.ts';
import type { OwedLease } from './settle.ts';

/** What the worker asks of the store, and nothing else. */
export interface LeaseStore {
  owed(target: string): Promise<{ now: Date; leases: OwedLease[] }>;
  openRoles(roles: readonly string[]): Promise<Set<string>>;
  begin(closing: readonly { leaseId: string; reason: CloseReason }[]): Promise<void>;
  /** Beside what is stored already; what is stored then. */
  keepEvidence(
    evidence: ReadonlyMap<string, unknown>,
    together: Together,
  ): Promise<ReadonlyMap<string, unknown>>;
  /** The same leases with the evidence that is stored by now. */
  withEvidence(of: readonly OwedLease[]): Promise<OwedLease[]>;
  /** Those of these that no other broker is proving at this moment; never rejects. */
  reserve(leaseIds: readonly string[]): Promise<Reserved>;
  confirm(leaseId: string, end: { receipt: Receipt } | { absent: string }): Promise<void>;
  noteObstacle(leaseId: string, found: InTheWay): Promise<void>;
  noteRemoved(target: string, result: Closed): Promise<void>;
}

export function leaseStore(
  { db, write, transaction }: Store,
  { reserve }: Pick<Reservations, 'reserve'>,
  integrity: Integrity,
): LeaseStore {
  return {
    reserve,
    owed: (target) => owed.owedLeases(db, integrity, target),
    openRoles: (roles) => owed.openRoles(db, integrity, roles),
    begin: (closing) => transaction('leases closing', (trx) => leases.beginClosing(trx, closing)),
    keepEvidence: (evidence, together) =>
      transaction('evidence kept', (trx) => evidences.keepEvidence(trx, evidence, together)),
    withEvidence: async (of) => {
      const evidence = await evidences.evidenceOf(
        db,
        of.map((lease) => lease.leaseId),
      );
      return of.map((lease) => ({ ...lease, evidence: evidence.get(lease.leaseId) }));
    },
    confirm: async (leaseId, end) => {
      const { forgedAt } = await transaction('lease closed', (trx) =>
        leases.confirmClosed(trx, leaseId, end),
      );
      if (forgedAt === undefined) return;
      const why = 'it stood there before its lease had ended; the true one is in the audit log';
      integrity.alarm({ record: 'receipt', id: leaseId, target: forgedAt, why });
    },
    noteObstacle: (leaseId, found) => leases.noteObstacle({ db, write }, leaseId, found),
    noteRemoved: (target, result) =>
      transaction('stranger noted', (trx) =>
        append(trx, {
          action: 'lease removed',
          actor: null,
          resource: 'broker',
          target,
          detail: { leaseId: result.leaseId, outcome: result.outcome },
        }),
      ),
  };
}
