// One direction of one connection: takes bytes from the one socket and brings them to the other as late, as slowly or
// not at all as the link's faults say, in order. The end of the stream and a reset travel the same way as bytes.
//
// Bounded: when more than a buffer is under way the source is not read on, and the sender feels it. A thin link
// buffers about a second of its bandwidth (and one read of the socket), a fast one BUFFER_BYTES_MAX. What the kernel
// keeps in its own socket buffers comes on top.

import type { Clock, Timer } from '../../config/clock.ts';
import type { DirectionFaults } from './link-faults.ts';
import type { SharedLine, TurnTaker } from './shared-line.ts';
import { sliceBytesOf, TokenBucket } from './token-bucket.ts';

export interface DirectionCounters {
  /** Bytes that the sender has sent, delivered or not. */
  receivedBytes: number;
  deliveredBytes: number;
  /** Gone in a black hole. */
  swallowedBytes: number;
}

/** What a wire needs of a socket to write to. */
export interface WireSink {
  readonly destroyed: boolean;
  /** False: wait for `drained`. */
  write(chunk: Buffer): boolean;
  end(): unknown;
  resetAndDestroy(): unknown;
}

export interface WireOptions {
  faults: DirectionFaults;
  line: SharedLine;
  source: { pause(): unknown; resume(): unknown };
  sink: WireSink;
  counters: DirectionCounters;
  /** 0 to 1, for the jitter. */
  random: () => number;
  clock: Clock;
  /** As many bytes have come as the faults allow a connection. */
  onSpent: () => void;
}

/** `spent`: everything before it has been delivered, now the connection is to be reset. */
type Ending = 'end' | 'reset' | 'spent';
/** Bytes, or what comes after the last of them; `dueMs` when it has come through the latency. */
interface Held {
  what: Buffer | Ending;
  dueMs: number;
}

const BUFFER_BYTES_MAX = 4 * 1024 * 1024;
const BUFFER_BYTES_MIN = 4 * 1024;
/** Delivered entries at the head of the queue are cut off when there are so many. */
const COMPACT_AT = 1024;

export class Wire implements TurnTaker {
  readonly #options: WireOptions;
  readonly #bucket = new TokenBucket();
  #queue: Held[] = [];
  #head = 0;
  #queuedBytes = 0;
  #lastDueMs = 0;
  /** Bytes still to come before the connection is reset. */
  #allowance: number;
  #timer: Timer | undefined;
  /** The sink takes nothing at the moment. */
  #isBlocked = false;
  #isPaused = false;
  /** Has lost bytes: nothing can come after them. */
  #isDead = false;
  #ending: Ending | undefined;

  constructor(options: WireOptions) {
    this.#options = options;
    this.#allowance = options.faults.resetAfterBytes || Infinity;
  }

  take(chunk: Buffer): void {
    const { faults, counters } = this.#options;
    counters.receivedBytes += chunk.length;
    if (this.#ending !== undefined) return; // after the last byte it was allowed
    if (this.#isDead || faults.isBlackhole) {
      this.#swallow(chunk.length);
      return;
    }
    const allowed = chunk.length < this.#allowance ? chunk : chunk.subarray(0, this.#allowance);
    this.#allowance -= allowed.length;
    if (this.#isClear()) this.#write(allowed);
    else {
      this.#hold(allowed);
      this.wake();
    }
    if (this.#allowance === 0) this.finish('spent');
  }

  /** The source has ended, or was reset. Repeatable: only a reset after an end says something new. */
  finish(ending: Ending): void {
    if (this.#ending === ending || (this.#ending ?? 'end') !== 'end') return;
    this.#ending = ending;
    this.#hold(ending);
    this.wake();
  }

  /** The sink takes bytes again, or is gone and takes no more. */
  drained(): void {
    this.#isBlocked = false;
    this.wake();
  }

  /** Does what can be done now; to be called when the faults have changed. */
  wake(): void {
    this.#timer?.clear();
    this.#timer = undefined;
    if (this.#isDead || this.#options.faults.isBlackhole) this.#swallowHeld();
    while (this.#mayGo()) {
      const { what } = this.#queue[this.#head];
      if (this.#options.faults.bytesPerSecond > 0 && typeof what !== 'string') {
        this.#options.line.join(this);
        break;
      }
      this.#sendHead(Infinity);
    }
    this.#applyBackPressure();
  }

  sendSlice(bytesMax: number): number {
    const sent = this.#mayGo() ? this.#sendHead(bytesMax) : 0;
    this.wake();
    return sent;
  }

  /** Nothing is delivered any more; the sockets are the owner's to close. */
  close(): void {
    this.#timer?.clear();
    this.#options.line.leave(this);
    this.#drop();
    this.#ending = 'reset';
  }

  /** Nothing is in the way, not even other bytes. */
  #isClear(): boolean {
    const { latencyMs, jitterMs, bytesPerSecond, bytesPerSecondEach, isFrozen } = this.#options.faults;
    if (isFrozen || this.#isBlocked || this.#head < this.#queue.length) return false;
    return latencyMs === 0 && jitterMs === 0 && bytesPerSecond === 0 && bytesPerSecondEach === 0;
  }

  /** Whether the head of the queue may go, the shared line aside; otherwise whatever will let it go calls `wake`. */
  #mayGo(): boolean {
    const { faults, clock } = this.#options;
    if (this.#head === this.#queue.length || faults.isFrozen || this.#isBlocked) return false;
    const { what, dueMs } = this.#queue[this.#head];
    const isThrottled = faults.bytesPerSecondEach > 0 && typeof what !== 'string';
    const goesAtMs = isThrottled ? Math.max(dueMs, this.#bucket.freeAtMs) : dueMs;
    const waitMs = goesAtMs - clock.monotonicMs();
    if (waitMs <= 0) return true;
    this.#timer ??= clock.after(waitMs, () => this.wake());
    return false;
  }

  #hold(what: Buffer | Ending): void {
    const { faults, random, clock } = this.#options;
    const lateMs = faults.latencyMs + (faults.jitterMs > 0 ? faults.jitterMs * random() : 0);
    this.#lastDueMs = Math.max(this.#lastDueMs, clock.monotonicMs() + lateMs);
    this.#queue.push({ what, dueMs: this.#lastDueMs });
    if (typeof what !== 'string') this.#queuedBytes += what.length;
  }

  /** Returns the bytes sent. */
  #sendHead(bytesMax: number): number {
    const { faults, clock } = this.#options;
    const held = this.#queue[this.#head];
    if (typeof held.what === 'string') {
      this.#advance();
      this.#deliverEnding(held.what);
      return 0;
    }
    const chunk = held.what;
    const bytes = Math.min(chunk.length, bytesMax, sliceBytesOf(faults.bytesPerSecondEach));
    if (bytes < chunk.length) held.what = chunk.subarray(bytes);
    else this.#advance();
    this.#queuedBytes -= bytes;
    this.#bucket.take(bytes, faults.bytesPerSecondEach, clock.monotonicMs());
    this.#write(bytes < chunk.length ? chunk.subarray(0, bytes) : chunk);
    return bytes;
  }

  #advance(): void {
    this.#head++;
    if (this.#head === this.#queue.length) this.#drop();
    else if (this.#head >= COMPACT_AT) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }

  #drop(): void {
    this.#queue.length = 0;
    this.#head = 0;
  }

  #write(chunk: Buffer): void {
    const { sink, counters } = this.#options;
    if (sink.destroyed) return; // the far end is gone; it says so on the way back
    counters.deliveredBytes += chunk.length;
    this.#isBlocked = !sink.write(chunk);
    if (this.#isBlocked) this.#applyBackPressure();
  }

  #deliverEnding(ending: Ending): void {
    const { sink, onSpent } = this.#options;
    if (ending === 'spent') onSpent();
    else if (sink.destroyed) return;
    else if (ending === 'end') sink.end();
    else sink.resetAndDestroy();
  }

  #swallow(bytes: number): void {
    this.#isDead = true;
    this.#options.counters.swallowedBytes += bytes;
  }

  #swallowHeld(): void {
    if (this.#head === this.#queue.length) return;
    this.#swallow(this.#queuedBytes);
    this.#queuedBytes = 0;
    this.#drop();
  }

  #applyBackPressure(): void {
    const { faults, source } = this.#options;
    const isFull = !this.#isDead && (this.#isBlocked || this.#queuedBytes >= bufferBytesMax(faults));
    if (isFull === this.#isPaused) return;
    this.#isPaused = isFull;
    if (isFull) source.pause();
    else source.resume();
  }
}

function bufferBytesMax({ bytesPerSecond, bytesPerSecondEach, latencyMs }: DirectionFaults): number {
  const rate = Math.min(bytesPerSecond || Infinity, bytesPerSecondEach || Infinity);
  return Math.min(BUFFER_BYTES_MAX, Math.max(BUFFER_BYTES_MIN, rate * (1 + latencyMs / 1000)));
}
