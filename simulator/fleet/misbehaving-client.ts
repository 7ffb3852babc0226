// A client that does not behave: the part that all kinds of them share. It opens a socket, lets its conduct do the
// harm, counts what the gateway does about it, and when the connection ends begins again after a jittered wait. The
// conducts are in misconduct.ts.

import type { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { type Clock, systemClock, type Timer } from '../../config/clock.ts';
import { type Endpoint, openSocket, parseEndpoint } from './endpoint.ts';
import { FrameReader } from './frame-reader.ts';
import { PacketType, type ProtocolVersion, REFUSED_FROM } from './packet-type.ts';
import { ReconnectDelay } from './reconnect-delay.ts';

export interface MisbehaviourCounters {
  /** Connections tried. */
  attempts: number;
  /** CONNECTs that the gateway has welcomed. */
  accepted: number;
  /** Answers that say no: of CONNECT, SUBSCRIBE or a publish. */
  refused: number;
  /** Connections that the gateway has ended. */
  ended: number;
  /** Harm that the gateway let pass: no end within the time that the conduct gives it. */
  tolerated: number;
  /** Connections open now: 0 or 1. */
  open: number;
}

export interface MisbehavingClient {
  readonly counters: Readonly<MisbehaviourCounters>;
  /** How connections and attempts ended, counted: "DISCONNECT 0x81", "closed", "ECONNRESET". */
  readonly endings: ReadonlyMap<string, number>;
  start(): void;
  /** Repeatable; nothing is open when it resolves. */
  stop(deadlineMs: number): Promise<void>;
}

export interface MisbehavingOptions {
  /** mqtt or mqtts. */
  url: string;
  clientId: string;
  version: ProtocolVersion;
  tls?: ConnectionOptions;
  username?: string;
  password?: string;
  /** Pause before it begins again. */
  reconnect: { minMs: number; maxMs: number };
  /** 0 to 1, seeded. */
  random: () => number;
}

/** The connection as a conduct sees it. */
export interface Line {
  send(bytes: Buffer): void;
  /** Once, unless the connection ends before; replaces the last one. */
  after(delayMs: number, fn: () => void): void;
  /** Reads no more. */
  stopReading(): void;
  /** The gateway has let it pass: counts that, and ends the connection. */
  tolerated(): void;
}

export interface Conduct {
  /** Bytes can be sent. */
  opened(line: Line): void;
  /** CONNACK, and it was not refused. */
  welcomed?(line: Line): void;
  /** SUBACK, PUBACK or PUBREC, refused or not. */
  answered?(line: Line): void;
}

export class ConductedClient implements MisbehavingClient, Line {
  readonly counters: MisbehaviourCounters = {
    attempts: 0,
    accepted: 0,
    refused: 0,
    ended: 0,
    tolerated: 0,
    open: 0,
  };
  readonly endings = new Map<string, number>();
  readonly #options: MisbehavingOptions;
  readonly #conduct: Conduct;
  readonly #clock: Clock;
  readonly #endpoint: Endpoint;
  readonly #delay: ReconnectDelay;
  readonly #reader = new FrameReader(this);
  #socket: Socket | undefined;
  #timer: Timer | undefined;
  #isWanted = false;
  #reason = '';

  constructor(options: MisbehavingOptions, conduct: Conduct, clock: Clock = systemClock) {
    this.#options = options;
    this.#conduct = conduct;
    this.#clock = clock;
    this.#endpoint = parseEndpoint(options.url);
    this.#delay = new ReconnectDelay(options.reconnect, options.random);
  }

  start(): void {
    if (this.#isWanted) return;
    this.#isWanted = true;
    this.#attempt();
  }

  async stop(_deadlineMs: number): Promise<void> {
    this.#isWanted = false;
    const socket = this.#socket;
    this.#leave();
    if (socket === undefined || socket.closed) return;
    await new Promise<void>((resolve) => socket.once('close', () => resolve()));
  }

  send(bytes: Buffer): void {
    this.#socket?.write(bytes);
  }

  after(delayMs: number, fn: () => void): void {
    this.#timer?.clear();
    this.#timer = this.#clock.after(delayMs, fn);
  }

  stopReading(): void {
    this.#socket?.pause();
  }

  tolerated(): void {
    this.counters.tolerated++;
    this.#leave();
    this.#again();
  }

  frame(header: number, bytes: Buffer, start: number): boolean {
    const socket = this.#socket;
    const { bodyBytes } = this.#reader;
    switch (header >> 4) {
      case PacketType.connack:
        this.#connack(bodyBytes > 1 ? bytes[start + 1] : 0);
        break;
      case PacketType.puback:
      case PacketType.pubrec:
        this.#answer(bodyBytes > 2 ? bytes[start + 2] : 0);
        break;
      case PacketType.suback:
        this.#answer(bodyBytes > 2 ? bytes[start + bodyBytes - 1] : 0);
        break;
      case PacketType.disconnect:
        this.#reason = `DISCONNECT 0x${(bodyBytes > 0 ? bytes[start] : 0).toString(16)}`;
        break;
      default: // PINGRESP and the like
    }
    return this.#socket === socket;
  }

  broken(reason: string): void {
    this.#reason = reason;
    this.#socket?.destroy();
  }

  #attempt(): void {
    this.counters.attempts++;
    this.#reason = '';
    this.#reader.reset();
    const socket = openSocket(this.#endpoint, this.#options.tls ?? {}, () => {
      if (socket !== this.#socket) return;
      this.counters.open = 1;
      this.#delay.succeeded();
      this.#conduct.opened(this);
    });
    this.#socket = socket;
    socket.on('data', (chunk) => {
      if (socket === this.#socket) this.#reader.push(chunk);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (socket === this.#socket && this.#reason === '') this.#reason = error.code ?? error.message;
    });
    socket.on('close', () => {
      if (socket === this.#socket) this.#closed();
    });
  }

  #connack(code: number): void {
    if (code === 0) {
      this.counters.accepted++;
      this.#conduct.welcomed?.(this);
    } else {
      this.counters.refused++;
      this.#reason = `CONNACK 0x${code.toString(16)}`;
    }
  }

  #answer(code: number): void {
    if (code >= REFUSED_FROM) this.counters.refused++;
    this.#conduct.answered?.(this);
  }

  #closed(): void {
    if (this.counters.open === 1) this.counters.ended++;
    const reason = this.#reason === '' ? 'closed' : this.#reason;
    this.endings.set(reason, (this.endings.get(reason) ?? 0) + 1);
    this.#leave();
    this.#again();
  }

  #leave(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    this.counters.open = 0;
    this.#timer?.clear();
    this.#timer = undefined;
    socket?.destroy();
  }

  #again(): void {
    if (this.#isWanted) this.#timer = this.#clock.after(this.#delay.nextMs(), () => this.#attempt());
  }
}
