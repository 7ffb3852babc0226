// Ways to spoil a frame. Most keep the remaining length right, so that the damage reaches the parser of the
// packet's type instead of being noticed by the fixed header. A mutated frame may by chance still be
// well-formed.

import { type ClientVersion, encodePacket, type PacketFields } from './mqtt-frame-packets.ts';
import type { Random } from './mqtt-frame-random.ts';

export interface Mutation {
  readonly name: string;
  /** `other` is another valid frame, for splices. */
  apply(frame: Buffer, other: Buffer, random: Random): Buffer;
}

const telling = [
  0, 1, 2, 3, 0x0f, 0x1f, 0x20, 0x23, 0x24, 0x26, 0x2b, 0x2f, 0x7f, 0x80, 0xc0, 0xed, 0xf5, 0xff,
] as const;

/** Byte sequences that a string may not have, and some that only a name may not have. */
const spoiledStrings = [
  [0x00],
  [0x0a],
  [0x7f],
  [0xc2, 0x85],
  [0xc0, 0x80],
  [0xe0, 0x80, 0xaf],
  [0xed, 0xa0, 0x80],
  [0xef, 0xbf, 0xbe],
  [0xef, 0xb7, 0x90],
  [0xf0, 0x9f, 0xbf, 0xbf],
  [0xf4, 0x90, 0x80, 0x80],
  [0x80],
  [0xe2, 0x82],
  [0x2b],
  [0x23],
] as const;

export const mutations: readonly Mutation[] = [
  { name: 'flip bits', apply: flipBits },
  {
    name: 'telling byte',
    apply: (frame, _other, random) => overwrite(frame, random, [random.pick(telling)]),
  },
  {
    name: 'spoiled string',
    apply: (frame, _other, random) => overwrite(frame, random, random.pick(spoiledStrings)),
  },
  {
    name: 'cut off',
    apply: (frame, _other, random) => Buffer.from(frame.subarray(0, random.int(frame.length))),
  },
  {
    name: 'shorter body',
    apply: (frame, _other, random) => reframe(frame, (body) => body.subarray(0, random.int(body.length + 1))),
  },
  {
    name: 'longer body',
    apply: (frame, _other, random) =>
      reframe(frame, (body) => Buffer.concat([body, random.bytes(random.between(1, 6))])),
  },
  {
    name: 'byte removed',
    apply: (frame, _other, random) => reframe(frame, (body) => without(body, random.int(body.length + 1), 1)),
  },
  { name: 'bytes inserted', apply: insertBytes },
  { name: 'slice repeated', apply: repeatSlice },
  { name: 'spliced', apply: splice },
  {
    name: 'first byte',
    apply: (frame, _other, random) => Buffer.concat([random.bytes(1), frame.subarray(1)]),
  },
  { name: 'remaining length lies', apply: lieAboutLength },
  {
    name: 'padded remaining length',
    apply: (frame, _other, random) => reframe(frame, (body) => body, random.between(1, 2)),
  },
  { name: 'inner length lies', apply: lieInside },
  { name: 'connect flags', apply: changeConnectFlags },
  {
    name: 'last byte',
    apply: (frame, _other, random) => Buffer.concat([frame.subarray(0, -1), random.bytes(1)]),
  },
];

/** Damage that is easier to describe than to do to bytes; `undefined` where it does not apply to `packet`. */
export function spoilPacket(
  packet: PacketFields,
  version: ClientVersion,
  random: Random,
): Buffer | undefined {
  const spoiled = structuredClone({ ...packet });
  restoreBuffers(spoiled);
  const properties = (spoiled.properties ?? {}) as Record<string, unknown>;
  const topics = [
    '',
    '#',
    'a/+/b',
    'a#',
    'a\u0000b',
    '$SYS/broker',
    '$share/g/t',
    '$share//t',
    'a/b#/c',
    'x'.repeat(1025),
    'a/'.repeat(32),
    'toString',
  ];
  const spoils: (() => void)[] = [];
  if (spoiled.messageId !== undefined)
    spoils.push(() => {
      spoiled.messageId = 0;
    });
  if (typeof spoiled.topic === 'string')
    spoils.push(() => {
      spoiled.topic = random.pick(topics);
    });
  if (Array.isArray(spoiled.subscriptions))
    spoils.push(() => {
      Object.assign(random.pick(spoiled.subscriptions as object[]), { topic: random.pick(topics) });
    });
  if (Array.isArray(spoiled.unsubscriptions))
    spoils.push(() => {
      spoiled.unsubscriptions = [random.pick(topics)];
    });
  if (spoiled.will)
    spoils.push(() => {
      Object.assign(spoiled.will as object, { topic: random.pick(topics.slice(1)) });
    });
  if (spoiled.cmd === 'connect')
    spoils.push(() => {
      spoiled.clientId = random.pick(['a\u0001', 'x'.repeat(300), 'constructor']);
    });
  if (version === 5 && spoiled.cmd !== 'pingreq') {
    for (const name of Object.keys(properties)) {
      if (name !== 'userProperties')
        spoils.push(() => {
          properties[name] = [properties[name], properties[name]];
        });
    }
    spoils.push(() => {
      Object.assign(properties, random.pick(misplaced));
      spoiled.properties = properties;
    });
  }
  if (spoiled.cmd === 'auth')
    spoils.push(() => {
      delete properties.authenticationMethod;
    });
  if (spoils.length === 0) return undefined;
  random.pick(spoils)();
  return encodePacket(spoiled, version);
}

const misplaced = [
  { subscriptionIdentifier: 3 },
  { topicAlias: 17 },
  { topicAlias: 0 },
  { receiveMaximum: 0 },
  { maximumPacketSize: 0 },
  { assignedClientIdentifier: 'x' },
  { maximumQoS: 1 },
  { serverKeepAlive: 10 },
  { willDelayInterval: 1 },
  { responseTopic: 'a/#' },
  { authenticationData: Buffer.from('x') },
  { reasonString: 'x' },
] as const;

/** `structuredClone` turns a Buffer into a plain Uint8Array, which mqtt-packet does not write. */
function restoreBuffers(fields: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(fields)) {
    if (value instanceof Uint8Array) fields[name] = Buffer.from(value);
    else if (value && typeof value === 'object') restoreBuffers(value as Record<string, unknown>);
  }
}

function lengthBytes(frame: Buffer): number {
  let bytes = 1;
  while (bytes < 4 && frame[bytes]! >= 0x80) bytes++;
  return bytes;
}

/**
 * The frame with its body changed and its remaining length made right, `padding` bytes longer than needed.
 */
function reframe(frame: Buffer, change: (body: Buffer) => Uint8Array, padding = 0): Buffer {
  const body = change(frame.subarray(1 + lengthBytes(frame)));
  const header = [frame[0]!];
  let rest = body.length;
  for (; rest >= 0x80; rest >>>= 7) header.push((rest & 0x7f) | 0x80);
  header.push(rest);
  for (let i = 0; i < padding; i++) {
    header[header.length - 1]! |= 0x80;
    header.push(0);
  }
  return Buffer.concat([Buffer.from(header), body]);
}

function without(body: Buffer, at: number, count: number): Buffer {
  return Buffer.concat([body.subarray(0, at), body.subarray(at + count)]);
}

function flipBits(frame: Buffer, _other: Buffer, random: Random): Buffer {
  const flipped = Buffer.from(frame);
  const near = random.chance(70) ? Math.min(40, flipped.length) : flipped.length;
  for (let i = random.between(1, 3); i > 0; i--) flipped[random.int(near)]! ^= 1 << random.int(8);
  return flipped;
}

function overwrite(frame: Buffer, random: Random, bytes: readonly number[]): Buffer {
  const spoiled = Buffer.from(frame);
  const near = random.chance(70) ? Math.min(40, spoiled.length) : spoiled.length;
  const at = random.int(near);
  for (const [index, byte] of bytes.entries()) {
    if (at + index < spoiled.length) spoiled[at + index] = byte;
  }
  return spoiled;
}

function insertBytes(frame: Buffer, _other: Buffer, random: Random): Buffer {
  return reframe(frame, (body) => {
    const at = random.int(body.length + 1);
    const inserted = random.chance(50)
      ? Buffer.from([random.pick(telling)])
      : random.bytes(random.between(1, 4));
    return Buffer.concat([body.subarray(0, at), inserted, body.subarray(at)]);
  });
}

function repeatSlice(frame: Buffer, _other: Buffer, random: Random): Buffer {
  return reframe(frame, (body) => {
    const start = random.int(body.length + 1);
    const end = Math.min(body.length, start + random.between(1, 12));
    return Buffer.concat([body.subarray(0, end), body.subarray(start, end), body.subarray(end)]);
  });
}

function splice(frame: Buffer, other: Buffer, random: Random): Buffer {
  return reframe(frame, (body) => {
    const tail = other.subarray(1 + lengthBytes(other));
    return Buffer.concat([
      body.subarray(0, random.int(body.length + 1)),
      tail.subarray(random.int(tail.length + 1)),
    ]);
  });
}

function lieAboutLength(frame: Buffer, _other: Buffer, random: Random): Buffer {
  const body = frame.subarray(1 + lengthBytes(frame));
  const lies = [
    [Math.max(0, (frame[1]! & 0x7f) + random.between(-3, 3)) & 0x7f],
    [0x80, 0x80, 0x80, 0x80, 0x01],
    [0xff, 0xff, 0xff, 0x7f],
    [0xff, 0xff, 0xff, 0xff],
    [random.int(128)],
  ];
  return Buffer.concat([frame.subarray(0, 1), Buffer.from(random.pick(lies)), body]);
}

function lieInside(frame: Buffer, _other: Buffer, random: Random): Buffer {
  const spoiled = Buffer.from(frame);
  const at = 1 + lengthBytes(frame) + random.int(30);
  if (at + 1 >= spoiled.length) return flipBits(frame, frame, random);
  const honest = spoiled.readUInt16BE(at);
  spoiled.writeUInt16BE(
    random.pick([0, 1, 0xffff, (honest + 1) & 0xffff, (honest - 1) & 0xffff, honest >> 1]),
    at,
  );
  return spoiled;
}

function changeConnectFlags(frame: Buffer, other: Buffer, random: Random): Buffer {
  const nameAt = 1 + lengthBytes(frame);
  if (frame[0] !== 0x10 || nameAt + 2 > frame.length) return flipBits(frame, other, random);
  const flagsAt = nameAt + 2 + frame.readUInt16BE(nameAt) + 1;
  if (flagsAt >= frame.length) return flipBits(frame, other, random);
  const changed = Buffer.from(frame);
  changed[flagsAt] = random.int(256);
  return changed;
}
