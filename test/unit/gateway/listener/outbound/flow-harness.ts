// An OutboundFlow with everything around it recorded, a clock moved by hand, and packets made and read by
// mqtt-packet, the reference for what is well-formed.

import { generate, type IConnackPacket, type IPublishPacket, type Packet, parser } from 'mqtt-packet';
import type { Clock } from '../../../../../config/clock.ts';
import type { SluiceError } from '../../../../../config/errors.ts';
import { packetType } from '../../../../../gateway/listener/frames/fixed-header.ts';
import { OutboundFlow } from '../../../../../gateway/listener/outbound/outbound-flow.ts';
import type { ClientTerms } from '../../../../../gateway/listener/outbound/outbound-ports.ts';

export class HandClock implements Clock {
  #ms = 1000;
  advance(ms: number): void {
    this.#ms += ms;
  }
  nowMs(): number {
    return this.#ms;
  }
  monotonicMs(): number {
    return this.#ms;
  }
  after(): never {
    throw new Error('no timer is expected');
  }
}

export const roomy = { queuedBytesMax: 1 << 20, queuedMessagesMax: 1000 };

export interface HarnessOptions extends Partial<ClientTerms> {
  queuedBytesMax?: number;
  queuedMessagesMax?: number;
  /** Without it, the CONNACK has gone out already and is not in `wire`. */
  isConnecting?: boolean;
}

export class FlowHarness {
  readonly clock = new HandClock();
  readonly version: 3 | 4 | 5;
  readonly sent: Buffer[] = [];
  readonly injected: Buffer[] = [];
  readonly discards: [reason: string, count: number][] = [];
  readonly faults: SluiceError[] = [];
  readonly flow: OutboundFlow;
  doneCalls = 0;

  constructor(options: HarnessOptions = {}) {
    this.version = options.version ?? 5;
    this.flow = new OutboundFlow(
      {
        send: (bytes) => this.sent.push(bytes),
        toAedes: (frame) => this.injected.push(frame),
        clock: this.clock,
        onDiscard: (reason, count) => this.discards.push([reason, count]),
        fail: (fault) => this.faults.push(fault),
      },
      { ...roomy, ...options },
    );
    const { receiveMaximum = 65_535, maximumPacketBytes = Number.POSITIVE_INFINITY } = options;
    const { connack = {}, mount } = options;
    this.flow.configure({ version: this.version, receiveMaximum, maximumPacketBytes, connack, mount });
    if (options.isConnecting !== true) {
      this.aedesWrites(connackFrame(this.version, {}));
      this.sent.length = 0;
      this.doneCalls = 0;
    }
  }

  aedesWrites(...frames: Buffer[]): void {
    this.flow.fromAedes(Buffer.concat(frames), () => this.doneCalls++);
  }

  publish(fields: Partial<IPublishPacket>): Buffer {
    return publishFrame(this.version, fields);
  }

  clientSends(frame: Buffer): 'pass' | 'swallow' {
    return this.flow.fromClient(frame[0]! >> 4, frame);
  }

  /** What the client has got so far. */
  get wire(): Packet[] {
    return parse(Buffer.concat(this.sent), this.version);
  }

  get wirePayloads(): string[] {
    return this.wire.flatMap((packet) => (packet.cmd === 'publish' ? [packet.payload.toString()] : []));
  }

  /** What aedes was given in the client's name. */
  get toAedes(): Packet[] {
    return parse(Buffer.concat(this.injected), this.version);
  }
}

export function parse(bytes: Buffer, version: 3 | 4 | 5): Packet[] {
  const packets: Packet[] = [];
  const reader = parser({ protocolVersion: version });
  reader.on('packet', (packet) => packets.push(packet));
  reader.on('error', (thrown: unknown) => {
    throw thrown;
  });
  if (reader.parse(bytes) !== 0) throw new Error('the bytes end within a packet');
  return packets;
}

export function encode(packet: Packet, version: 3 | 4 | 5): Buffer {
  return generate(packet, { protocolVersion: version });
}

export function publishFrame(version: 3 | 4 | 5, fields: Partial<IPublishPacket>): Buffer {
  const packet = { topic: 'a/b', payload: 'x', qos: 0, dup: false, retain: false, ...fields } as const;
  return encode({ ...packet, cmd: 'publish' }, version);
}

export function connackFrame(version: 3 | 4 | 5, fields: Partial<IConnackPacket>): Buffer {
  return encode({ cmd: 'connack', sessionPresent: false, returnCode: 0, reasonCode: 0, ...fields }, version);
}

export const pingresp = Buffer.of(0xd0, 0);

export function puback(id: number): Buffer {
  return Buffer.of(packetType.puback << 4, 2, id >> 8, id & 0xff);
}

export function pubrec(id: number, reasonCode?: number): Buffer {
  const idBytes = [id >> 8, id & 0xff];
  return reasonCode === undefined
    ? Buffer.of(packetType.pubrec << 4, 2, ...idBytes)
    : Buffer.of(packetType.pubrec << 4, 3, ...idBytes, reasonCode);
}

export function pubrel(id: number): Buffer {
  return Buffer.of((packetType.pubrel << 4) | 2, 2, id >> 8, id & 0xff);
}

export function pubcomp(id: number): Buffer {
  return Buffer.of(packetType.pubcomp << 4, 2, id >> 8, id & 0xff);
}
