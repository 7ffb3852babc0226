// Step 5 for one sink: connects, takes batches from the lanes in turn, sends them, and hands each answer back to its
// lane. Decides when not to: waiting before a new attempt, an open circuit, a full window. Everything that
// can make room or work calls `wake`: new records, an answer, a connection, and one timer for the earliest
// thing that only time brings. An idle sender has no timer; the watchdog's runs only while something is in
// flight.
//
// All state changes happen on the event loop of the bridge thread; a rejected promise in here is a fault of the program
// and ends the thread.

import type { Clock, Timer } from '../config/clock.ts';
import { Backoff, type BackoffSettings } from './backoff.ts';
import type { SinkState, SinkStatus } from './bridge-messages.ts';
import { type BreakerSettings, CircuitBreaker } from './circuit-breaker.ts';
import type { Flight } from './delivery-ledger.ts';
import type { Forwarder } from './forwarder.ts';
import { InFlight } from './in-flight.ts';
import { SendWindow } from './send-window.ts';
import type { ConnectResult, LogFields, LogLevel, SendResult, Sink } from './sinks/sink.ts';
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
  name: string;
  settings: SendSettings;
  sink: Sink;
  forwarders: readonly Forwarder[];
  clock: Clock;
  log: (level: LogLevel, message: string, fields?: LogFields) => void;
  /** The status is another one now. */
  changed: () => void;
}

type Link = 'down' | 'connecting' | 'up' | 'stopped';

export class Sender {
  readonly #options: SenderOptions;
  readonly #backoff: Backoff;
  readonly #breaker: CircuitBreaker;
  readonly #window: SendWindow;
  readonly #watchdog: Watchdog;
  readonly #inFlight = new InFlight();
  #link: Link = 'down';
  #limits = { messageBytesMax: 0, batchesMax: 1 };
  /** The lane whose turn it is. */
  #turn = 0;
  #isStopping = false;
  #timer: { atMs: number; timer: Timer } | null = null;
  #connectAtMs = 0;
  #counts = { batchesUpstream: 0, retries: 0, reconnects: 0, watchdogTrips: 0, connects: 0 };
  #lastError: string | null = null;

  constructor(options: SenderOptions) {
    const { settings, clock, sink } = options;
    this.#options = options;
    this.#backoff = new Backoff(settings.reconnect, clock);
    this.#breaker = new CircuitBreaker(settings.breaker, clock);
    const { batchesMax, bytesMax } = settings.inFlight;
    this.#window = new SendWindow({
      batches: batchesMax,
      batchBytes: Math.min(settings.batch.maxBytes, bytesMax),
    });
    this.#watchdog = new Watchdog({
      timeoutMs: settings.ackTimeoutMs,
      clock,
      bytesSent: () => sink.bytesSent(),
      onStuck: () => this.#stuck(),
    });
  }

  get status(): Omit<SinkStatus, 'sink' | 'recordsDelivered' | 'deadLettered' | 'missing'> {
    const { connects: _, ...counts } = this.#counts;
    return {
      state: this.#state(),
      lastError: this.#lastError,
      inFlightBatches: this.#inFlight.batches,
      inFlightBytes: this.#inFlight.bytes,
      bytesUpstream: this.#options.sink.bytesSent(),
      ...counts,
    };
  }

  /** Something happened that may let a batch go, or a connection begin. Cheap when it does not. */
  wake(): void {
    if (this.#isStopping) return;
    const nowMs = this.#options.clock.monotonicMs();
    const waitMs = this.#breaker.waitMs();
    let wakeAtMs: number | null = waitMs > 0 ? nowMs + waitMs : null;
    if (this.#link === 'down') {
      wakeAtMs = Math.max(this.#connectAtMs, wakeAtMs ?? 0);
      if (wakeAtMs <= nowMs) return void this.#connect();
    } else if (this.#link === 'up' && wakeAtMs === null) {
      this.#pump();
      wakeAtMs = this.#inFlight.hasRoom(this.#windowSize(), this.#bytesMax()) ? this.#lanesWakeAtMs() : null;
    }
    this.#wakeAt(wakeAtMs);
  }

  /** The sink's connection ended; its unanswered batches come back by themselves. */
  lost(reason: string): void {
    if (this.#link !== 'up') return;
    this.#lastError = reason;
    if (!this.#isStopping) this.#options.log('warn', 'connection to the upstream lost', { reason });
    if (this.#inFlight.batches > 0) {
      this.#breaker.failed();
      this.#window.lost();
    }
    this.#retryConnect(0);
  }

  /** Sends nothing more, waits for what is in flight, closes. Unsent records stay in the log. */
  async stop(deadlineMs: number): Promise<void> {
    const { clock, sink } = this.#options;
    const endMs = clock.monotonicMs() + deadlineMs;
    this.#isStopping = true;
    this.#wakeAt(null);
    let deadline: Timer | undefined;
    const late = new Promise<void>((resolve) => {
      deadline = clock.after(deadlineMs, resolve);
    });
    if (this.#link === 'up') await Promise.race([this.#inFlight.landed(), late]);
    deadline?.clear();
    await sink.close(Math.max(0, endMs - clock.monotonicMs()));
    await this.#inFlight.landed(); // the sink has given them all back
    this.#watchdog.rest();
    this.#link = 'stopped';
    this.#options.changed();
  }

  #state(): SinkState {
    if (this.#link === 'stopped') return 'stopped';
    if (this.#breaker.state === 'open') return 'open-circuit';
    return this.#link === 'up' ? 'connected' : 'connecting';
  }

  async #connect(): Promise<void> {
    this.#link = 'connecting';
    this.#options.changed();
    const result = await this.#options.sink.connect();
    if (this.#isStopping || this.#link !== 'connecting') return;
    if (result.kind === 'retry') this.#notConnected(result);
    else this.#connected(result);
  }

  #connected(limits: Extract<ConnectResult, { kind: 'connected' }>): void {
    this.#link = 'up';
    this.#limits = limits;
    this.#backoff.succeeded();
    this.#window.connected();
    if (this.#counts.connects++ > 0) this.#counts.reconnects++;
    this.#options.log('info', 'connected to the upstream');
    this.#options.changed();
    this.wake();
  }

  #notConnected({ reason, afterMs, hint }: Extract<ConnectResult, { kind: 'retry' }>): void {
    this.#lastError = reason;
    this.#breaker.failed();
    this.#retryConnect(afterMs);
    const fields: LogFields = {
      reason,
      retryInMs: Math.round(this.#connectAtMs - this.#options.clock.monotonicMs()),
    };
    if (hint === undefined) this.#options.log('warn', 'no connection to the upstream', fields);
    else this.#options.log('error', 'the upstream refuses this gateway', { ...fields, hint });
  }

  #retryConnect(afterMs: number): void {
    this.#link = 'down';
    const delayMs = Math.max(afterMs, this.#backoff.nextDelayMs());
    this.#connectAtMs = this.#options.clock.monotonicMs() + delayMs;
    this.#options.changed();
    this.wake();
  }

  #windowSize(): { batches: number; batchBytes: number } {
    const { batches, batchBytes } = this.#window.size;
    const halfOpen = this.#breaker.state === 'half-open';
    return { batches: halfOpen ? 1 : Math.min(batches, this.#limits.batchesMax), batchBytes };
  }

  #bytesMax(): number {
    return this.#options.settings.inFlight.bytesMax;
  }

  #pump(): void {
    const bytesMax = this.#bytesMax();
    const window = this.#windowSize();
    while (this.#link === 'up' && this.#inFlight.hasRoom(window, bytesMax)) {
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
    const limits = {
      bytesMax: batchBytes,
      messagesMax: settings.batch.maxMessages,
      messageBytesMax: this.#limits.messageBytesMax,
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
    this.#answered(result, forwarder.isDraining);
    if (forwarder.settle(flight, result)) this.#counts.retries++;
    if (this.#inFlight.batches === 0) this.#watchdog.rest();
    this.#options.changed();
    this.wake();
  }

  /** `isKnown`: the lane has had a refusal already, and this batch was sent before it came. */
  #answered(result: SendResult, isKnown: boolean): void {
    if (result.kind !== 'retry') {
      this.#watchdog.progressed();
      this.#window.acknowledged();
      this.#breaker.succeeded();
      this.#backoff.succeeded();
      this.#counts.batchesUpstream++;
    } else if (this.#link === 'up' && result.afterMs > 0) {
      this.#watchdog.progressed(); // a refusal is an answer, too
      if (isKnown) return;
      this.#lastError = result.reason;
      this.#breaker.failed();
      const { reason, hint } = result;
      if (hint === undefined)
        this.#options.log('warn', 'the upstream does not take a batch for now', { reason });
      else this.#options.log('error', 'the upstream does not let this gateway publish', { reason, hint });
    }
  }

  #stuck(): void {
    this.#counts.watchdogTrips++;
    this.#options.sink.drop(`nothing acknowledged for ${this.#options.settings.ackTimeoutMs} ms`);
  }

  #lanesWakeAtMs(): number | null {
    let earliest: number | null = null;
    for (const { wakeAtMs } of this.#options.forwarders) {
      if (wakeAtMs !== null && (earliest === null || wakeAtMs < earliest)) earliest = wakeAtMs;
    }
    return earliest;
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
