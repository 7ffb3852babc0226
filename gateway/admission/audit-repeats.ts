// Sums up what repeats, so that a flood of refusals cannot fill the audit log. The first of a kind (event, reason,
// client, user, address) is a line at once; those that follow within 10 s are one line at the end of that time. The
// table is bounded: when there are too many kinds, further ones are summed by address, and in the end by reason
// alone.

import type { AuditEvent } from './audit-event.ts';

export const repeatMs = 10_000;
/** In 10 s; each is two lines at most. */
const KINDS_MAX = 256;
const ADDRESSES_MAX = 256;

export interface SummedEvent {
  readonly event: AuditEvent;
  readonly times: number;
  /** Wall clock: of the first that is in the sum, and the last. */
  readonly firstMs: number;
  readonly lastMs: number;
}

interface Kind {
  /** The latest; of a sum of many kinds, what they have in common. */
  event: AuditEvent;
  times: number;
  firstMs: number;
  lastMs: number;
  readonly dueMs: number;
}

export class AuditRepeats {
  /** In the order in which they are due. */
  readonly #kinds = new Map<string, Kind>();

  get size(): number {
    return this.#kinds.size;
  }

  /** When the next sum is due; undefined when there is none. */
  get dueMs(): number | undefined {
    const [first] = this.#kinds.values();
    return first?.dueMs;
  }

  /** Whether `event` is part of a sum to come; else it is to be told now. `wallMs`: when it happened. */
  add(event: AuditEvent, nowMs: number, wallMs: number): boolean {
    const name = nameOf(event.event, event.reason, event.client, event.user, event.address);
    const known = this.#kinds.get(name);
    if (known !== undefined) {
      known.event = event;
      addTo(known, wallMs, event.times);
      return true;
    }
    const dueMs = nowMs + repeatMs;
    if (this.#kinds.size < KINDS_MAX) {
      this.#kinds.set(name, { event, times: 0, firstMs: wallMs, lastMs: wallMs, dueMs });
      return false;
    }
    this.#addToMany(event, dueMs, wallMs);
    return true;
  }

  /** Those that are due, or with `all` every one, and forgets them. */
  take(nowMs: number, all = false): SummedEvent[] {
    const taken: SummedEvent[] = [];
    for (const [name, kind] of this.#kinds) {
      if (kind.dueMs > nowMs && !all) break;
      this.#kinds.delete(name);
      if (kind.times > 0) taken.push(kind);
    }
    return taken;
  }

  #addToMany({ event, reason, address, times }: AuditEvent, dueMs: number, wallMs: number): void {
    const [byAddress, byReason] = [nameOf('by', event, reason, address), nameOf('by', event, reason)];
    const isRoom = this.#kinds.size < KINDS_MAX + ADDRESSES_MAX;
    const name = address !== undefined && (isRoom || this.#kinds.has(byAddress)) ? byAddress : byReason;
    const kind = this.#kinds.get(name);
    if (kind !== undefined) addTo(kind, wallMs, times);
    else {
      const common = { event, reason, ...(name === byAddress ? { address } : {}) };
      const sum = {
        event: { ...common, detail: 'of several clients' },
        times: 0,
        firstMs: 0,
        lastMs: 0,
        dueMs,
      };
      addTo(sum, wallMs, times);
      this.#kinds.set(name, sum);
    }
  }
}

function addTo(kind: Kind, wallMs: number, times = 1): void {
  if (kind.times === 0) kind.firstMs = wallMs;
  kind.times += times;
  kind.lastMs = wallMs;
}

/** MQTT allows no NUL in any of them. */
function nameOf(...parts: readonly (string | undefined)[]): string {
  return parts.join('\0');
}
