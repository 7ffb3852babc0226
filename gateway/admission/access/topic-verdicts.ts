// What a connection was told about the topics it publishes to, so that access rules are asked once a topic and not once
// a message. Most devices publish to one topic; for those that use more there are a few places, one for each remainder
// of the entry's id. Bounded; nothing is allocated but these places, when a second topic comes.

import type { TopicEntry } from '../topic-table.ts';
import type { Authority } from './authority.ts';

/** A power of two. */
const PLACES = 16;

export class TopicVerdicts {
  readonly #authority: Authority;
  #version = -1;
  #last: TopicEntry | null = null;
  #lastMay = false;
  #entries: (TopicEntry | null)[] | null = null;
  /** One bit for each of `#entries`. */
  #may = 0;

  constructor(authority: Authority) {
    this.#authority = authority;
  }

  mayPublish(topic: TopicEntry): boolean {
    const { version } = this.#authority;
    if (topic === this.#last && version === this.#version) return this.#lastMay;
    if (version !== this.#version) this.#forget(version);
    const may = this.#authority.everything || this.#recall(topic);
    this.#last = topic;
    this.#lastMay = may;
    return may;
  }

  #recall(topic: TopicEntry): boolean {
    const last = this.#last;
    if (last === null) return this.#authority.mayPublish(topic.ownText);
    this.#entries ??= new Array(PLACES).fill(null);
    const place = topic.id & (PLACES - 1);
    const may =
      this.#entries[place] === topic
        ? (this.#may & (1 << place)) !== 0
        : this.#authority.mayPublish(topic.ownText);
    // The one before is put away only now: one that stays the only one needs no place.
    const lastPlace = last.id & (PLACES - 1);
    this.#entries[lastPlace] = last;
    this.#may = this.#lastMay ? this.#may | (1 << lastPlace) : this.#may & ~(1 << lastPlace);
    return may;
  }

  #forget(version: number): void {
    this.#version = version;
    this.#last = null;
    this.#entries?.fill(null);
  }
}
