// The connection of one sink: made, lost, and made anew after a wait that grows until one has been stable for
// a while. Has no timer: `connectAtMs` says when the next attempt is due, and the sender calls `connect`
// then.

import type { Clock } from '../config/clock.ts';
import { Backoff, type BackoffSettings } from './backoff.ts';
import type { ConnectResult, LogFields, LogLevel, Sink } from './sinks/sink.ts';

export interface LinkOptions {
  sink: Sink;
  reconnect: BackoffSettings;
  clock: Clock;
  log: (level: LogLevel, message: string, fields?: LogFields) => void;
  /** Batches may be sent. */
  onUp: () => void;
  /** It is down: lost, or not made. */
  onDown: (reason: string, wasUp: boolean) => void;
}

export type LinkState = 'down' | 'connecting' | 'up' | 'closed';
export type LinkLimits = Omit<Extract<ConnectResult, { kind: 'connected' }>, 'kind'>;

export class Link {
  readonly #options: LinkOptions;
  readonly #backoff: Backoff;
  #state: LinkState = 'down';
  #limits: LinkLimits = { messageBytesMax: 0, batchesMax: 1 };
  #connectAtMs = 0;
  #connections = 0;
  #isClosing = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.reconnect, options.clock);
  }

  get state(): LinkState {
    return this.#state;
  }

  /** Of the connection there is, or was last. */
  get limits(): LinkLimits {
    return this.#limits;
  }

  /** While it is down: when to connect (monotonic). */
  get connectAtMs(): number {
    return this.#connectAtMs;
  }

  get reconnects(): number {
    return Math.max(0, this.#connections - 1);
  }

  /** Only while it is down. */
  async connect(): Promise<void> {
    this.#state = 'connecting';
    const result = await this.#options.sink.connect();
    if (this.#isClosing) return;
    if (result.kind === 'retry') this.#refused(result);
    else this.#connected(result);
  }

  /** The sink says that its connection has ended. */
  lost(reason: string): void {
    if (this.#state !== 'up') return;
    if (!this.#isClosing) this.#options.log('warn', 'connection to the upstream lost', { reason });
    this.#retryAfter(0);
    this.#options.onDown(reason, true);
  }

  /** No attempt is made any more. */
  async close(deadlineMs: number): Promise<void> {
    this.#isClosing = true;
    await this.#options.sink.close(deadlineMs);
    this.#state = 'closed';
  }

  #connected(limits: LinkLimits): void {
    this.#state = 'up';
    this.#limits = limits;
    this.#connections++;
    this.#backoff.succeeded();
    this.#options.log('info', 'connected to the upstream');
    this.#options.onUp();
  }

  #refused({ reason, afterMs, hint }: Extract<ConnectResult, { kind: 'retry' }>): void {
    const fields: LogFields = { reason, retryInMs: Math.round(this.#retryAfter(afterMs)) };
    if (hint === undefined) this.#options.log('warn', 'no connection to the upstream', fields);
    else this.#options.log('error', 'the upstream refuses this gateway', { ...fields, hint });
    this.#options.onDown(reason, false);
  }

  #retryAfter(afterMs: number): number {
    this.#state = 'down';
    const delayMs = Math.max(afterMs, this.#backoff.nextDelayMs());
    this.#connectAtMs = this.#options.clock.monotonicMs() + delayMs;
    return delayMs;
  }
}
