// One client. Stands between its socket and the session engine (aedes): cuts the inbound bytes into frames, keeps
// PUBLISH and PUBREL for us, checks every other frame and gives it to the engine byte for byte; outbound, what the
// engine writes goes to the socket through OutboundFlow, which mends it.
//
// Invariants: nothing is admitted before the engine has accepted the CONNECT; nothing malformed reaches the engine;
// when there is no room the socket is not read (back-pressure), and the bytes already read wait here.

import { Duplex } from 'node:stream';
import { AckKind, createSourceSlots, type SourceSlots } from '../../storage/record-source.ts';
import type { UnreleasedIds } from '../../storage/sessions/inbound-qos2.ts';
import type { TopicEntry } from '../admission/topic-table.ts';
import { type ByteStream, ClientSocket } from './client-socket.ts';
import type { ConnectionHost } from './connection-host.ts';
import { disconnectSessionExpiryS, packetIdOf, validateControl } from './frames/control-validator.ts';
import { cutFrame, Frame, incomplete, packetType } from './frames/fixed-header.ts';
import type { FrameRules } from './frames/frame-rules.ts';
import { explain, type Reason, reason } from './frames/reasons.ts';
import { InboundBytes } from './inbound-bytes.ts';
import type { ConnackMend } from './outbound/connack-mend.ts';
import { OutboundFlow } from './outbound/outbound-flow.ts';
import { noRoom, type Outcome, type PublishOrigin, windowFull } from './publish-intake.ts';
import { Hold, ReadingGate } from './reading-gate.ts';

type State = 'new' | 'connecting' | 'open' | 'closed';

/**
 * While only publishes come, the engine is told that the client is alive this often within its keep-alive.
 */
const KEEP_ALIVE_FEEDS = 2;
/** Shared by all connections: valid until the next frame is cut. */
const frame = new Frame();

export class Connection extends Duplex implements PublishOrigin {
  readonly #host: ConnectionHost;
  readonly #socket: ClientSocket;
  readonly #inbound = new InboundBytes();
  readonly #outbound: OutboundFlow;
  #state: State = 'new';
  readonly #gate: ReadingGate;
  /** MQTT 5.0 3.14.2.2.2: a session that was to end with the connection cannot be kept by DISCONNECT. */
  #mayExtendSession = true;
  #keepAliveMs = 0;
  /** Completed until the engine's CONNACK comes. */
  #connack: ConnackMend = {};
  #engineFedAtMs = 0;
  readonly rules: FrameRules;
  device = '';
  persistent = false;
  qos2: UnreleasedIds = NONE;
  readonly slots: SourceSlots;
  lastTopic: TopicEntry | null = null;
  aliases: TopicEntry[] | null = null;
  unacknowledged = 0;

  constructor(stream: ByteStream, host: ConnectionHost) {
    super({ readableHighWaterMark: 64 * 1024, writableHighWaterMark: 64 * 1024, emitClose: true });
    this.#host = host;
    const onDrained = () => this.#gate.open(Hold.drain);
    this.#socket = new ClientSocket(stream, { bytesMax: host.outboundBytesMax, onDrained });
    this.rules = host.newRules();
    this.slots = createSourceSlots(host.lanes);
    this.#gate = new ReadingGate(stream, () => this.#consumeKept());
    this.#outbound = new OutboundFlow(
      {
        send: (bytes) => this.#socket.write(bytes),
        toAedes: (bytes) => this.#toEngine(bytes),
        clock: host.clock,
        onDiscard: (_reason, count) => {
          host.counters.discardedOutbound += count;
        },
        fail: (fault) => this.#end('outbound-fault', fault.message),
      },
      host.outboundLimits,
    );
    stream.on('data', (chunk) => this.#onData(chunk));
    stream.on('error', () => this.destroy()); // a reset: 'close' follows, the session engine sees the end
    stream.on('close', () => this.destroy());
  }

  // -- inbound ------------------------------------------------------------------------------------------------------

  #onData(chunk: Buffer): void {
    this.#host.groupCommit.nowMs = this.#host.clock.nowMs();
    this.#consume(this.#inbound.append(chunk));
    if (this.#state === 'open') this.#feedKeepAlive(this.#host.groupCommit.nowMs);
  }

  /** Handles whole frames from the front of `bytes`; what is left over stays in `#inbound`. */
  #consume(bytes: Buffer): void {
    let at = 0;
    let wantedBytes = 0;
    while (at < bytes.length && this.#gate.isOpen) {
      const cut = cutFrame(bytes, at, bytes.length, frame, this.rules);
      if (cut === incomplete) {
        wantedBytes = frame.bodyEnd - at; // negative while the length itself is incomplete
        break;
      }
      const end = frame.bodyEnd;
      const outcome = cut === reason.ok ? this.#handleFenced(bytes) : cut;
      if (outcome === noRoom || outcome === windowFull) {
        if (outcome === noRoom) this.#waitForRoom();
        else this.#waitForWindow();
        break;
      }
      if (outcome !== reason.ok) {
        this.#violate(outcome);
        return;
      }
      at = end;
    }
    this.#inbound.keep(bytes, at, wantedBytes);
  }

  /** A fault over the bytes of one client, the gateway's own too, ends that client and nobody else. */
  #handleFenced(bytes: Buffer): Outcome {
    try {
      return this.#handle(bytes);
    } catch (thrown) {
      this.faulted(thrown instanceof Error ? thrown : new Error(String(thrown)));
      return reason.ok;
    }
  }

  #handle(bytes: Buffer): Outcome {
    if (frame.type === packetType.publish) return this.#host.intake.publish(this, bytes, frame);
    if (this.#state === 'new') return this.#connect(bytes);
    const why = validateControl(bytes, frame, this.rules);
    if (why !== reason.ok) return why;
    switch (frame.type) {
      case packetType.pubrel:
        return this.#host.intake.release(this, packetIdOf(bytes, frame));
      case packetType.auth:
        return reason.authNotNegotiated;
      case packetType.disconnect:
        if (!this.#mayExtendSession && (disconnectSessionExpiryS(bytes, frame) ?? 0) > 0)
          return reason.sessionExpiryRaised;
        this.#gate.close(Hold.end); // MQTT-3.14.4-2: nothing may follow
    }
    const own = Buffer.from(bytes.subarray(frame.start, frame.bodyEnd));
    if (isDeliveryAck(frame.type) && this.#outbound.fromClient(frame.type, own) === 'swallow')
      return reason.ok;
    this.#engineFedAtMs = this.#host.groupCommit.nowMs;
    this.#toEngine(own);
    return reason.ok;
  }

  #connect(bytes: Buffer): Outcome {
    const opening = this.#host.open(bytes, frame, this.rules);
    if (!opening.ok) {
      if (opening.answer !== null) this.#socket.write(opening.answer);
      this.#host.counters.protocolViolations++;
      this.#end('connect-refused', opening.detail);
      return reason.ok;
    }
    this.device = opening.clientId;
    this.rules.version = opening.version;
    this.#keepAliveMs = opening.keepAliveS * 1000;
    this.#connack = opening.terms.connack;
    this.#outbound.configure(opening.terms);
    this.#mayExtendSession = opening.sessionExpiryS > 0;
    this.#state = 'connecting';
    this.#gate.close(Hold.session);
    this.#toEngine(opening.frame);
    return reason.ok;
  }

  sessionOpened(sessionPresent: boolean): void {
    this.#connack.sessionPresent = sessionPresent;
  }

  /** The engine has accepted the CONNECT and its CONNACK is written: what came after it may be handled. */
  accepted(session: { persistent: boolean; clientId: string }): void {
    if (this.#state !== 'connecting') return;
    this.persistent = session.persistent;
    this.qos2 = this.#host.qos2Of(session.clientId);
    this.#state = 'open';
    this.#gate.open(Hold.session);
  }

  #toEngine(bytes: Buffer): void {
    this.#host.fence.run(this, () => {
      if (!this.push(bytes)) this.#gate.close(Hold.engine);
    });
  }

  override _read(): void {
    if (this.#gate.holds(Hold.engine)) setImmediate(() => this.#gate.open(Hold.engine));
  }

  #waitForRoom(): void {
    this.#host.counters.readPauses++;
    this.#gate.close(Hold.room);
    this.#host.whenRoom(() => this.#gate.open(Hold.room));
  }

  /** The client has more under way than it was told it may: it is read on when that much is acknowledged. */
  #waitForWindow(): void {
    this.#host.counters.windowPauses++;
    this.#gate.close(Hold.window);
  }

  #consumeKept(): void {
    if (this.#state === 'closed') return;
    this.#host.groupCommit.nowMs = this.#host.clock.nowMs();
    this.#consume(this.#inbound.take());
  }

  /**
   * The engine's keep-alive sees only the packets that go through it. While a client only publishes - or is not read
   * for want of room - it gets a PINGREQ now and then, so that keep-alive ends a dead client and never a busy one.
   */
  #feedKeepAlive(nowMs: number): void {
    if (
      this.#keepAliveMs === 0 ||
      Math.abs(nowMs - this.#engineFedAtMs) < this.#keepAliveMs / KEEP_ALIVE_FEEDS
    )
      return;
    this.#engineFedAtMs = nowMs;
    this.#outbound.pingAsAedesKeepAlive();
  }

  /** The gateway is about to stop. */
  stopReading(): void {
    this.#gate.close(Hold.end);
  }

  /** Called about once a second: a client that we do not read is not dead. */
  sweep(nowMs: number): void {
    if (this.#state === 'open' && this.#gate.holdsAny(Hold.room | Hold.drain | Hold.window))
      this.#feedKeepAlive(nowMs);
  }

  // -- outbound -----------------------------------------------------------------------------------------------------

  acknowledge(kind: AckKind, packetId: number, reason: number): void {
    if (kind !== AckKind.pubcomp) {
      if (this.unacknowledged > 0) this.unacknowledged--;
      this.#host.counters.acknowledged++;
    }
    if (this.#state === 'open') this.#socket.acknowledge(kind, packetId, reason);
  }

  flushAcknowledgements(): void {
    if (this.#state !== 'open') return;
    this.#socket.flushAcknowledgements();
    if (this.#socket.isCongested) this.#waitForDrain();
    // Not from within the walk over what a commit owes: what is read now belongs to the next one.
    if (this.#gate.holds(Hold.window)) setImmediate(() => this.#gate.open(Hold.window));
  }

  /** The client does not read what it is owed: it is not read either, until it does. */
  #waitForDrain(): void {
    if (this.#gate.holds(Hold.drain)) return;
    this.#host.counters.readPauses++;
    this.#gate.close(Hold.drain);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.#outbound.fromAedes(chunk, () => this.#whenSocketTakesMore(callback));
  }

  override _writev(chunks: { chunk: Buffer }[], callback: () => void): void {
    const bytes = chunks.length === 1 ? chunks[0].chunk : Buffer.concat(chunks.map(({ chunk }) => chunk));
    this.#outbound.fromAedes(bytes, () => this.#whenSocketTakesMore(callback));
  }

  /**
   * The engine writes whatever the stream says; what piles up is bounded by ending a client that does not
   * read.
   */
  override write(chunk: unknown, encoding?: unknown, callback?: unknown): boolean {
    const more = super.write(chunk, encoding as BufferEncoding, callback as () => void);
    if (this.writableLength > this.#host.outboundBytesMax && this.#state !== 'closed') {
      this.#host.counters.slowReaders++;
      this.#end('slow-reader', 'the client does not read what it has subscribed to');
    }
    return more;
  }

  #whenSocketTakesMore(callback: () => void): void {
    const tell = () => this.#host.fence.run(this, callback);
    if (this.#state === 'closed') tell();
    else this.#socket.whenTakesMore(tell);
  }

  // -- the end ------------------------------------------------------------------------------------------------------

  /** MQTT 5 clients are told why (MQTT 5.0 4.13); others just see the connection end (MQTT 3.1.1 4.8). */
  #violate(why: Reason): void {
    const { reasonCode, text } = explain(why);
    this.#host.counters.protocolViolations++;
    if (this.rules.version === 5 && this.#state === 'open') this.#socket.disconnect(reasonCode);
    this.#end('protocol-violation', text);
  }

  #end(event: string, detail: string): void {
    this.#host.log.info(
      { event, client: this.device, remote: this.#socket.remote, detail },
      'connection ended',
    );
    this.destroy();
  }

  /** A fault, mostly inside the engine, while something was done for this client. */
  faulted(error: Error): void {
    this.#host.counters.engineFaults++;
    this.#host.log.error(
      { client: this.device, remote: this.#socket.remote, err: error },
      'fault while a client was served; the client is disconnected',
    );
    this.destroy();
  }

  override _destroy(_error: Error | null, callback: (error: Error | null) => void): void {
    this.#state = 'closed';
    this.#gate.close(Hold.end);
    this.#inbound.clear();
    this.#outbound.close();
    this.#socket.close();
    this.#host.closed(this);
    callback(null);
  }
}

function isDeliveryAck(type: number): boolean {
  return type === packetType.puback || type === packetType.pubrec || type === packetType.pubcomp;
}

/** Until the session is known; nothing is admitted before. */
const NONE: UnreleasedIds = { size: 0, has: () => false, add: () => null, delete: () => null };
