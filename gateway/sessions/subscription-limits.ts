// Whether a client may have one more subscription: as many as are its own, and as many as all devices may have
// together, counted in subscriptions and in the topic levels of which they are made, for these are what memory is spent
// on. What a session has already it keeps, also when it resumes.

import { clientLimits } from '../../config/limits.ts';
import type { SessionPersistence } from '../../storage/sessions/session-persistence.ts';
import type { EngineClient } from './engine-types.ts';
import type { LiveSubscriptions } from './live-subscriptions.ts';

export interface SubscriptionLimitsOptions {
  persistence: SessionPersistence;
  live: LiveSubscriptions;
  /** Of a device for which nothing else holds, and of all together. */
  limits: { subscriptionsMax: number; subscriptionsTotalMax: number };
}

export class SubscriptionLimits {
  readonly #options: SubscriptionLimitsOptions;

  constructor(options: SubscriptionLimitsOptions) {
    this.#options = options;
  }

  /** Null: it may; then a place is taken. `ownMax`: 0 where nothing else than the limit for all holds. */
  whyNot(
    client: EngineClient,
    filter: string,
    ownMax: number,
  ): 'too-many-subscriptions' | 'subscriptions-full' | null {
    if (client.subscriptions[filter] !== undefined) return null;
    const { persistence, limits } = this.#options;
    const isFull = client.connected && this.#areAllTaken();
    const most = isFull ? 0 : ownMax || limits.subscriptionsMax;
    // Of a session that is kept the engine knows a subscription only when it is on disk.
    const granted = persistence.grantSubscription(client.id, filter, most);
    if (granted ?? Object.keys(client.subscriptions).length < most) return null;
    return isFull ? 'subscriptions-full' : 'too-many-subscriptions';
  }

  #areAllTaken(): boolean {
    const { persistence, live, limits } = this.#options;
    const { subscriptionsTotalMax } = limits;
    const levelsMax = subscriptionsTotalMax * clientLimits.levelsPerTopic;
    return [persistence.subscriptionTotals, live].some(
      ({ count, levels }) => count >= subscriptionsTotalMax || levels >= levelsMax,
    );
  }
}
