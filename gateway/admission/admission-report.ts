// Once a minute, what admission has kept out, kept as dead letters or made to wait since the last time: one line, and
// none when there was nothing and no step against pressure is in force. So the log tells plainly what devices feel, and
// a quiet gateway stays quiet.
// The few who waited longest are named. One who waits for midnight does nothing new for hours: that is told each hour.

import type { Clock, Timer } from '../../config/clock.ts';
import type { Logger } from '../../config/logger.ts';
import type { AdmissionStatus } from './admission-status.ts';

const REPORT_EVERY_MS = 60_000;
const REMIND_EVERY_MS = 3_600_000;

export type Sums = Readonly<Record<string, Readonly<Record<string, number | undefined>>>>;

export interface AdmissionReportOptions {
  clock: Clock;
  log: Logger;
  status(): AdmissionStatus;
  /** Those who were refused before they were clients, by what and why; since the start. */
  refusedEarly(): Sums;
  /** Who waits, and how long, is counted anew from here on. */
  delaysTold(): void;
}

export class AdmissionReport {
  readonly #options: AdmissionReportOptions;
  #told: Sums = {};
  #toldAtMs = 0;
  #timer: Timer | null = null;

  constructor(options: AdmissionReportOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = this.#options.clock.after(REPORT_EVERY_MS, () => {
      this.tell();
      this.start();
    });
  }

  stop(): void {
    this.#timer?.clear();
    this.#timer = null;
  }

  tell(): void {
    const status = this.#options.status();
    const now: Sums = {
      ...this.#options.refusedEarly(),
      refusedConnections: status.refusedConnections,
      refusedPublishes: status.refusedPublishes,
      deadLetteredPublishes: status.deadLetteredPublishes,
      delayed: status.quotas.delayed,
      dropped: status.quotas.dropped,
      disconnected: status.quotas.disconnected,
      other: { refusedSubscribes: status.refusedSubscribes, sampledAway: status.quotas.sampledAway },
    };
    const news = newsSince(this.#told, now);
    this.#told = structuredClone(now);
    const { delays } = status.quotas;
    const nowMs = this.#options.clock.monotonicMs();
    if (delays.waitingForDay > 0 && nowMs - this.#toldAtMs >= REMIND_EVERY_MS)
      news.waiting = { dailyBytes: delays.waitingForDay };
    const { value, source, taken: steps } = status.pressure;
    if (Object.keys(news).length === 0 && steps.length === 0) return;
    const pressure = { value: Number(value.toFixed(3)), source, steps };
    this.#toldAtMs = nowMs;
    this.#options.delaysTold();
    const waiting = delays.delayedClients > 0 ? { delays } : {};
    this.#options.log.info({ ...news, ...waiting, pressure }, 'kept out or made to wait in the last minute');
  }
}

function newsSince(told: Sums, now: Sums): Record<string, Record<string, number>> {
  const news: Record<string, Record<string, number>> = {};
  for (const [kind, counts] of Object.entries(now)) {
    const grown = Object.entries(counts).flatMap(([reason, count = 0]) => {
      const by = count - (told[kind]?.[reason] ?? 0);
      return by > 0 ? [[reason, by] as const] : [];
    });
    if (grown.length > 0) news[kind] = Object.fromEntries(grown);
  }
  return news;
}
