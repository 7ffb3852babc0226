// Who a client is, found out once at its CONNECT (authenticator.ts) and unchanged for the life of the connection.

/** How it was shown. */
export type IdentitySource = 'anonymous' | 'password' | 'hook' | 'certificate';

export interface Identity {
  /** Empty: a client without a name. */
  readonly user: string;
  /** "default" for whoever is in no other. */
  readonly group: string;
  readonly source: IdentitySource;
}

/** What is known of a client that asks to be let in. */
export interface ConnectAttempt {
  readonly clientId: string;
  readonly version: 3 | 4 | 5;
  readonly username: string | undefined;
  readonly password: Buffer | undefined;
  /** IP address of the peer, without its port. */
  readonly address: string;
  /** Verified by TLS; null without a certificate. */
  readonly certificate: { readonly user: string; readonly subject: string } | null;
}

/** Why a client is not let in; in the audit log and in counters under this name. */
export type ConnectRefusal =
  | 'anonymous'
  | 'bad-credentials'
  | 'unknown-user'
  /** The password file or the hook names a group that is not in access.groups. */
  | 'unknown-group'
  | 'user-not-of-certificate'
  | 'client-id'
  | 'session-of-another'
  | 'too-many-failures'
  | 'hook-silent'
  | 'hook-refused'
  | 'busy'
  | 'user-connections'
  | 'group-connections'
  | 'sessions-full'
  | 'wills-full'
  /** Its topic is not the client's to publish to, or it is larger than its messages may be. */
  | 'will';

export type Verified =
  | { readonly kind: 'accept'; readonly identity: Identity }
  /** `detail`: what the reason leaves open, for the audit log. */
  | { readonly kind: 'refuse'; readonly reason: ConnectRefusal; readonly detail?: string };
