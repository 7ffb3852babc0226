// What one client may publish and subscribe to, asked with topics and filters as the client knows them, that is before
// its tenant's name is put before them. Follows the settings: when the policy changes, so do the answers, and
// `version` tells caches of them. What asking costs goes by the levels of the topic, not by the number of rules; it
// allocates nothing.

import type { AccessPolicy, Grants, Subject } from './access-policy.ts';
import { sharedFilterAt } from './mount.ts';
import { isSystem } from './topic-match.ts';

export class Authority {
  readonly #policy: AccessPolicy;
  readonly #subject: Subject;
  #grants: Grants;
  #grantsVersion: number;

  constructor(policy: AccessPolicy, subject: Subject) {
    this.#policy = policy;
    this.#subject = subject;
    this.#grants = policy.grantsOf(subject);
    this.#grantsVersion = policy.version;
  }

  /** Changes whenever an answer may have changed. */
  get version(): number {
    return this.#policy.version;
  }

  /** Everything may be published and subscribed to: there is no need to ask. */
  get everything(): boolean {
    return this.#current.everything && !this.#current.inTenant;
  }

  mayPublish(topic: string): boolean {
    const grants = this.#current;
    if (grants.inTenant && isSystem(topic)) return false; // mount.ts
    return grants.everything || grants.publish.covers(topic) || grants.ownPublish.covers(topic);
  }

  /** One granted filter has to cover it; `$share/name/filter` is judged by its filter (MQTT 5.0 4.8.2). */
  maySubscribe(filter: string): boolean {
    const grants = this.#current;
    if (grants.everything) return true;
    const filterAt = sharedFilterAt(filter);
    if (filterAt < 0) return false;
    const judged = filterAt === 0 ? filter : filter.slice(filterAt);
    return grants.subscribe.covers(judged) || grants.ownSubscribe.covers(judged);
  }

  /**
   * Whether a message of this topic may be delivered: some filter that it may subscribe to now matches. A subscription
   * may be older than the rules, and messages may have waited for it.
   */
  mayReceive(topic: string): boolean {
    const grants = this.#current;
    if (grants.inTenant && isSystem(topic)) return false;
    return grants.everything || grants.subscribe.covers(topic) || grants.ownSubscribe.covers(topic);
  }

  get #current(): Grants {
    if (this.#grantsVersion !== this.#policy.version) {
      this.#grants = this.#policy.grantsOf(this.#subject);
      this.#grantsVersion = this.#policy.version;
    }
    return this.#grants;
  }
}
