// Throws sequences at a gateway, many connections at a time, and compares what becomes of each connection with what
// was expected. A connection whose last frame is incomplete is left standing while some hundred others come and go.

import { connect, type Socket } from 'node:net';
import type { Sequence } from './fuzz-sequences.ts';
import { ServerFrames } from './server-frames.ts';

export interface FuzzRun {
  readonly port: number;
  readonly sequences: { at(index: number): Sequence };
  readonly from: number;
  readonly to: number;
  readonly concurrency: number;
  /** Called after each sequence. */
  readonly progress: (done: number) => void;
}

export interface FuzzReport {
  readonly counts: Readonly<Record<string, number>>;
  /** What went wrong, the first few. */
  readonly failures: readonly string[];
}

interface Flight {
  readonly sequence: Sequence;
  readonly socket: Socket;
  readonly frames: ServerFrames;
  readonly sinceMs: number;
  /** How many were done when it was left standing. */
  readonly parkedAt: number | undefined;
}

const FAILURES_MAX = 5;
/** After as many others a connection that waits for more bytes has shown that it stays. */
const OTHERS_BEFORE = 400;
/** The gateway answers in milliseconds; this is only to fail at all. */
const PATIENCE_MS = 20_000;

export class FuzzDriver {
  readonly #run: FuzzRun;
  readonly #flights = new Set<Flight>();
  #parked: Flight[] = [];
  readonly #clients = new Set<string>();
  readonly #deferred: Sequence[] = [];
  readonly #counts: Record<string, number> = { open: 0, ended: 0, waiting: 0, either: 0, turnedAway: 0 };
  readonly #failures: string[] = [];
  readonly #finished = Promise.withResolvers<void>();
  #next: number;
  #done = 0;
  #active = 0;

  constructor(run: FuzzRun) {
    this.#run = run;
    this.#next = run.from;
  }

  async run(): Promise<FuzzReport> {
    const sweep = setInterval(() => this.#sweep(), 1000);
    this.#fill();
    await this.#finished.promise.finally(() => clearInterval(sweep));
    return { counts: this.#counts, failures: this.#failures };
  }

  #fill(): void {
    while (this.#active < this.#run.concurrency) {
      const sequence = this.#pick();
      if (sequence === undefined) break;
      this.#launch(sequence);
    }
    if (this.#active > 0) return;
    for (const flight of this.#parked.splice(0)) this.#settle(flight);
    if (this.#flights.size === 0 && this.#deferred.length === 0) this.#finished.resolve();
  }

  /** The next one whose client is not connected. */
  #pick(): Sequence | undefined {
    const ready = this.#deferred.findIndex(({ clientId }) => !this.#clients.has(clientId));
    if (ready >= 0) return this.#deferred.splice(ready, 1)[0];
    while (this.#next < this.#run.to) {
      const sequence = this.#run.sequences.at(this.#next++);
      if (!this.#clients.has(sequence.clientId)) return sequence;
      this.#deferred.push(sequence);
    }
    return undefined;
  }

  #launch(sequence: Sequence): void {
    const { bytes, clientId, expected, index } = sequence;
    const socket = connect({ port: this.#run.port, host: '127.0.0.1', noDelay: true });
    const parkedAt = expected === 'waiting' || expected === 'either' ? this.#done : undefined;
    const frames = new ServerFrames();
    const flight: Flight = { sequence, socket, frames, sinceMs: performance.now(), parkedAt };
    this.#clients.add(clientId);
    this.#flights.add(flight);
    if (parkedAt === undefined) this.#active++;
    else this.#parked.push(flight);
    socket.on('data', (chunk) => this.#heard(flight, chunk));
    socket.on('error', () => {}); // a reset is one way to end
    socket.on('close', () => this.#closed(flight));
    if (index % 8 === 0) writeInTwo(socket, bytes, index % bytes.length);
    else socket.write(bytes);
  }

  #heard(flight: Flight, chunk: Buffer): void {
    const { frames, sequence } = flight;
    frames.take(chunk);
    if (frames.fault !== undefined) this.#fail(flight, frames.fault);
    else if (sequence.expected === 'open' && frames.pingresps >= sequence.pings) this.#settle(flight);
  }

  #closed(flight: Flight): void {
    const { expected } = flight.sequence;
    if (expected === 'ended' || expected === 'either') this.#settle(flight);
    else if (flight.frames.isTurnedAway) this.#settle(flight, 'turnedAway');
    else this.#fail(flight, 'the gateway ended the connection');
  }

  #settle(flight: Flight, as: string = flight.sequence.expected): void {
    if (this.#flights.has(flight)) this.#counts[as]++;
    this.#remove(flight);
  }

  #fail(flight: Flight, what: string): void {
    if (this.#flights.has(flight) && this.#failures.length < FAILURES_MAX) {
      const { index, expected, why, bytes } = flight.sequence;
      const sent = bytes.subarray(0, 1000).toString('hex');
      this.#failures.push(
        `sequence ${index}, expected ${expected} (${why}): ${what}; ${flight.frames.summary}; sent ${sent}`,
      );
    }
    this.#remove(flight);
  }

  #remove(flight: Flight): void {
    if (!this.#flights.delete(flight)) return;
    this.#clients.delete(flight.sequence.clientId);
    flight.socket.resetAndDestroy();
    this.#done++;
    if (flight.parkedAt === undefined) this.#active--;
    this.#releaseParked();
    this.#run.progress(this.#done);
    setImmediate(() => this.#fill());
  }

  #releaseParked(): void {
    const first = this.#parked[0];
    if (first === undefined || this.#done - first.parkedAt! < OTHERS_BEFORE) return;
    this.#parked.shift();
    this.#settle(first);
  }

  #sweep(): void {
    const nowMs = performance.now();
    for (const flight of this.#flights) {
      if (flight.parkedAt === undefined && nowMs - flight.sinceMs > PATIENCE_MS)
        this.#fail(flight, 'nothing happened');
    }
  }
}

/** Anywhere, between the bytes of a header too. */
function writeInTwo(socket: Socket, bytes: Buffer, at: number): void {
  socket.write(bytes.subarray(0, at));
  socket.once('connect', () => setImmediate(() => socket.write(bytes.subarray(at))));
}
