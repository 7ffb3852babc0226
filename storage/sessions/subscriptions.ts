// The subscriptions of sessions, by session and by topic. In memory at once, on disk when the returned ops
// are: before SUBACK and UNSUBACK nothing is promised either way (MQTT 5.0 3.8.4, 3.10.4).

import type { Session, Subscription } from './session.ts';
import type { SessionOp, SubscriptionRow } from './session-ops.ts';
import { filterMatches, SubscriptionTrie } from './subscription-trie.ts';

/** What aedes asks to subscribe to, and gets back for a session. */
export interface SubscriptionRequest {
  topic: string;
  qos: number;
  rh?: number;
  rap?: boolean;
  nl?: boolean;
  subscriptionIdentifier?: number;
}

/** What aedes gets for a topic. */
export interface MatchedSubscription extends Partial<SubscriptionRequest> {
  clientId: string;
}

const QOS_MAX = 2;

export class Subscriptions {
  /** Those with QoS 1 and 2: only for them a message is queued. */
  readonly #queueing = new SubscriptionTrie<Subscription>();
  #count = 0;

  get size(): number {
    return this.#queueing.size;
  }

  /** Of all sessions, those with QoS 0 too. */
  get count(): number {
    return this.#count;
  }

  /** Topic levels of those with QoS 1 and 2; what some have in common counts once. */
  get levels(): number {
    return this.#queueing.nodes;
  }

  get version(): number {
    return this.#queueing.version;
  }

  /** Requests with another QoS than 0, 1 and 2 were refused (SUBACK 0x80 and above) and are left out. */
  add(session: Session, requests: SubscriptionRequest[]): SessionOp[] {
    const ops: SessionOp[] = [];
    for (const request of requests) {
      if (request.qos > QOS_MAX) continue;
      // aedes refuses MQTT 5 shared subscriptions after it stored them (MQTT 5.0 4.8.2).
      if (session.protocolVersion === 5 && request.topic.startsWith('$share/')) continue;
      const row = rowOf(session.sid, request);
      const existing = session.subscriptions.get(row.filter);
      if (existing !== undefined && isSame(existing, row)) continue;
      this.restore(session, row);
      ops.push({ kind: 'subscription-put', ...row });
    }
    return ops;
  }

  remove(session: Session, filters: string[]): SessionOp[] {
    const ops: SessionOp[] = [];
    for (const filter of filters) {
      const subscription = session.subscriptions.get(filter);
      if (subscription === undefined) continue;
      session.subscriptions.delete(filter);
      this.#count--;
      this.#queueing.remove(filter, subscription);
      ops.push({ kind: 'subscription-remove', sid: session.sid, filter });
    }
    return ops;
  }

  /** All of a session's, without ops: they end with it. */
  forget(session: Session): void {
    for (const [filter, subscription] of session.subscriptions) this.#queueing.remove(filter, subscription);
    this.#count -= session.subscriptions.size;
    session.subscriptions.clear();
  }

  restore(session: Session, row: SubscriptionRow): void {
    const { sid: _sid, ...rest } = row;
    let subscription = session.subscriptions.get(row.filter);
    if (subscription === undefined) {
      subscription = { session, ...rest };
      session.subscriptions.set(row.filter, subscription);
      this.#count++;
    } else {
      Object.assign(subscription, rest);
      matchedBySubscription.delete(subscription);
    }
    if (row.qos > 0) this.#queueing.add(row.filter, subscription);
    else this.#queueing.remove(row.filter, subscription);
  }

  matching(topic: string): Subscription[] {
    return this.#queueing.match(topic);
  }

  hasMatch(topic: string): boolean {
    return this.#queueing.hasMatch(topic);
  }
}

/** MQTT 5.0 3.8.4: the highest QoS the session's subscriptions grant for the topic, -1 when none matches. */
export function grantedQos(session: Session, topic: string): number {
  let granted = -1;
  for (const subscription of session.subscriptions.values()) {
    if (subscription.qos > granted && filterMatches(subscription.filter, topic)) granted = subscription.qos;
  }
  return granted;
}

/** As aedes's own persistence gives it: the identifier only where there is one. */
export function requestOf(subscription: Subscription): SubscriptionRequest {
  const { filter: topic, qos, rh, rap, nl, subscriptionIdentifier } = subscription;
  const request = { topic, qos, rh, rap, nl };
  return subscriptionIdentifier === undefined ? request : { ...request, subscriptionIdentifier };
}

const matchedBySubscription = new WeakMap<Subscription, MatchedSubscription>();
const sessionByMatched = new WeakMap<MatchedSubscription, Session>();

/** The same object for as long as the subscription is unchanged: this is asked at every publish. */
export function matchedOf(subscription: Subscription): MatchedSubscription {
  const known = matchedBySubscription.get(subscription);
  if (known !== undefined) return known;
  const matched = { clientId: subscription.session.clientId, ...requestOf(subscription) };
  matchedBySubscription.set(subscription, matched);
  sessionByMatched.set(matched, subscription.session);
  return matched;
}

/**
 * The session that `matchedOf` found: it may have ended since, and another one have taken its client's name.
 */
export function sessionOf(matched: MatchedSubscription): Session | undefined {
  return sessionByMatched.get(matched);
}

function rowOf(sid: number, request: SubscriptionRequest): SubscriptionRow {
  const { topic: filter, qos, rh, rap, nl, subscriptionIdentifier } = request;
  return { sid, filter, qos, rh, rap, nl, subscriptionIdentifier };
}

function isSame(a: Subscription, b: SubscriptionRow): boolean {
  if (a.qos !== b.qos || a.rh !== b.rh || a.rap !== b.rap || a.nl !== b.nl) return false;
  return a.subscriptionIdentifier === b.subscriptionIdentifier;
}
