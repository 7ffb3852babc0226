// What the audit log is told. One plain object a refusal or change; the log adds the time and sums up what repeats.

export interface AuditEvent {
  /** What kind of thing happened; a dead letter was acknowledged and kept, and is not sent on. */
  readonly event:
    | 'connect-refused'
    | 'certificate-refused'
    | 'publish-refused'
    | 'publish-dead-lettered'
    | 'subscribe-refused'
    | 'identity-data';
  /** A short word from a closed set, such as `bad-credentials`. */
  readonly reason: string;
  readonly client?: string;
  readonly user?: string;
  readonly address?: string;
  /** Topic, filter, file or certificate subject. */
  readonly object?: string;
  readonly detail?: string;
  /** How many they were; absent: one. */
  readonly times?: number;
}

export interface Audit {
  /** Never throws and never waits. */
  write(event: AuditEvent): void;
}
