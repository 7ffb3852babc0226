// A FrontDoor with the parts that it stands on, but for the Authenticator: what that finds out is the test's to say,
// when it says so.

import { AccessPolicy } from '../../../../gateway/admission/access/access-policy.ts';
import type { AuditEvent } from '../../../../gateway/admission/audit-event.ts';
import { type Entrance, FrontDoor, type SignInRequest } from '../../../../gateway/admission/front-door.ts';
import type { AdmittedClient, Guest } from '../../../../gateway/admission/guest.ts';
import { FailureThrottle } from '../../../../gateway/admission/identity/failure-throttle.ts';
import type {
  ConnectAttempt,
  ConnectRefusal,
  Identity,
  Verified,
} from '../../../../gateway/admission/identity/identity.ts';
import { ConnectionLimits } from '../../../../gateway/admission/quota/connection-limits.ts';
import { Quotas } from '../../../../gateway/admission/quota/quotas.ts';
import { StoredBytes } from '../../../../gateway/admission/stored-bytes.ts';
import type { Peer } from '../../../../gateway/listener/peer.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { testConfig } from '../../../support/gateway-settings.ts';

export interface Verification {
  readonly attempt: ConnectAttempt;
  accept(identity?: Partial<Identity>): Promise<void>;
  refuse(reason: ConnectRefusal, detail?: string): Promise<void>;
}

/** A guest at the door, and what becomes of it. */
export class Visit {
  readonly #rig: DoorRig;
  readonly guest: Guest;
  readonly request: SignInRequest;
  entrance: Entrance | null = null;

  constructor(rig: DoorRig, guest: Guest, request: SignInRequest) {
    this.#rig = rig;
    this.guest = guest;
    this.request = request;
    void rig.door.signIn(guest, request).then((entrance) => {
      this.entrance = entrance;
    });
  }

  /** `in`, or why not; `waiting` as long as nothing is decided. */
  get outcome(): string {
    const { entrance } = this;
    if (entrance === null) return 'waiting';
    return entrance.kind === 'accept' ? 'in' : entrance.reason;
  }

  get client(): AdmittedClient {
    if (this.entrance?.kind !== 'accept') throw new Error(`not let in: ${this.outcome}`);
    return this.entrance.client;
  }

  leave(): void {
    this.#rig.door.leave(this.guest);
  }
}

export class DoorRig {
  readonly clock = new FakeClock();
  readonly audited: AuditEvent[] = [];
  readonly left: AdmittedClient[] = [];
  /** By client id, mounted. */
  readonly owners = new Map<string, string>();
  /** Asked of the authenticator and not answered yet. */
  readonly verifications: Verification[] = [];
  readonly pressure = { refusesConnections: false };
  isProven = false;
  readonly policy: AccessPolicy;
  readonly limits: ConnectionLimits;
  readonly quotas: Quotas;
  readonly throttle: FailureThrottle;
  readonly door: FrontDoor;

  constructor(settings: { quotas?: object; access?: object } = {}) {
    const config = testConfig('/nowhere', { ...settings, access: { anonymous: true, ...settings.access } });
    const { clock, audited, left, owners, pressure } = this;
    this.policy = new AccessPolicy(config.access, false);
    this.limits = new ConnectionLimits(config.quotas, clock);
    this.quotas = new Quotas({ config, clock, usage: null });
    this.throttle = new FailureThrottle(config.access.failures);
    this.door = new FrontDoor({
      limits: this.limits,
      throttle: this.throttle,
      policy: this.policy,
      quotas: this.quotas,
      stored: new StoredBytes(null, this.quotas),
      pressure,
      clock,
      authenticator: {
        isProven: () => this.isProven,
        mayUseClientId: (_identity, clientId) => !clientId.startsWith('forbidden'),
        verify: (attempt) => this.#verify(attempt),
      },
      ownerOf: (clientId) => owners.get(clientId),
      onLeft: (client) => left.push(client),
      audit: { write: (event) => audited.push(event) },
    });
  }

  /** Null: closed at once. */
  knock({ address = '192.0.2.1', certificate = null }: Partial<Peer> = {}): Guest | null {
    return this.door.knock({ address, port: 1, listener: 'tcp:1883', certificate });
  }

  /** Knocks and asks to be let in. */
  async visit(request: Partial<SignInRequest> = {}, peer: Partial<Peer> = {}): Promise<Visit> {
    const guest = this.knock(peer);
    if (guest === null) throw new Error('closed at once');
    return await this.signIn(guest, request);
  }

  async signIn(guest: Guest, request: Partial<SignInRequest> = {}): Promise<Visit> {
    const link = { resume: () => {}, keepLatest: () => true };
    const asked = {
      clientId: 'c',
      version: 5,
      username: 'u',
      password: Buffer.from('p'),
      will: undefined,
    } as const;
    const visit = new Visit(this, guest, { ...asked, link, ...request });
    await settled();
    return visit;
  }

  /** A visit of one whom the authenticator knows. */
  async enter(request: Partial<SignInRequest> = {}, identity: Partial<Identity> = {}): Promise<Visit> {
    const visit = await this.visit(request);
    const user = request.username ?? 'u';
    await this.verifications.shift()?.accept({ user, ...identity });
    return visit;
  }

  #verify(attempt: ConnectAttempt): Promise<Verified> {
    return new Promise((resolve) => {
      const answer = (verified: Verified): Promise<void> => {
        resolve(verified);
        return settled();
      };
      this.verifications.push({
        attempt,
        accept: (identity) =>
          answer({
            kind: 'accept',
            identity: { user: attempt.username ?? '', group: 'default', source: 'password', ...identity },
          }),
        refuse: (reason, detail) =>
          answer({ kind: 'refuse', reason, ...(detail === undefined ? {} : { detail }) }),
      });
    });
  }
}

/** Everything that is decided by now has been told. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
