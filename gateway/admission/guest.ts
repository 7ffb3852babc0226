// A connection as admission knows it: from the moment its socket is there, and as a client from the moment it is let
// in.

import type { Peer } from '../listener/peer.ts';
import type { Authority } from './access/authority.ts';
import type { Mount } from './access/mount.ts';
import { TopicVerdicts } from './access/topic-verdicts.ts';
import type { Identity } from './identity/identity.ts';
import { ConnectionTicket } from './quota/connection-limits.ts';
import type { DeviceHandle } from './quota/device-handle.ts';
import type { OwnerOfRecords } from './stored-bytes.ts';
import type { TopicEntry } from './topic-table.ts';

export class Guest {
  readonly peer: Peer;
  readonly ticket = new ConnectionTicket();
  client: AdmittedClient | null = null;
  /** Its connection has ended: what is still being found out about it is of no use any more. */
  isGone = false;

  constructor(peer: Peer) {
    this.peer = peer;
  }
}

/** Who was let in, and what the decision about each of its publishes needs. */
export class AdmittedClient {
  readonly identity: Identity;
  /** As the client knows itself. */
  readonly ownClientId: string;
  /** As the session engine and the log know it: under its mount. */
  readonly clientId: string;
  readonly mount: Mount;
  readonly authority: Authority;
  readonly verdicts: TopicVerdicts;
  readonly quota: DeviceHandle;
  readonly address: string;
  /** Whose bytes its records are while they wait in the log. */
  readonly records: OwnerOfRecords;
  /** The topic that was counted last (quotas.devices.topicsMax). */
  countedTopic: TopicEntry | null = null;

  constructor(options: {
    identity: Identity;
    ownClientId: string;
    mount: Mount;
    authority: Authority;
    quota: DeviceHandle;
    records: OwnerOfRecords;
    address: string;
  }) {
    this.identity = options.identity;
    this.ownClientId = options.ownClientId;
    this.clientId = options.mount.mounted(options.ownClientId);
    this.mount = options.mount;
    this.authority = options.authority;
    this.verdicts = new TopicVerdicts(options.authority);
    this.quota = options.quota;
    this.records = options.records;
    this.address = options.address;
  }

  /** The user to whom its session belongs; empty: nobody's. */
  get owner(): string {
    return this.identity.user;
  }

  /** 0: as many as mqtt.subscriptionsMax says. */
  get subscriptionsMax(): number {
    return this.quota.limits?.subscriptionsMax ?? 0;
  }

  /** `filter`: under its mount, as the session engine has it. */
  maySubscribe(filter: string): boolean {
    const own = this.mount.ownFilter(filter);
    return own !== null && this.authority.maySubscribe(own);
  }

  /** `topic`: under its mount. Asked for each message on its way to the client. */
  mayReceive(topic: string): boolean {
    if (this.authority.everything) return true;
    const own = this.mount.ownTopic(topic);
    return own !== null && this.authority.mayReceive(own);
  }
}
