// What admission tells of itself: everything it has counted since the start, and how things are now.

import type { AuditCounts } from './audit-log.ts';
import type { ConnectRefusal } from './identity/identity.ts';
import type { PressureStatus } from './pressure/pressure.ts';
import type { AdmitRefusal, ConnectionCounts } from './quota/connection-limits.ts';
import type { QuotaStatus } from './quota/quota-status.ts';

export interface AdmissionStatus {
  readonly connections: ConnectionCounts;
  readonly refusedConnections: Partial<Record<ConnectRefusal | AdmitRefusal, number>>;
  /** By the names of publish-refusal.ts. */
  readonly refusedPublishes: Readonly<Record<string, number>>;
  /** Acknowledged and kept as dead letters, by the same names. */
  readonly deadLetteredPublishes: Readonly<Record<string, number>>;
  readonly refusedSubscribes: number;
  readonly quotas: QuotaStatus;
  readonly pressure: PressureStatus;
  /** Connections that wait for room in the batch. */
  readonly waitingForRoom: number;
  readonly failures: { readonly delayed: number; readonly refused: number };
  readonly audit: { readonly events: AuditCounts; readonly lost: number; readonly failures: number };
}
