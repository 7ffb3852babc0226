// Gathers frames in one growing buffer, so that many publishes of a turn become one write. The buffer is used again
// as soon as the socket has taken all of it; while the kernel is behind, the socket keeps it and a new one is begun.

import type { Socket } from 'node:net';
import type { OutboundMessage } from './device-client.ts';
import type { ProtocolVersion } from './packet-type.ts';

const FIRST_BYTES = 1024;
/** A buffer that has grown further is not kept. */
const KEPT_BYTES_MAX = 128 * 1024;
const HEADER_BYTES_MAX = 16;

export class FrameWriter {
  /** Gathered and not handed to a socket yet. */
  length = 0;
  readonly #version: ProtocolVersion;
  #bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #topic = '';
  #topicBytes: Buffer = Buffer.alloc(0);

  constructor(version: ProtocolVersion) {
    this.#version = version;
  }

  /** MQTT 5.0 3.3; `packetId` is not used with QoS 0. */
  publish(message: OutboundMessage, packetId: number, dup: boolean): void {
    const { topic, payload, qos, retain } = message;
    if (topic !== this.#topic) {
      this.#topic = topic;
      this.#topicBytes = Buffer.from(topic);
    }
    const name = this.#topicBytes;
    const isV5 = this.#version === 5;
    let left = 2 + name.length + (qos > 0 ? 2 : 0) + (isV5 ? 1 : 0) + payload.length;
    this.#reserve(left + HEADER_BYTES_MAX);
    const bytes = this.#bytes;
    let at = this.length;
    bytes[at++] = 0x30 | (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0);
    for (; left > 0x7f; left >>>= 7) bytes[at++] = (left & 0x7f) | 0x80;
    bytes[at++] = left;
    bytes[at++] = name.length >> 8;
    bytes[at++] = name.length & 0xff;
    bytes.set(name, at);
    at += name.length;
    if (qos > 0) {
      bytes[at++] = packetId >> 8;
      bytes[at++] = packetId & 0xff;
    }
    if (isV5) bytes[at++] = 0;
    bytes.set(payload, at);
    this.length = at + payload.length;
  }

  pubrel(packetId: number): void {
    this.#reserve(4);
    const bytes = this.#bytes;
    bytes[this.length++] = 0x62;
    bytes[this.length++] = 2;
    bytes[this.length++] = packetId >> 8;
    bytes[this.length++] = packetId & 0xff;
  }

  raw(frame: Buffer): void {
    this.#reserve(frame.length);
    this.#bytes.set(frame, this.length);
    this.length += frame.length;
  }

  /** Returns how many bytes it has handed over. */
  flushTo(socket: Socket): number {
    const { length } = this;
    if (length === 0) return 0;
    this.length = 0;
    socket.write(this.#bytes.subarray(0, length));
    const isTaken = socket.writableLength === 0;
    if (!isTaken || this.#bytes.length > KEPT_BYTES_MAX) this.#bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
    return length;
  }

  /** What is gathered, for who writes it himself. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.length);
    this.#bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
    this.length = 0;
    return taken;
  }

  clear(): void {
    this.length = 0;
  }

  #reserve(bytes: number): void {
    const needed = this.length + bytes;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length));
    grown.set(this.#bytes.subarray(0, this.length));
    this.#bytes = grown;
  }
}
