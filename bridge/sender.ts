// Step 5 for one sink: takes batches from the lanes in turn, sends them, and hands each answer back to its
// lane. Decides when not to: no connection, an open circuit, a full window. Everything that can make room or
// work calls `wake`: new records, an answer, a connection, and one timer for the earliest thing that only
// time brings. An idle sender has no timer; the watchdog's runs only while something is in flight.
//
// All state changes happen on the event loop of the bridge thread; a rejected promise in here is a fault of
// the program and ends the thread.

import type { Clock, Timer } from '../config/clock.ts';
import type { BackoffSettings } from './backoff.ts';
import type { SinkState, SinkStatus } from './bridge-messages.ts';
import { type BreakerSettings, CircuitBreaker } from './circuit-breaker.ts';
import type { Flight } from './delivery-ledger.ts';
import type { Forwarder, TakeLimits } from './forwarder.ts';
import { InFlight } from './in-flight.ts';
import { Link } from './link.ts';
import { SendWindow, type WindowSize } from './send-window.ts';
import type { LogFields, LogLevel, SendResult, Sink } from './sinks/sink.ts';
import { Watchdog } from './watchdog.ts';

/** The part of a sink's settings that is the same for every kind of sink. */
export interface SendSettings {
  batch: { maxBytes: number; maxMessages: number; lingerMs: number };
  inFlight: { batchesMax: number; bytesMax: number };
  reconnect: BackoffSettings;
  ackTimeoutMs: number;
  breaker: BreakerSettings;
}

export interface SenderOptions {
  settings: SendSettings;
  sink: Sink;
  forwarders: readonly Forwarder[];
  clock: Clock;
  log: (level: LogLevel, message: string, fields?: LogFields) => void;
  /** The status is another one now. */
  changed: () => void;
}

/** What the sender knows of a status; the books are the forwarders'. */
export type SenderStatus = Omit<
  SinkStatus,
  'sink' | 'recordsDelivered' | 'deadLettered' | 'missing' | 'leftOut'
>;

export class Sender {
  readonly #options: SenderOptions;
  readonly #link: Link;
  readonly #breaker: CircuitBreaker;
  readonly #window: SendWindow;
  readonly #watchdog: Watchdog;
  readonly #inFlight = new InFlight();
  /** The lane whose turn it is. */
  #turn = 0;
  #isStopping = false;
  #timer: { atMs: number; timer: Timer } | null = null;
  #counts = { batchesUpstream: 0, retries: 0, watchdogTrips: 0 };
  #lastError: string | null = null;

  constructor(options: SenderOptions) {
    const { settings, clock, sink, log } = options;
    const { batchesMax, bytesMax } = settings.inFlight;
    this.#options = options;
    this.#breaker = new CircuitBreaker(settings.breaker, clock);
    this.#window = new SendWindow({
      batches: batchesMax,
      batchBytes: Math.min(settings.batch.maxBytes, bytesMax),
    });
    this.#link = new Link({
      sink,
      reconnect: settings.reconnect,
      clock,
      log,
      onUp: () => this.#onUp(),
      onDown: (reason, wasUp) => this.#onDown(reason, wasUp),
    });
    this.#watchdog = new Watchdog({
      timeoutMs: settings.ackTimeoutMs,
      clock,
      bytesSent: () => sink.bytesSent(),
      onStuck: () => this.#onStuck(),
    });
  }

  get status(): SenderStatus {
    return {
      state: this.#state(),
      lastError: this.#lastError,
      inFlightBatches: this.#inFlight.batches,
      inFlightBytes: this.#inFlight.bytes,
      bytesUpstream: this.#options.sink.bytesSent(),
      reconnects: this.#link.reconnects,
      ...this.#counts,
    };
  }

  /** Something happened that may let a batch go, or a connection begin. Cheap when it does not. */
  wake(): void {
    if (this.#isStopping) return;
    const nowMs = this.#options.clock.monotonicMs();
    const waitMs = this.#breaker.waitMs();
    let wakeAtMs: number | null = waitMs > 0 ? nowMs + waitMs : null;
    if (this.#link.state === 'down') {
      wakeAtMs = Math.max(this.#link.connectAtMs, wakeAtMs ?? 0);
      if (wakeAtMs <= nowMs) {
        wakeAtMs = null;
        void this.#link.connect();
        this.#options.changed();
      }
    } else if (this.#link.state === 'up' && wakeAtMs === null) {
      this.#pump();
      wakeAtMs = this.#hasRoom(this.#windowSize()) ? this.#lanesWakeAtMs() : null;
    }
    this.#wakeAt(wakeAtMs);
  }

  /** The sink's connection ended; its unanswered batches come back by themselves. */
  lost(reason: string): void {
    this.#link.lost(reason);
  }

  /** Sends nothing more, waits for what is in flight, closes. Unsent records stay in the log. */
  async stop(deadlineMs: number): Promise<void> {
    const { clock } = this.#options;
    const endMs = clock.monotonicMs() + deadlineMs;
    this.#isStopping = true;
    this.#wakeAt(null);
    const late = Promise.withResolvers<void>();
    const deadline = clock.after(deadlineMs, late.resolve);
    if (this.#link.state === 'up') await Promise.race([this.#inFlight.landed(), late.promise]);
    deadline.clear();
    await this.#link.close(Math.max(0, endMs - clock.monotonicMs()));
    await this.#inFlight.landed(); // the sink has given them all back
    this.#watchdog.rest();
    this.#options.changed();
  }

  #state(): SinkState {
    if (this.#link.state === 'closed') return 'stopped';
    if (this.#breaker.state === 'open') return 'open-circuit';
    return this.#link.state === 'up' ? 'connected' : 'connecting';
  }

  #onUp(): void {
    this.#window.connected();
    this.#options.changed();
    this.wake();
  }

  #onDown(reason: string, wasUp: boolean): void {
    this.#lastError = reason;
    if (wasUp && this.#inFlight.batches > 0) this.#breaker.failed();
    if (this.#inFlight.batches > 0) this.#window.lost();
    this.#options.changed();
    this.wake();
  }

  #onStuck(): void {
    this.#counts.watchdogTrips++;
    this.#options.sink.drop(`nothing acknowledged for ${this.#options.settings.ackTimeoutMs} ms`);
  }

  #windowSize(): WindowSize {
    const { batches, batchBytes } = this.#window.size;
    const batchesMax = this.#breaker.state === 'half-open' ? 1 : this.#link.limits.batchesMax;
    return { batches: Math.min(batches, batchesMax), batchBytes };
  }

  #hasRoom(window: WindowSize): boolean {
    return this.#inFlight.hasRoom(window, this.#options.settings.inFlight.bytesMax);
  }

  #pump(): void {
    const window = this.#windowSize();
    while (this.#hasRoom(window)) {
      const taken = this.#takeInTurn(window.batchBytes);
      if (taken === null) return;
      void this.#send(taken.forwarder, taken.flight);
    }
  }

  /**
   * The next batch of the first lane from `#turn` on that has one; the turn then goes to the lane after it.
   */
  #takeInTurn(batchBytes: number): { forwarder: Forwarder; flight: Flight } | null {
    const { forwarders, settings } = this.#options;
    const limits: TakeLimits = {
      bytesMax: batchBytes,
      messagesMax: settings.batch.maxMessages,
      messageBytesMax: this.#link.limits.messageBytesMax,
      heldBatchesMax: settings.inFlight.batchesMax,
      heldBytesMax: settings.inFlight.bytesMax,
    };
    for (let i = 0; i < forwarders.length; i++) {
      const lane = (this.#turn + i) % forwarders.length;
      const flight = forwarders[lane].take(limits);
      if (flight === null) continue;
      this.#turn = (lane + 1) % forwarders.length;
      return { forwarder: forwarders[lane], flight };
    }
    return null;
  }

  async #send(forwarder: Forwarder, flight: Flight): Promise<void> {
    this.#inFlight.add(flight.bytes);
    this.#watchdog.watch();
    this.#options.changed();
    const result = await this.#options.sink.send(flight.batch!);
    this.#inFlight.remove(flight.bytes);
    this.#judge(result, forwarder.isDraining);
    if (forwarder.settle(flight, result)) this.#counts.retries++;
    if (this.#inFlight.batches === 0) this.#watchdog.rest();
    this.#options.changed();
    this.wake();
  }

  /** `isKnown`: the lane has had a refusal already, and this batch was sent before it came. */
  #judge(result: SendResult, isKnown: boolean): void {
    if (result.kind !== 'retry') {
      this.#watchdog.progressed();
      this.#window.acknowledged();
      this.#breaker.succeeded();
      this.#counts.batchesUpstream++;
    } else if (this.#link.state === 'up' && result.afterMs > 0) {
      this.#watchdog.progressed(); // a refusal is an answer, too
      if (!isKnown) this.#refused(result);
    }
  }

  #refused({ reason, hint }: Extract<SendResult, { kind: 'retry' }>): void {
    const { log } = this.#options;
    this.#lastError = reason;
    this.#breaker.failed();
    if (hint === undefined) log('warn', 'the upstream does not take a batch for now', { reason });
    else log('error', 'the upstream does not let this gateway publish', { reason, hint });
  }

  #lanesWakeAtMs(): number | null {
    const times = this.#options.forwarders.flatMap(({ wakeAtMs }) => wakeAtMs ?? []);
    return times.length === 0 ? null : Math.min(...times);
  }

  #wakeAt(atMs: number | null): void {
    if (this.#timer?.atMs === atMs) return;
    this.#timer?.timer.clear();
    this.#timer = null;
    if (atMs === null) return;
    const { clock } = this.#options;
    const timer = clock.after(Math.max(0, atMs - clock.monotonicMs()), () => {
      this.#timer = null;
      this.wake();
    });
    this.#timer = { atMs, timer };
  }
}
