// The connection of a lean client: TCP or TLS, CONNECT and CONNACK, keep-alive, and a new attempt after a jittered
// wait whenever it ends. What is published and answered is the session's.
//
// Every attempt ends in exactly one `closed`, unless `leave` or `destroy` ended it before it was up.

import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../config/clock.ts';
import { type Connack, readConnack } from './connack.ts';
import { connectFrame, frame } from './connect-frame.ts';
import type { DeviceClientOptions } from './device-client.ts';
import { type Endpoint, openSocket, parseEndpoint } from './endpoint.ts';
import { flushAtEndOfTurn } from './flush-turn.ts';
import { FrameReader } from './frame-reader.ts';
import { FrameWriter } from './frame-writer.ts';
import { inTurn } from './in-turn.ts';
import { PacketType } from './packet-type.ts';
import { ReconnectDelay } from './reconnect-delay.ts';

export interface LeanSession {
  opened(connack: Connack, connackMs: number): void;
  closed(reason: string, wasUp: boolean): void;
  answered(type: number, packetId: number, reasonCode: number): void;
  /** After every chunk of answers, and when the socket has taken what it was given. */
  roomMade(): void;
}

const CONNACK_TIMEOUT_MS = 10_000;
/** Gathered: more is not kept until the end of the turn. */
const FLUSH_BYTES = 64 * 1024;
const PINGREQ = frame(0xc0);
const DISCONNECT = frame(0xe0);

export class LeanConnection {
  isOpen = false;
  bytesSent = 0;
  /** When the answers that are being read came. */
  chunkAtMs = 0;
  readonly writer: FrameWriter;
  readonly #options: DeviceClientOptions;
  readonly #session: LeanSession;
  readonly #clock: Clock;
  readonly #endpoint: Endpoint;
  readonly #delay: ReconnectDelay;
  readonly #reader = new FrameReader(this);
  #socket: Socket | undefined;
  /** Of the next attempt, of CONNACK, or of the keep-alive. */
  #timer: Timer | undefined;
  #isWanted = false;
  #isFlushDue = false;
  #attemptAtMs = 0;
  #socketError: string | undefined;
  #hasWritten = false;
  #hasHeard = false;
  #awaitsPong = false;

  constructor(options: DeviceClientOptions, session: LeanSession, clock: Clock) {
    this.#options = options;
    this.#session = session;
    this.#clock = clock;
    this.#endpoint = parseEndpoint(options.url);
    this.#delay = new ReconnectDelay(options.reconnect, options.random);
    this.writer = new FrameWriter(options.version);
  }

  /** Given and not taken by the kernel yet. */
  get bufferedBytes(): number {
    return this.writer.length + (this.#socket?.writableLength ?? 0);
  }

  start(): void {
    if (this.#isWanted) return;
    this.#isWanted = true;
    this.#attempt();
  }

  /** Something is in the writer: sends it at the end of the turn, or now when it has become much. */
  written(): void {
    if (this.writer.length >= FLUSH_BYTES) this.flush();
    else if (!this.#isFlushDue) {
      this.#isFlushDue = true;
      flushAtEndOfTurn(this);
    }
  }

  flush(): void {
    this.#isFlushDue = false;
    if (this.#socket === undefined) return;
    const bytes = this.writer.flushTo(this.#socket);
    if (bytes === 0) return;
    this.bytesSent += bytes;
    this.#hasWritten = true;
  }

  /** Ends the connection or the attempt without a word; the next attempt follows. */
  end(reason: string): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    const wasUp = this.isOpen;
    this.#forget();
    socket.destroy();
    this.#timer = this.#clock.after(this.#delay.nextMs(), () => inTurn(() => this.#attemptAgain()));
    this.#session.closed(reason, wasUp);
  }

  /** Says goodbye; resolves when the socket is closed. */
  async leave(deadlineMs: number): Promise<void> {
    this.#isWanted = false;
    const socket = this.#socket;
    if (!this.isOpen || socket === undefined) return this.destroy();
    this.writer.raw(DISCONNECT);
    this.flush();
    this.#forget();
    this.#session.closed('said goodbye', true);
    await new Promise<void>((resolve) => {
      const timer = this.#clock.after(deadlineMs, () => socket.destroy());
      socket.once('close', () => {
        timer.clear();
        resolve();
      });
      socket.resume();
      socket.end();
    });
  }

  destroy(): void {
    this.#isWanted = false;
    const socket = this.#socket;
    const wasUp = this.isOpen;
    this.#forget();
    socket?.destroy();
    if (wasUp) this.#session.closed('ended by the device', true);
  }

  frame(header: number, bytes: Buffer, start: number): boolean {
    const type = header >> 4;
    const { bodyBytes } = this.#reader;
    const socket = this.#socket;
    if (type === PacketType.connack) this.#welcome(bytes.subarray(start, start + bodyBytes));
    else if (!this.isOpen) this.end(`a packet of type ${type} before CONNACK`);
    else if (type >= PacketType.puback && type <= PacketType.pubcomp && type !== PacketType.pubrel) {
      if (bodyBytes < 2) this.end('an acknowledgement without a packet id');
      else {
        const reasonCode = bodyBytes > 2 ? bytes[start + 2] : 0;
        this.#session.answered(type, (bytes[start] << 8) | bytes[start + 1], reasonCode);
      }
    } else if (type === PacketType.disconnect) {
      this.end(`DISCONNECT 0x${(bodyBytes > 0 ? bytes[start] : 0).toString(16)}`);
    }
    return this.#socket === socket; // else the connection was ended by what came
  }

  broken(reason: string): void {
    this.end(reason);
  }

  #attemptAgain(): void {
    if (this.#isWanted && this.#socket === undefined) this.#attempt();
  }

  #attempt(): void {
    this.#attemptAtMs = this.#clock.monotonicMs();
    this.#reader.reset();
    this.writer.clear();
    this.#socketError = undefined;
    const socket = openSocket(this.#endpoint, this.#options.tls ?? {}, () => this.#introduce(socket));
    this.#socket = socket;
    this.#timer = this.#clock.after(CONNACK_TIMEOUT_MS, () => this.end('no CONNACK in time'));
    socket.on('data', (chunk) => this.#receive(socket, chunk));
    socket.on('drain', () => {
      if (socket === this.#socket) this.#session.roomMade();
    });
    socket.on('error', (error) => {
      if (socket === this.#socket) this.#socketError = error.message; // 'close' follows
    });
    socket.on('close', () => {
      if (socket === this.#socket) this.end(this.#socketError ?? 'closed by the server');
    });
  }

  #introduce(socket: Socket): void {
    if (socket !== this.#socket) return;
    const { username = this.#endpoint.username, password = this.#endpoint.password } = this.#options;
    this.writer.raw(connectFrame({ ...this.#options, username, password }));
    this.flush();
  }

  #receive(socket: Socket, chunk: Buffer): void {
    if (socket !== this.#socket) return;
    this.chunkAtMs = this.#clock.monotonicMs();
    this.#hasHeard = true;
    this.#reader.push(chunk);
    if (this.isOpen) this.#session.roomMade();
  }

  #welcome(body: Buffer): void {
    const connack = this.isOpen ? undefined : readConnack(body, this.#options.version);
    if (connack === undefined) this.end('a malformed or second CONNACK');
    else if (connack.reasonCode !== 0) this.end(`CONNACK 0x${connack.reasonCode.toString(16)}`);
    else this.#open(connack);
  }

  #open(connack: Connack): void {
    this.isOpen = true;
    this.#delay.succeeded();
    this.#timer?.clear();
    this.#awaitsPong = false;
    this.#keepAlive(((connack.serverKeepAliveS ?? this.#options.keepAliveS) * 1000) / 2);
    this.#session.opened(connack, this.chunkAtMs - this.#attemptAtMs);
  }

  /** Looks twice in every keep-alive whether something went each way; asks when not, and ends it when nothing comes. */
  #keepAlive(halfMs: number): void {
    if (halfMs === 0) return;
    this.#timer = this.#clock.after(halfMs, () => {
      if (this.#awaitsPong && !this.#hasHeard) return this.end('no answer in the keep-alive time');
      this.#awaitsPong = !this.#hasWritten || !this.#hasHeard;
      if (this.#awaitsPong) {
        this.writer.raw(PINGREQ);
        this.flush();
      }
      this.#hasWritten = false;
      this.#hasHeard = false;
      this.#keepAlive(halfMs);
    });
  }

  #forget(): void {
    this.#socket = undefined;
    this.isOpen = false;
    this.#timer?.clear();
    this.#timer = undefined;
    this.writer.clear();
  }
}
