// How many connections there may be: of one address (IPv6: of one /64), of one user, of one group, and not
// signed in yet; and how many new ones a second from one address. A connection has a ticket on which stands
// what it is counted in, so that whatever becomes of it is taken back exactly once.
//
// All tables are as large as there are connections, but for addresses that connected just now and have none:
// these are remembered until their rate has recovered, up to `idleAddressesMax`. A client that connects again
// while its old connection is still there takes that one's place in the counts: its limit must not lock it
// out.

import type { Clock } from '../../../config/clock.ts';
import type { Config } from '../../../config/settings.ts';
import { addressKey } from '../identity/address-key.ts';
import { Link, LinkedList } from './linked-list.ts';
import { quotaBounds } from './quota-bounds.ts';
import { TokenBucket } from './token-bucket.ts';

/** Why a connection is closed at once, before anything is read of it. */
export const admitRefusals = ['address-connections', 'address-rate', 'pending', 'pending-address'] as const;
export type AdmitRefusal = (typeof admitRefusals)[number];
/** Why a client is not let in; as in ConnectRefusal. */
export const signInRefusals = ['user-connections', 'group-connections'] as const;
export type SignInRefusal = (typeof signInRefusals)[number];

export interface SignIn {
  /** With its tenant. */
  readonly deviceKey: string;
  /** Empty: without a name, and not limited as a user. */
  readonly user: string;
  readonly group: string;
}

class AddressEntry {
  readonly key: string;
  readonly rate = new TokenBucket();
  readonly link: Link<AddressEntry> = new Link<AddressEntry>(this);
  connections = 0;
  pending = 0;

  constructor(key: string) {
    this.key = key;
  }
}

/** What a connection is counted in. */
export class ConnectionTicket {
  address: AddressEntry | null = null;
  isPending = false;
  signIn: SignIn | null = null;
}

export interface ConnectionCounts {
  readonly connections: number;
  readonly pending: number;
  readonly signedIn: number;
  readonly addresses: number;
  readonly users: number;
  readonly groups: number;
  readonly refused: Readonly<Record<AdmitRefusal | SignInRefusal, number>>;
}

export class ConnectionLimits {
  readonly #clock: Clock;
  #limits: Config['quotas']['connections'];
  #groupMax: ReadonlyMap<string, number>;
  readonly #addresses = new Map<string, AddressEntry>();
  /** Without a connection; the longest so first. */
  readonly #idle = new LinkedList<AddressEntry>();
  readonly #users = new Map<string, number>();
  readonly #groups = new Map<string, number>();
  readonly #byDevice = new Map<string, ConnectionTicket>();
  #connections = 0;
  #pending = 0;
  readonly #refused = Object.fromEntries(
    [...admitRefusals, ...signInRefusals].map((why) => [why, 0]),
  ) as Record<AdmitRefusal | SignInRefusal, number>;

  constructor(quotas: Config['quotas'], clock: Clock) {
    this.#clock = clock;
    this.#limits = quotas.connections;
    this.#groupMax = groupMaxOf(quotas);
  }

  /** For connections that are not signed in, as it is now. */
  get pending(): { readonly pendingMax: number; readonly pendingPerAddressMax: number } {
    return this.#limits;
  }

  /** Those there are stay, however many they are. */
  reconfigure(quotas: Config['quotas']): void {
    this.#limits = quotas.connections;
    this.#groupMax = groupMaxOf(quotas);
    const nowMs = this.#clock.monotonicMs();
    for (const { rate } of this.#addresses.values()) rate.set(quotas.connections.newPerAddressPerS, 0, nowMs);
  }

  /**
   * A connection has come from `address` (without its port). Null: it may stay; `ticket` is used for it
   * alone.
   */
  admit(ticket: ConnectionTicket, address: string): AdmitRefusal | null {
    const nowMs = this.#clock.monotonicMs();
    const entry = this.#addressOf(addressKey(address), nowMs);
    const why = this.#whyNot(entry, nowMs);
    if (why !== null) {
      this.#rest(entry);
      return this.#refuse(why);
    }
    entry.rate.take(1, nowMs);
    entry.connections++;
    entry.pending++;
    this.#connections++;
    this.#pending++;
    ticket.address = entry;
    ticket.isPending = true;
    return null;
  }

  /**
   * Its client is known and may connect as far as everybody else is concerned. Null: here too, and it is
   * counted.
   */
  signedIn(ticket: ConnectionTicket, signIn: SignIn): SignInRefusal | null {
    if (ticket.address === null || ticket.signIn !== null) return null;
    const { user, group, deviceKey } = signIn;
    const old = this.#byDevice.get(deviceKey)?.signIn ?? null;
    const { perUserMax } = this.#limits;
    const ofUser = (this.#users.get(user) ?? 0) - (old?.user === user ? 1 : 0);
    if (user !== '' && perUserMax > 0 && ofUser >= perUserMax) return this.#refuse('user-connections');
    const groupMax = this.#groupMax.get(group) ?? 0;
    const ofGroup = (this.#groups.get(group) ?? 0) - (old?.group === group ? 1 : 0);
    if (groupMax > 0 && ofGroup >= groupMax) return this.#refuse('group-connections');
    const replaced = this.#byDevice.get(deviceKey);
    if (replaced !== undefined) this.#signOut(replaced);
    this.#endPending(ticket);
    ticket.signIn = signIn;
    this.#byDevice.set(deviceKey, ticket);
    if (user !== '') count(this.#users, user, 1);
    count(this.#groups, group, 1);
    return null;
  }

  /** The connection has ended, admitted or not. Repeatable. */
  closed(ticket: ConnectionTicket): void {
    const { address } = ticket;
    if (address === null) return;
    this.#endPending(ticket);
    this.#signOut(ticket);
    ticket.address = null;
    this.#connections--;
    address.connections--;
    this.#rest(address);
  }

  counts(): ConnectionCounts {
    return {
      connections: this.#connections,
      pending: this.#pending,
      signedIn: this.#byDevice.size,
      addresses: this.#addresses.size,
      users: this.#users.size,
      groups: this.#groups.size,
      refused: { ...this.#refused },
    };
  }

  #whyNot(entry: AddressEntry, nowMs: number): AdmitRefusal | null {
    const { perAddressMax, pendingMax, pendingPerAddressMax } = this.#limits;
    if (perAddressMax > 0 && entry.connections >= perAddressMax) return 'address-connections';
    if (entry.pending >= pendingPerAddressMax) return 'pending-address';
    if (this.#pending >= pendingMax) return 'pending';
    return entry.rate.waitMs(1, nowMs) > 0 ? 'address-rate' : null;
  }

  #refuse<Why extends AdmitRefusal | SignInRefusal>(why: Why): Why {
    this.#refused[why]++;
    return why;
  }

  #addressOf(key: string, nowMs: number): AddressEntry {
    let entry = this.#addresses.get(key);
    if (entry === undefined) {
      entry = new AddressEntry(key);
      entry.rate.set(this.#limits.newPerAddressPerS, 0, nowMs);
      this.#addresses.set(key, entry);
    }
    this.#idle.remove(entry.link);
    return entry;
  }

  /** Without a connection it is kept only for its rate, until that has recovered or others need the place. */
  #rest(entry: AddressEntry): void {
    if (entry.connections > 0) return;
    this.#idle.push(entry.link);
    const nowMs = this.#clock.monotonicMs();
    for (let link = this.#idle.head; link !== null; link = this.#idle.head) {
      if (this.#idle.size <= quotaBounds.idleAddressesMax && !link.item.rate.isFull(nowMs)) return;
      this.#idle.remove(link);
      this.#addresses.delete(link.item.key);
    }
  }

  #endPending(ticket: ConnectionTicket): void {
    if (!ticket.isPending) return;
    ticket.isPending = false;
    this.#pending--;
    if (ticket.address !== null) ticket.address.pending--;
  }

  #signOut(ticket: ConnectionTicket): void {
    const { signIn } = ticket;
    if (signIn === null) return;
    ticket.signIn = null;
    this.#byDevice.delete(signIn.deviceKey);
    if (signIn.user !== '') count(this.#users, signIn.user, -1);
    count(this.#groups, signIn.group, -1);
  }
}

function count(counts: Map<string, number>, name: string, by: 1 | -1): void {
  const now = (counts.get(name) ?? 0) + by;
  if (now === 0) counts.delete(name);
  else counts.set(name, now);
}

function groupMaxOf({ groups }: Config['quotas']): ReadonlyMap<string, number> {
  return new Map(Object.entries(groups).map(([name, { connectionsMax }]) => [name, connectionsMax]));
}
