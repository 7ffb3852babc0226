// How clients come by subscriptions and lose them. The session engine asks for each filter of a SUBSCRIBE whether it is
// granted, and stores all of them once for each: what is granted and not stored yet has its place, and is stored once.

import type { SessionContext } from './session-context.ts';
import type { SessionMirror } from './session-mirror.ts';
import type { SessionClient } from './session-packet.ts';
import type { SubscriptionRequest } from './subscriptions.ts';

export class Subscribing {
  readonly #context: SessionContext;
  readonly #mirror: SessionMirror;
  readonly #lastJournaled: () => Promise<void>;
  /** By what is being added. */
  readonly #adding = new Map<SubscriptionRequest[], { client: SessionClient; done: Promise<void> }>();

  /** `lastJournaled`: resolves when everything that has been journaled is on disk. */
  constructor(context: SessionContext, mirror: SessionMirror, lastJournaled: () => Promise<void>) {
    this.#context = context;
    this.#mirror = mirror;
    this.#lastJournaled = lastJournaled;
  }

  /** See SessionPersistence.grantSubscription. */
  grant(clientId: string, filter: string, most: number): boolean | undefined {
    const session = this.#mirror.sessions.get(clientId);
    if (session === undefined) return undefined;
    const { subscriptions, granted } = session;
    if (subscriptions.has(filter) || granted.has(filter)) return true;
    if (subscriptions.size + granted.size >= most) return false;
    granted.add(filter);
    return true;
  }

  async add(client: SessionClient, requests: SubscriptionRequest[]): Promise<void> {
    const underWay = this.#adding.get(requests);
    if (underWay?.client === client) return await underWay.done;
    const done = this.#add(client, requests).finally(() => this.#adding.delete(requests));
    this.#adding.set(requests, { client, done });
    await done;
  }

  async remove(client: SessionClient, filters: string[]): Promise<void> {
    await null; // behind a SUBSCRIBE that came before
    const session = this.#mirror.sessions.get(client.id);
    if (session === undefined || session.isForeign(client)) return;
    await this.#context.journal(this.#mirror.subscriptions.remove(session, filters));
  }

  async #add(client: SessionClient, requests: SubscriptionRequest[]): Promise<void> {
    await null; // the hooks that may still deny one of them run before
    const { sessions, subscriptions } = this.#mirror;
    for (const { topic } of requests) sessions.get(client.id)?.granted.delete(topic);
    if (client.closed || sessions.get(client.id)?.isForeign(client)) return;
    const { session, ops } = sessions.require(client.id);
    const added = [...ops, ...subscriptions.add(session, requests)];
    // Those there were already may still be on their way to the disk.
    await (added.length > 0 ? this.#context.journal(added) : this.#lastJournaled());
  }
}
