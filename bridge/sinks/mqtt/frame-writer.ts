// PUBLISH frames (MQTT 5.0 3.3, MQTT 3.1.1 3.3), written one after the other into chunks, so that a thousand
// small messages are a few writes to the socket and no objects. A large payload is not copied: it follows as
// a chunk of its own. Everything between two calls of `flush` goes out in one turn of the event loop, so
// nobody else's packet comes between.

export interface PublishFrame {
  protocolVersion: 4 | 5;
  qos: 1 | 2;
  retain: boolean;
  packetId: number;
  /** With its two bytes of length. */
  topic: Uint8Array;
  /** Without their length; ignored for MQTT 3.1.1. */
  properties: Uint8Array;
  payload: Uint8Array;
}

const PUBLISH = 0x30;
const RETAIN = 0x01;
const CHUNK_BYTES = 64 * 1024;
/** From here on copying costs more than another chunk. */
const COPY_BYTES_MAX = 8 * 1024;
/** MQTT 5.0 2.1.4: remaining length is at most 268,435,455. */
const REMAINING_MAX = 268_435_455;

export class FrameWriter {
  readonly #write: (chunk: Uint8Array) => void;
  #chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  #from = 0;
  #at = 0;

  /** `write` keeps the chunk it is given until it is sent; it is not touched again. */
  constructor(write: (chunk: Uint8Array) => void) {
    this.#write = write;
  }

  publish(frame: PublishFrame): void {
    const { topic, payload, packetId } = frame;
    const remaining = remainingLength(frame);
    const { properties } = frame;
    const copied = payload.length <= COPY_BYTES_MAX;
    this.#ensure(1 + 4 + topic.length + 2 + 4 + properties.length + (copied ? payload.length : 0));
    const chunk = this.#chunk;
    chunk[this.#at++] = PUBLISH | (frame.qos << 1) | (frame.retain ? RETAIN : 0);
    this.#at = writeVarint(chunk, this.#at, remaining);
    chunk.set(topic, this.#at);
    this.#at = chunk.writeUInt16BE(packetId, this.#at + topic.length);
    if (frame.protocolVersion === 5) {
      this.#at = writeVarint(chunk, this.#at, properties.length);
      chunk.set(properties, this.#at);
      this.#at += properties.length;
    }
    if (copied) {
      chunk.set(payload, this.#at);
      this.#at += payload.length;
    } else {
      this.flush();
      this.#write(payload);
    }
  }

  /** Gives away what has been written. */
  flush(): void {
    if (this.#at === this.#from) return;
    this.#write(this.#chunk.subarray(this.#from, this.#at));
    this.#from = this.#at;
  }

  #ensure(bytes: number): void {
    if (this.#at + bytes <= this.#chunk.length) return;
    this.flush();
    this.#chunk = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, bytes));
    this.#from = 0;
    this.#at = 0;
  }
}

/** The whole frame's length; infinite when MQTT cannot carry it. */
export function frameBytes(frame: PublishFrame): number {
  const remaining = remainingLength(frame);
  return remaining > REMAINING_MAX ? Number.POSITIVE_INFINITY : 1 + varintBytes(remaining) + remaining;
}

function remainingLength({ protocolVersion, topic, properties, payload }: PublishFrame): number {
  const propertiesBytes = protocolVersion === 5 ? varintBytes(properties.length) + properties.length : 0;
  return topic.length + 2 + propertiesBytes + payload.length;
}

/** MQTT 5.0 1.5.5. */
function varintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  return value < 0x200000 ? 3 : 4;
}

function writeVarint(out: Uint8Array, at: number, value: number): number {
  let left = value;
  let end = at;
  while (left >= 0x80) {
    out[end++] = (left & 0x7f) | 0x80;
    left >>>= 7;
  }
  out[end++] = left;
  return end;
}
