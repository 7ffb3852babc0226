// The PUBLISH packets on their way to one client, and the client's acknowledgements on their way back: sends what
// the window admits, keeps the rest in order, and discards what is too large for the client or outlived itself.
// Invariants: PUBLISH packets leave in the order in which aedes wrote them (MQTT-4.6.0-6); no acknowledgement
// reaches aedes while a PUBLISH of its identifier still waits here, because aedes would forget a message that was
// not sent.
// The queue here is not safe: a persistent session's messages stay in its store until they are acknowledged.

import { SluiceError } from '../../../config/errors.ts';
import { type Mount, noMount } from '../../admission/access/mount.ts';
import { receiveMaximumDefault } from '../frames/connect.ts';
import { packetType } from '../frames/fixed-header.ts';
import { DeliveryWindow } from './delivery-window.ts';
import { afterString, bodyStart } from './frame-layout.ts';
import type { ClientTerms, DiscardReason, OutboundPorts } from './outbound-ports.ts';
import {
  hasForeignProperties,
  type OutboundPublish,
  publishQos,
  readPublish,
  withoutForeignProperties,
} from './outbound-publish.ts';
import { ageMessageExpiry, PublishQueue, type QueueLimits } from './publish-queue.ts';
import { unmountPublish } from './unmount-publish.ts';

// Reason codes from here on are failures (MQTT 5.0 2.4).
const reasonFailure = 0x80;
// Any failure ends the flow (MQTT 5.0 4.3.3); aedes's parser refuses 0x95 (packet too large) in a PUBREC.
const implementationSpecificError = 0x83;

export class PublishDelivery {
  readonly #ports: OutboundPorts;
  readonly #queue: PublishQueue;
  #window = new DeliveryWindow(receiveMaximumDefault);
  #version: ClientTerms['version'] = 4;
  #maximumPacketBytes = Number.POSITIVE_INFINITY;
  #mount: Mount = noMount;
  #isOpen = false;

  constructor(ports: OutboundPorts, limits: QueueLimits) {
    this.#ports = ports;
    this.#queue = new PublishQueue(limits);
  }

  configure(terms: ClientTerms): void {
    this.#version = terms.version;
    this.#maximumPacketBytes = terms.maximumPacketBytes;
    this.#mount = terms.mount ?? noMount;
    this.#window = new DeliveryWindow(terms.receiveMaximum);
  }

  /** The CONNACK has gone out; no PUBLISH may go before it (MQTT-3.2.0-1). */
  open(): void {
    this.#isOpen = true;
    this.sendWaiting();
  }

  /** Of what waits. */
  get waitingBytes(): number {
    return this.#queue.bytes;
  }

  /** Forgets what waits. */
  clear(): void {
    this.#queue.clear();
  }

  /**
   * Whether the PUBLISH at `start` may go out as it is, now; then it counts as sent. The fast path: no allocation,
   * and no more is read than the packet identifier and the identifiers of the properties.
   */
  passes(bytes: Buffer, start: number, body: number): boolean {
    if (!this.#isOpen || !this.#queue.isEmpty || !this.#mount.isNone) return false;
    const isAcknowledged = publishQos(bytes[start]!) !== 0;
    let at = afterString(bytes, body);
    const id = isAcknowledged ? (bytes[at]! << 8) | bytes[at + 1]! : 0;
    if (isAcknowledged) {
      if (!this.#window.admits(id)) return false;
      at += 2;
    }
    if (this.#version === 5 && hasForeignProperties(bytes, at)) return false;
    if (isAcknowledged) this.#window.publishSent(id);
    return true;
  }

  /** Sends, keeps or discards a PUBLISH that did not pass. */
  take(original: Buffer): void {
    const unmounted = unmountPublish(original, this.#mount);
    const whole = unmounted ?? original;
    const frame = this.#version === 5 ? withoutForeignProperties(whole) : whole;
    const publish = readPublish(frame, this.#version);
    if (unmounted === null) this.#discard('not-of-tenant', [publish]);
    else if (frame.length > this.#maximumPacketBytes) this.#discard('packet-too-large', [publish]);
    else if (this.#isOpen && this.#queue.isEmpty && this.#admits(publish.id)) this.#send(frame, publish.id);
    else this.#keep(frame, publish);
    this.sendWaiting();
  }

  pubrelSent(id: number): void {
    this.#window.pubrelSent(id);
  }

  /**
   * The client's PUBACK, PUBREC or PUBCOMP: ends or goes on with a flow, and says whether aedes may see it.
   */
  acknowledged(type: number, frame: Buffer): 'pass' | 'swallow' {
    const body = bodyStart(frame);
    const id = frame.readUInt16BE(body);
    const isWaiting = this.#queue.holds(id);
    if (type === packetType.pubrec && !this.#isFailure(frame, body)) {
      // Of a message that waits to be sent again, the client will answer the repetition too.
      return isWaiting && !this.#window.holds(id) ? 'swallow' : 'pass';
    }
    this.#window.release(id);
    return isWaiting ? 'swallow' : 'pass';
  }

  /** Sends what the window admits. */
  sendWaiting(): void {
    if (!this.#isOpen) return;
    const nowMs = this.#ports.clock.monotonicMs();
    for (let next = this.#queue.head; next !== undefined; next = this.#queue.head) {
      const isExpired = next.expiresAtMs <= nowMs;
      if (!isExpired && !this.#admits(next.id)) return;
      this.#queue.shift();
      if (isExpired) {
        this.#discard('expired', [next]);
      } else {
        ageMessageExpiry(next, nowMs);
        this.#send(next.frame, next.id);
      }
    }
  }

  /** Whether more may come. Before the CONNACK always: it comes behind. */
  hasRoom(): boolean {
    if (!this.#queue.isFull || !this.#isOpen) return true;
    const expired = this.#queue.takeExpired(this.#ports.clock.monotonicMs());
    if (expired.length > 0) this.#discard('expired', expired);
    return !this.#queue.isFull;
  }

  #keep(frame: Buffer, publish: OutboundPublish): void {
    if (!this.#isOpen && this.#queue.isFull) {
      throw new SluiceError('OUTBOUND_QUEUE_FULL', 'too many messages for a client before its CONNACK', {
        kind: 'transient',
      });
    }
    this.#queue.push(frame, publish, this.#ports.clock.monotonicMs());
  }

  #admits(id: number): boolean {
    return id === 0 || this.#window.admits(id);
  }

  #send(frame: Buffer, id: number): void {
    if (id !== 0) this.#window.publishSent(id);
    this.#ports.send(frame);
  }

  #isFailure(pubrec: Buffer, body: number): boolean {
    return this.#version === 5 && pubrec.length > body + 2 && pubrec[body + 2]! >= reasonFailure;
  }

  /**
   * A PUBLISH that is not sent is treated as if it had been (MQTT-3.1.2-25): aedes gets the acknowledgement that
   * ends its flow, unless another message uses the identifier too.
   */
  #discard(reason: DiscardReason, publishes: readonly { qos: number; id: number }[]): void {
    this.#ports.onDiscard(reason, publishes.length);
    for (const { qos, id } of publishes) {
      if (id === 0 || this.#window.holds(id) || this.#queue.holds(id)) continue;
      this.#ports.toAedes(qos === 1 ? puback(id) : failedPubrec(id));
    }
  }
}

function puback(id: number): Buffer {
  return Buffer.of(packetType.puback << 4, 2, id >> 8, id & 0xff);
}

function failedPubrec(id: number): Buffer {
  return Buffer.of(packetType.pubrec << 4, 3, id >> 8, id & 0xff, implementationSpecificError);
}
