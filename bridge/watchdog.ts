// Notices "connected, but nothing moves": something is in flight and for timeoutMs neither an acknowledgement
// came nor the network took a byte (a slow link that still takes bytes is slow, not stuck). Has a timer only
// while something is in flight, and does not touch it at every acknowledgement: when it fires, it looks at
// when the last progress was and sleeps for the rest.

import type { Clock, Timer } from '../config/clock.ts';

export interface WatchdogOptions {
  timeoutMs: number;
  clock: Clock;
  /** A number that grows as the network takes bytes. */
  bytesSent: () => number;
  onStuck: () => void;
}

export class Watchdog {
  readonly #options: WatchdogOptions;
  #timer: Timer | null = null;
  #progressAtMs = 0;
  #bytesSent = 0;

  constructor(options: WatchdogOptions) {
    this.#options = options;
  }

  /** Something is in flight; repeatable. */
  watch(): void {
    if (this.#timer !== null) return;
    this.#progressAtMs = this.#options.clock.monotonicMs();
    this.#bytesSent = this.#options.bytesSent();
    this.#arm(this.#options.timeoutMs);
  }

  /** The upstream acknowledged something. */
  progressed(): void {
    this.#progressAtMs = this.#options.clock.monotonicMs();
  }

  /** Nothing is in flight any more. */
  rest(): void {
    this.#timer?.clear();
    this.#timer = null;
  }

  #arm(delayMs: number): void {
    this.#timer = this.#options.clock.after(delayMs, () => this.#look());
  }

  #look(): void {
    const { clock, timeoutMs, bytesSent, onStuck } = this.#options;
    this.#timer = null;
    const sent = bytesSent();
    if (sent !== this.#bytesSent) this.progressed();
    this.#bytesSent = sent;
    const leftMs = this.#progressAtMs + timeoutMs - clock.monotonicMs();
    if (leftMs > 0) this.#arm(leftMs);
    else onStuck();
  }
}
