import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { type IPublishPacket, type Packet, parser } from 'mqtt-packet';
import { describe, expect, test } from 'vitest';
import { connectFrame, subscribeFrame } from '../../../../simulator/fleet/connect-frame.ts';
import { FrameWriter } from '../../../../simulator/fleet/frame-writer.ts';

function packetsOf(bytes: Buffer, protocolVersion: 4 | 5): Packet[] {
  const packets: Packet[] = [];
  const reader = parser({ protocolVersion });
  reader.on('packet', (packet) => void packets.push(packet));
  reader.on('error', (error) => {
    throw error;
  });
  reader.parse(bytes);
  return packets;
}

/** What has been flushed so far. */
function sink(): { socket: Socket; bytes: () => Buffer } {
  const stream = new PassThrough({ highWaterMark: 2 ** 24 });
  return {
    socket: stream as unknown as Socket,
    bytes: () => (stream.read() as Buffer | null) ?? Buffer.alloc(0),
  };
}

describe.each([4, 5] as const)('the frame writer, MQTT version %i', (version) => {
  test.each([0, 1, 113, 127, 128, 16_383, 16_384, 2_097_152])('writes a payload of %i bytes', (bytes) => {
    const writer = new FrameWriter(version);
    const { socket, bytes: flushed } = sink();
    const payload = Buffer.alloc(bytes, 'ab');
    const message = { topic: 'plant/ü', payload, qos: 1 as const, retain: true, sequence: 0 };
    writer.publish(message, 0xfffe, true);
    const written = writer.flushTo(socket);
    expect(writer.flushTo(socket)).toBe(0);
    const frames = flushed();
    expect(frames).toHaveLength(written);
    const [packet, ...more] = packetsOf(frames, version) as IPublishPacket[];
    expect(more).toEqual([]);
    expect(packet).toMatchObject({ topic: 'plant/ü', qos: 1, retain: true, dup: true, messageId: 0xfffe });
    expect(payload.equals(packet.payload as Buffer)).toBe(true);
  });

  test('writes many frames at once, of every QoS and to changing topics', () => {
    const writer = new FrameWriter(version);
    const { socket, bytes } = sink();
    for (let i = 0; i < 100; i++) {
      const qos = (i % 3) as 0 | 1 | 2;
      const payload = Buffer.from(`${i}`);
      writer.publish({ topic: `t/${i % 7}`, payload, qos, retain: false, sequence: i }, i + 1, false);
      if (qos === 2) writer.pubrel(i + 1);
    }
    writer.flushTo(socket);
    const packets = packetsOf(bytes(), version);
    const publishes = packets.filter(({ cmd }) => cmd === 'publish') as IPublishPacket[];
    expect(publishes.map(({ topic, payload, qos }) => `${topic} ${payload} ${qos}`)).toEqual(
      Array.from({ length: 100 }, (_, i) => `t/${i % 7} ${i} ${i % 3}`),
    );
    expect(packets.filter(({ cmd }) => cmd === 'pubrel').map(({ messageId }) => messageId)).toEqual(
      publishes.filter(({ qos }) => qos === 2).map(({ messageId }) => messageId),
    );
  });

  test('does not write into bytes that the socket still holds', () => {
    const writer = new FrameWriter(version);
    const held: Buffer[] = [];
    const socket = { writableLength: 1, write: (bytes: Buffer) => held.push(bytes) } as unknown as Socket;
    const message = { topic: 't', qos: 0 as const, retain: false, sequence: 0 };
    writer.publish({ ...message, payload: Buffer.from('first') }, 0, false);
    writer.flushTo(socket);
    writer.publish({ ...message, payload: Buffer.from('other') }, 0, false);
    writer.flushTo(socket);
    const payloads = packetsOf(Buffer.concat(held), version).map(
      (packet) => `${(packet as IPublishPacket).payload}`,
    );
    expect(payloads).toEqual(['first', 'other']);
  });

  test('CONNECT and SUBSCRIBE are what they should be', () => {
    const session = { version, clientId: 'c', cleanSession: true, sessionExpiryS: 99, keepAliveS: 1e9 };
    const frames = [
      connectFrame({ ...session, username: 'u', password: '' }),
      connectFrame({ ...session, cleanSession: false }),
      subscribeFrame({ version, packetId: 258, filter: 'a/#', qos: 1 }),
    ];
    const [full, bare, subscribe] = packetsOf(Buffer.concat(frames), version);
    expect(full).toMatchObject({ clean: true, keepalive: 0xffff, username: 'u', password: Buffer.alloc(0) });
    expect(bare).toMatchObject({ clean: false, clientId: 'c', protocolVersion: version });
    if (version === 5) expect(bare).toMatchObject({ properties: { sessionExpiryInterval: 99 } });
    expect(subscribe).toMatchObject({ messageId: 258, subscriptions: [{ topic: 'a/#', qos: 1 }] });
  });
});
