// Which clients are made to wait, by which limit and for how long: so that the log can name the few that wait most.
// Each keeps its own tally, made when it waits for the first time, so that nothing is spent on those that never do.
// What one had that has gone meanwhile is kept for its return, of a bounded number of them.

import type { DeviceClient, DeviceHandle } from './device-handle.ts';
import { quotaBounds } from './quota-bounds.ts';
import { type QuotaReason, type QuotaReasonName, quotaReason, quotaReasonNames } from './verdict.ts';

const NAME_LENGTH_MAX = 256;

/** Of one client, since the sums were last begun anew. */
export class DelayTally {
  /** Messages that had to wait. */
  times = 0;
  /** Without the wait that is under way. */
  waitedMs = 0;
  isWaiting = false;
  sinceMs = 0;
  /** What it waits for, or has waited for last. */
  limit: QuotaReason = quotaReason.none;

  waitedMsAt(nowMs: number): number {
    return this.waitedMs + (this.isWaiting ? nowMs - this.sinceMs : 0);
  }
}

export interface DelayedClient {
  readonly client: string;
  readonly user?: string;
  readonly group: string;
  readonly limit: QuotaReasonName;
  /** Messages that began to wait. */
  readonly times: number;
  readonly waitedMs: number;
}

export interface DelayStatus {
  /** Since the sums were last begun anew. */
  readonly delayedClients: number;
  /** At most `quotaBounds.namedClients`, the longest wait first, without those of the next two. */
  readonly mostDelayed: readonly DelayedClient[];
  /** Those that have used up what they may send in a day, and wait for the next one. */
  readonly waitingForDay: number;
  readonly someWaitingForDay: readonly DelayedClient[];
}

interface Left {
  readonly names: Names;
  readonly tally: DelayTally;
}

type Names = Pick<DelayedClient, 'client' | 'user' | 'group'>;

export class DelayedClients {
  /** By device, as the engine knows it. */
  readonly #left = new Map<string, Left>();

  opened(handle: DeviceHandle): void {
    const { deviceKey } = handle.client;
    handle.delays = this.#left.get(deviceKey)?.tally ?? null;
    this.#left.delete(deviceKey);
  }

  /** Repeatable for the same message. */
  began(handle: DeviceHandle, nowMs: number): void {
    handle.delays ??= new DelayTally();
    const tally = handle.delays;
    tally.limit = handle.reason;
    if (tally.isWaiting) return;
    tally.isWaiting = true;
    tally.sinceMs = nowMs;
    tally.times++;
  }

  ended({ delays: tally }: DeviceHandle, nowMs: number): void {
    if (tally === null || !tally.isWaiting) return;
    tally.waitedMs = tally.waitedMsAt(nowMs);
    tally.isWaiting = false;
  }

  closed(handle: DeviceHandle, nowMs: number): void {
    this.ended(handle, nowMs);
    const { client, delays: tally } = handle;
    handle.delays = null;
    if (tally === null || tally.times + tally.waitedMs === 0) return;
    this.#left.set(client.deviceKey, { names: namesOf(client), tally });
    if (this.#left.size > quotaBounds.delayedLeftMax) this.#forgetLeast();
  }

  /** Looks at every connection: not for the path of a message. */
  status(handles: Iterable<DeviceHandle>, nowMs: number): DelayStatus {
    const [most, forDay] = [new Longest(), new Longest()];
    for (const { client, delays } of handles) {
      if (delays === null || (delays.times === 0 && !delays.isWaiting)) continue;
      const waitsForDay = delays.isWaiting && delays.limit === quotaReason.dailyBytes;
      (waitsForDay ? forDay : most).add(client, delays, nowMs);
    }
    for (const { names, tally } of this.#left.values()) most.add(names, tally, nowMs);
    return {
      delayedClients: most.count + forDay.count,
      mostDelayed: most.list(),
      waitingForDay: forDay.count,
      someWaitingForDay: forDay.list(),
    };
  }

  /** Waits that are under way count from here on. */
  beginAnew(handles: Iterable<DeviceHandle>, nowMs: number): void {
    this.#left.clear();
    for (const handle of handles) {
      const tally = handle.delays;
      if (tally === null) continue;
      tally.times = 0;
      tally.waitedMs = 0;
      tally.sinceMs = nowMs;
      if (!tally.isWaiting) handle.delays = null;
    }
  }

  #forgetLeast(): void {
    const entries = [...this.#left];
    const [key] = entries.reduce((a, b) => (a[1].tally.waitedMs <= b[1].tally.waitedMs ? a : b));
    this.#left.delete(key);
  }
}

/** The few that waited longest. */
class Longest {
  readonly #few: { who: DeviceClient | Names; tally: DelayTally; waitedMs: number }[] = [];
  count = 0;

  add(who: DeviceClient | Names, tally: DelayTally, nowMs: number): void {
    this.count++;
    const waitedMs = tally.waitedMsAt(nowMs);
    const few = this.#few;
    const isFull = few.length >= quotaBounds.namedClients;
    if (isFull && waitedMs <= few[few.length - 1].waitedMs) return;
    if (isFull) few.pop();
    few.push({ who, tally, waitedMs });
    few.sort((a, b) => b.waitedMs - a.waitedMs);
  }

  list(): DelayedClient[] {
    return this.#few.map(({ who, tally: { limit, times }, waitedMs }) => ({
      ...('deviceKey' in who ? namesOf(who) : who),
      limit: quotaReasonNames[limit],
      times,
      waitedMs: Math.round(waitedMs),
    }));
  }
}

/** They come from devices, and may be long. */
function namesOf({ deviceKey, user, group }: DeviceClient): Names {
  return { client: cut(deviceKey), ...(user === '' ? {} : { user: cut(user) }), group };
}

function cut(name: string): string {
  return name.length <= NAME_LENGTH_MAX ? name : `${name.slice(0, NAME_LENGTH_MAX)}...`;
}
