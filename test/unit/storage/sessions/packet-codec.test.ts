import { describe, expect, test } from 'vitest';
import { asBuffers, decodePacket, encodePacket } from '../../../../storage/sessions/packet-codec.ts';
import type { StoredPacket } from '../../../../storage/sessions/session-packet.ts';

const userProperties = Object.assign(Object.create(null), {
  plain: 'value',
  twice: ['one', 'two'],
  constructor: 'c',
  toString: 't',
});
Object.defineProperty(userProperties, '__proto__', { value: 'p', enumerable: true });

const full: StoredPacket = {
  topic: 'a/ü/\u{1f600}',
  payload: Buffer.from([0, 1, 2, 255]),
  qos: 2,
  retain: true,
  messageExpiry: 1_800_000_000_123,
  properties: {
    payloadFormatIndicator: true,
    contentType: 'text/plain',
    responseTopic: 'answer',
    correlationData: Buffer.from([9, 8]),
    userProperties,
  },
};
const bare: StoredPacket = {
  topic: 'a',
  payload: Buffer.alloc(0),
  qos: 0,
  retain: false,
  messageExpiry: undefined,
  properties: undefined,
};

describe('a kept packet', () => {
  test('comes back as it was, whatever names its user properties have', () => {
    const decoded = decodePacket(encodePacket(full));
    expect(decoded).toEqual(full);
    const names = Object.getOwnPropertyNames(decoded.properties!.userProperties);
    expect(names.toSorted()).toEqual(['__proto__', 'constructor', 'plain', 'toString', 'twice']);
    expect(decodePacket(encodePacket(bare))).toEqual(bare);
    expect(decodePacket(encodePacket({ ...bare, payload: 'text' })).payload).toBe('text');
  });

  test('owns exactly its memory, so that cloning it copies nothing else', () => {
    const bytes = encodePacket(full);
    expect(bytes.buffer.byteLength).toBe(bytes.length);
  });

  test('has Buffers again after it crossed threads, as mqtt-packet needs them', () => {
    const crossed = asBuffers(structuredClone(decodePacket(encodePacket(full))));
    expect(Buffer.isBuffer(crossed.payload)).toBe(true);
    expect(Buffer.isBuffer(crossed.properties!.correlationData)).toBe(true);
    expect(crossed.payload).toEqual(full.payload);
    expect(Object.getOwnPropertyNames(crossed.properties!.userProperties)).toContain('__proto__');
  });

  test('is refused when any bit of it is flipped or its end is missing', () => {
    const bytes = encodePacket(full);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = bytes.slice();
      flipped[bit >> 3] ^= 1 << (bit & 7);
      expect(() => decodePacket(flipped)).toThrow();
    }
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodePacket(bytes.slice(0, length))).toThrow();
    }
  });
});
