// Who is let in. At the socket: connection limits. At the CONNECT, in this order: pressure, failures of the address,
// identity, client id, tenant, session owner, will, connections of user and group. Whoever is refused is counted and
// audited here, once; what becomes of the connection is the listener's.
//
// Between two steps that wait the connection may end: nothing is taken for a guest who is gone, and `leave` gives back
// whatever was.

import type { Clock } from '../../config/clock.ts';
import type { Peer } from '../listener/peer.ts';
import type { AccessPolicy } from './access/access-policy.ts';
import type { Mount } from './access/mount.ts';
import type { Audit } from './audit-event.ts';
import { AdmittedClient, Guest } from './guest.ts';
import type { Authenticator } from './identity/authenticator.ts';
import { type FailureThrottle, isFailedSignIn } from './identity/failure-throttle.ts';
import type { ConnectAttempt, ConnectRefusal, Identity, Verified } from './identity/identity.ts';
import type { AdmitRefusal, ConnectionLimits } from './quota/connection-limits.ts';
import type { DeviceLink } from './quota/device-handle.ts';
import type { Quotas } from './quota/quotas.ts';
import type { StoredBytes } from './stored-bytes.ts';

export interface SignInRequest {
  readonly clientId: string;
  readonly version: 3 | 4 | 5;
  readonly username: string | undefined;
  readonly password: Buffer | undefined;
  readonly will: { readonly topic: string; readonly payload: Buffer } | undefined;
  /** How the quotas reach the connection. */
  readonly link: DeviceLink;
}

export type Entrance =
  | { readonly kind: 'accept'; readonly client: AdmittedClient }
  | { readonly kind: 'refuse'; readonly reason: ConnectRefusal };

export interface FrontDoorOptions {
  limits: ConnectionLimits;
  throttle: FailureThrottle;
  authenticator: Pick<Authenticator, 'isProven' | 'verify' | 'mayUseClientId'>;
  policy: AccessPolicy;
  quotas: Quotas;
  stored: StoredBytes;
  pressure: { readonly refusesConnections: boolean };
  /** The user to whom a client id belongs, mounted; undefined: nobody. */
  ownerOf(clientId: string): string | undefined;
  onLeft(client: AdmittedClient): void;
  audit: Audit;
  clock: Clock;
}

export class FrontDoor {
  readonly #options: FrontDoorOptions;
  readonly refused: Partial<Record<ConnectRefusal | AdmitRefusal, number>> = {};

  constructor(options: FrontDoorOptions) {
    this.#options = options;
  }

  /** A connection has come. Null: it is to be closed at once. */
  knock(peer: Peer): Guest | null {
    const guest = new Guest(peer);
    const why = this.#options.limits.admit(guest.ticket, peer.address);
    if (why === null) return guest;
    this.#count(why);
    this.#options.audit.write({ event: 'connect-refused', reason: why, address: peer.address });
    return null;
  }

  /** Never rejects. What it says of a guest who has left meanwhile means nothing. */
  async signIn(guest: Guest, request: SignInRequest): Promise<Entrance> {
    const { clientId, version, username, password } = request;
    const { address, certificate } = guest.peer;
    const attempt: ConnectAttempt = { clientId, version, username, password, address, certificate };
    const verified = await this.#verify(guest, attempt);
    if (verified.kind === 'refuse') return this.#refuse(guest, attempt, verified);
    const judged = guest.isGone ? 'busy' : this.#admit(guest, verified.identity, request);
    if (judged instanceof AdmittedClient) return { kind: 'accept', client: judged };
    return this.#refuse(guest, attempt, { reason: judged });
  }

  /** There is no room for the session, or the will, of one who was let in. */
  refusedLater({ clientId, identity, address }: AdmittedClient, reason: ConnectRefusal): void {
    this.#count(reason);
    const { user } = identity;
    this.#options.audit.write({ event: 'connect-refused', reason, client: clientId, user, address });
  }

  /** The connection has ended, let in or not. Repeatable. */
  leave(guest: Guest): void {
    if (guest.isGone) return;
    guest.isGone = true;
    if (guest.client !== null) {
      this.#options.quotas.close(guest.client.quota);
      this.#options.stored.left(guest.client.records);
      this.#options.onLeft(guest.client);
    }
    this.#options.limits.closed(guest.ticket);
  }

  async #verify(guest: Guest, attempt: ConnectAttempt): Promise<Verified> {
    const { pressure, throttle, authenticator, clock } = this.#options;
    if (pressure.refusesConnections) return { kind: 'refuse', reason: 'busy' };
    if (!authenticator.isProven(attempt)) {
      const decision = throttle.check(attempt.address, clock.monotonicMs());
      if (decision.kind === 'refuse') return { kind: 'refuse', reason: 'too-many-failures' };
      if (decision.kind === 'delay') await new Promise<void>((resolve) => clock.after(decision.ms, resolve));
      if (guest.isGone) return { kind: 'refuse', reason: 'busy' };
    }
    const verified = await authenticator.verify(attempt);
    const nowMs = clock.monotonicMs();
    if (verified.kind === 'refuse') {
      if (isFailedSignIn(verified.reason)) throttle.failed(attempt.address, nowMs);
    } else if (verified.identity.source !== 'anonymous') throttle.succeeded(attempt.address, nowMs);
    return verified;
  }

  #admit(guest: Guest, identity: Identity, request: SignInRequest): AdmittedClient | ConnectRefusal {
    const { policy, authenticator, limits, quotas, ownerOf } = this.#options;
    const { user, group } = identity;
    const { clientId } = request;
    const mount = policy.tenants.mountOf(group);
    if (mount === null) return 'unknown-group';
    if (!authenticator.mayUseClientId(identity, clientId) || !policy.tenants.allowsClientId(mount, clientId))
      return 'client-id';
    const deviceKey = mount.mounted(clientId);
    const owner = ownerOf(deviceKey);
    if (owner !== undefined && owner !== user) return 'session-of-another';
    const authority = policy.authorityOf({ user, clientId, group });
    const { will } = request;
    if (will !== undefined && !authority.mayPublish(will.topic)) return 'will';
    const tooMany = limits.signedIn(guest.ticket, { deviceKey, user, group });
    if (tooMany !== null) return tooMany;
    const quota = quotas.open({
      clientId,
      user,
      group,
      deviceKey,
      version: request.version,
      link: request.link,
    });
    const records = this.#options.stored.entered(quota);
    return this.#enter(guest, { identity, mount, authority, quota, records, ownClientId: clientId });
  }

  #enter(
    guest: Guest,
    parts: Omit<ConstructorParameters<typeof AdmittedClient>[0], 'address'> & { mount: Mount },
  ): AdmittedClient {
    const client = new AdmittedClient({ ...parts, address: guest.peer.address });
    guest.client = client;
    return client;
  }

  #refuse(
    guest: Guest,
    attempt: ConnectAttempt,
    { reason, detail }: { readonly reason: ConnectRefusal; readonly detail?: string },
  ): Entrance {
    if (guest.isGone) return { kind: 'refuse', reason };
    this.#count(reason);
    const user = attempt.certificate?.user ?? attempt.username;
    this.#options.audit.write({
      event: 'connect-refused',
      reason,
      client: attempt.clientId,
      ...(user === undefined ? {} : { user }),
      address: attempt.address,
      object: guest.peer.listener,
      ...(detail === undefined ? {} : { detail }),
    });
    return { kind: 'refuse', reason };
  }

  #count(reason: ConnectRefusal | AdmitRefusal): void {
    this.refused[reason] = (this.refused[reason] ?? 0) + 1;
  }
}
