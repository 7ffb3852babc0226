// The way from the session engine (aedes) to the client's socket. What aedes writes goes out as it is, except where
// it would break MQTT: more PUBLISH packets than the client's Receive Maximum, a packet identifier that is in use, a
// packet larger than the client takes, a message that outlived itself while it waited here, a PUBLISH before the
// CONNACK, a property that a PUBLISH may not bear, and a CONNACK that says what the gateway did not grant.
// Invariants: only whole packets leave; nothing but PUBLISH packets ever waits (MQTT-3.3.4-10, MQTT-4.9.0-3).
// Validating what the client sends, and the socket's own back-pressure, are the Connection's.

import { messageOf, SluiceError } from '../../../config/errors.ts';
import { receiveMaximumDefault } from '../frames/connect.ts';
import { packetType } from '../frames/fixed-header.ts';
import { isAccepted, mendConnack } from './connack-mend.ts';
import { FrameCutter } from './frame-cutter.ts';
import type { ClientTerms, OutboundPorts } from './outbound-ports.ts';
import { shrinkPacket } from './packet-shrink.ts';
import { PublishDelivery } from './publish-delivery.ts';
import type { QueueLimits } from './publish-queue.ts';

export type { ClientTerms, OutboundPorts } from './outbound-ports.ts';

const pingreq = Buffer.of(0xc0, 0);

export class OutboundFlow {
  readonly #ports: OutboundPorts;
  readonly #delivery: PublishDelivery;
  readonly #cutter: FrameCutter;
  #terms: ClientTerms = {
    version: 4,
    receiveMaximum: receiveMaximumDefault,
    maximumPacketBytes: Number.POSITIVE_INFINITY,
    connack: {},
  };
  #isAccepted = false;
  #isPinging = false;
  #isClosed = false;
  /** Tells aedes's stream that there is room again; held while the queue is full. */
  #heldDone: (() => void) | undefined;

  constructor(ports: OutboundPorts, limits: QueueLimits) {
    this.#ports = ports;
    this.#delivery = new PublishDelivery(ports, limits);
    this.#cutter = new FrameCutter({
      passes: (bytes, start, body, end) => this.#passes(bytes, start, body, end),
      take: (frame) => this.#take(frame),
      send: (bytes) => ports.send(bytes),
    });
  }

  /** Of PUBLISH packets that wait for the client. */
  get waitingBytes(): number {
    return this.#delivery.waitingBytes;
  }

  /** The client's CONNECT was seen. Call before aedes sees it. */
  configure(terms: ClientTerms): void {
    this.#terms = terms;
    this.#delivery.configure(terms);
  }

  /**
   * Bytes from aedes, split anywhere. `done` is called, once and perhaps at once, when more may come: not while the
   * queue is full. One chunk at a time: the next one after `done`. The chunk may not be changed afterwards.
   */
  fromAedes(chunk: Buffer, done: () => void): void {
    if (!this.#isClosed) this.#cut(chunk);
    if (this.#isClosed || this.#delivery.hasRoom()) done();
    else this.#heldDone = done;
  }

  /**
   * A validated PUBACK, PUBREC or PUBCOMP of the client on its way to aedes. Must be called for each one as soon as
   * it is read, even when aedes does not read: it is what makes room for the PUBLISH packets that wait.
   */
  fromClient(type: number, frame: Buffer): 'pass' | 'swallow' {
    if (this.#isClosed) return 'swallow';
    const verdict = this.#delivery.acknowledged(type, frame);
    this.#delivery.sendWaiting();
    // Last, because aedes's stream may write the next chunk from within.
    if (this.#heldDone !== undefined && this.#delivery.hasRoom()) this.#releaseDone();
    return verdict;
  }

  /**
   * Makes aedes take the client for alive, as a packet of the client would that aedes does not get to see: injects a
   * PINGREQ and withholds one PINGRESP. One at a time: aedes would not read a second before it answered the first.
   */
  pingAsAedesKeepAlive(): void {
    if (this.#isClosed || !this.#isAccepted || this.#isPinging) return;
    this.#isPinging = true;
    this.#ports.toAedes(pingreq);
  }

  /** Forgets what waits. Repeatable. */
  close(): void {
    this.#isClosed = true;
    this.#delivery.clear();
    this.#releaseDone();
  }

  #passes(bytes: Buffer, start: number, body: number, end: number): boolean {
    if (end - start > this.#terms.maximumPacketBytes) return false;
    switch (bytes[start]! >> 4) {
      case packetType.publish:
        return this.#delivery.passes(bytes, start, body);
      case packetType.connack:
        return false;
      case packetType.pingresp:
        return !this.#isPinging;
      case packetType.pubrel:
        this.#delivery.pubrelSent(bytes.readUInt16BE(body));
        return true;
      default:
        return true;
    }
  }

  #take(frame: Buffer): void {
    const type = frame[0]! >> 4;
    if (type === packetType.publish) this.#delivery.take(frame);
    else if (type === packetType.connack) this.#takeConnack(frame);
    // All PINGRESP are alike: the client gets as many as it asked for.
    else if (type === packetType.pingresp && this.#isPinging) this.#isPinging = false;
    else this.#sendFitting(frame);
  }

  #takeConnack(frame: Buffer): void {
    const mended = mendConnack(frame, this.#terms.version, this.#terms.connack);
    this.#sendFitting(mended);
    this.#isAccepted = isAccepted(mended);
    if (this.#isAccepted) this.#delivery.open();
  }

  // MQTT-3.1.2-24: nothing larger than the client takes is sent.
  #sendFitting(frame: Buffer): void {
    const fitting = shrinkPacket(frame, this.#terms.maximumPacketBytes);
    if (fitting === undefined) {
      throw new SluiceError(
        'PACKET_EXCEEDS_CLIENT_LIMIT',
        'a packet the client needs is larger than it takes',
        {
          kind: 'permanent',
          hint: `The client's maximum packet size is ${this.#terms.maximumPacketBytes} bytes; raise it.`,
        },
      );
    }
    this.#ports.send(fitting);
  }

  #cut(chunk: Buffer): void {
    try {
      this.#cutter.cut(chunk);
    } catch (thrown) {
      const isOurs = thrown instanceof SluiceError;
      this.close();
      this.#ports.fail(
        isOurs
          ? thrown
          : new SluiceError('OUTBOUND_FAULT', messageOf(thrown), { kind: 'permanent', cause: thrown }),
      );
    }
  }

  #releaseDone(): void {
    const done = this.#heldDone;
    this.#heldDone = undefined;
    done?.();
  }
}
