// What faults do to the link between gateway and upstream, all of them together: a cut in a slow link is both, and each
// of two faults ends by itself. Delays add up, the narrowest line counts, and what stops everything does so as long as
// one of the faults wants it.

import { type DirectionFaults, healthyLink, type LinkFaults } from '../faults/link-faults.ts';

export type LinkHarm = Partial<
  Pick<DirectionFaults, 'bytesPerSecond' | 'latencyMs' | 'jitterMs' | 'isBlackhole' | 'isFrozen'>
> & {
  isRefusing?: boolean;
  /** Only what comes back from the upstream; otherwise both directions. */
  downOnly?: boolean;
};

/** What of a link is needed here. */
export interface HarmedLink {
  set(faults: LinkFaults): void;
  cut(): void;
}

export interface HarmEvents {
  /** Something is wrong with it, and nothing was. */
  broken(): void;
  /** Nothing is wrong with it any more. */
  healed(): void;
}

export class LinkHarms {
  readonly #link: HarmedLink;
  readonly #events: HarmEvents;
  readonly #harms = new Set<LinkHarm>();
  #faults = healthyLink();

  constructor(link: HarmedLink, events: HarmEvents) {
    this.#link = link;
    this.#events = events;
  }

  begin(harm: LinkHarm): void {
    if (this.#harms.size === 0) this.#events.broken();
    this.#harms.add(harm);
    this.#apply();
  }

  /** As it was handed to `begin`. */
  end(harm: LinkHarm): void {
    this.#harms.delete(harm);
    this.#apply();
    if (this.#harms.size === 0) this.#events.healed();
  }

  #apply(): void {
    const before = this.#faults;
    this.#faults = combined(this.#harms);
    this.#link.set(this.#faults);
    // What was lost in a black hole is missing in the streams: connections would stay dead when it is gone.
    if (isOpenAgain(before.up, this.#faults.up) || isOpenAgain(before.down, this.#faults.down))
      this.#link.cut();
  }
}

function isOpenAgain(before: DirectionFaults, after: DirectionFaults): boolean {
  return before.isBlackhole && !after.isBlackhole;
}

function combined(harms: Iterable<LinkHarm>): LinkFaults {
  const faults = healthyLink();
  for (const harm of harms) {
    faults.isRefusing ||= harm.isRefusing ?? false;
    if (harm.downOnly !== true) add(faults.up, harm);
    add(faults.down, harm);
  }
  return faults;
}

function add(faults: DirectionFaults, harm: LinkHarm): void {
  const { bytesPerSecond = 0, latencyMs = 0, jitterMs = 0, isBlackhole = false, isFrozen = false } = harm;
  faults.latencyMs += latencyMs;
  faults.jitterMs += jitterMs;
  if (bytesPerSecond > 0)
    faults.bytesPerSecond = Math.min(bytesPerSecond, faults.bytesPerSecond || bytesPerSecond);
  faults.isBlackhole ||= isBlackhole;
  faults.isFrozen ||= isFrozen;
}
