// The few MQTT packets that a publishing test device needs, byte by byte: nothing stands between a test and
// what goes over the wire. MQTT 3.1.1 and 5.0, section 3 of each.

export type ProtocolVersion = 4 | 5;

export const PacketType = {
  connack: 2,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  pingresp: 13,
  disconnect: 14,
} as const;

export interface InboundPacket {
  type: number;
  body: Buffer;
}

export interface ConnectPacket {
  version: ProtocolVersion;
  clientId: string;
  keepAliveS: number;
  sessionExpiryS: number;
  clean?: boolean;
}

export function connectFrame({
  version,
  clientId,
  keepAliveS,
  sessionExpiryS,
  clean = false,
}: ConnectPacket): Buffer {
  const head = Buffer.from([
    0,
    4,
    0x4d,
    0x51,
    0x54,
    0x54,
    version,
    clean ? 2 : 0,
    keepAliveS >> 8,
    keepAliveS & 0xff,
  ]);
  const expiry = Buffer.alloc(version === 5 ? 6 : 0);
  if (version === 5) {
    expiry[0] = 5;
    expiry[1] = 0x11; // Session Expiry Interval, MQTT 5.0 3.1.2.11.2
    expiry.writeUInt32BE(sessionExpiryS, 2);
  }
  return frame(0x10, head, expiry, text(clientId));
}

export interface PublishPacket {
  version: ProtocolVersion;
  topic: string;
  payload: Buffer;
  qos: 1 | 2;
  packetId: number;
  dup: boolean;
}

export function publishFrame({ version, topic, payload, qos, packetId, dup }: PublishPacket): Buffer {
  const id = Buffer.from([packetId >> 8, packetId & 0xff, ...(version === 5 ? [0] : [])]);
  return frame(0x30 | (dup ? 8 : 0) | (qos << 1), text(topic), id, payload);
}

export function pubrelFrame(packetId: number): Buffer {
  return Buffer.from([0x62, 2, packetId >> 8, packetId & 0xff]);
}

export const pingreqFrame = Buffer.from([0xc0, 0]);

/** Cuts whole packets off a stream of bytes. */
export class PacketCutter {
  #rest: Buffer = Buffer.alloc(0);

  *push(chunk: Buffer): Generator<InboundPacket> {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const length = remainingLength(this.#rest);
      if (length === undefined || this.#rest.length < length.end + length.value) return;
      const body = this.#rest.subarray(length.end, length.end + length.value);
      const type = this.#rest[0] >> 4;
      this.#rest = this.#rest.subarray(length.end + length.value);
      yield { type, body };
    }
  }
}

/** MQTT 5.0 1.5.5 */
function remainingLength(bytes: Buffer): { value: number; end: number } | undefined {
  let value = 0;
  for (let i = 1; i < Math.min(bytes.length, 5); i++) {
    value += (bytes[i] & 0x7f) * 128 ** (i - 1);
    if (bytes[i] < 0x80) return { value, end: i + 1 };
  }
  return undefined;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

function frame(header: number, ...parts: Buffer[]): Buffer {
  const length: number[] = [];
  let left = parts.reduce((sum, part) => sum + part.length, 0);
  do {
    length.push((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
    left >>= 7;
  } while (left > 0);
  return Buffer.concat([Buffer.from([header, ...length]), ...parts]);
}
