// Frames that a server must not accept from a client that is connected: each breaks a rule of MQTT for which the
// specification wants the connection ended. Seeded: the same random numbers give the same frame.

import { connectFrame, frame, mqttText } from './connect-frame.ts';
import type { ProtocolVersion } from './packet-type.ts';

type Maker = (random: () => number, version: ProtocolVersion) => Buffer;

const none = (version: ProtocolVersion): Buffer => Buffer.alloc(version === 5 ? 1 : 0);
const id = Buffer.from([0, 7]);

/** By the rule that is broken; sections of MQTT 5.0. */
export const malformations: Readonly<Record<string, Maker>> = {
  'packet type 0 is reserved (2.1.2)': () => frame(0x00),
  'QoS 3 (3.3.1.2)': (random, version) =>
    frame(0x36, mqttText('t'), id, none(version), randomBytes(random, 20)),
  'a remaining length of five bytes (1.5.5)': () => Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0x7f]),
  'a topic that is longer than its packet (3.3.2.1)': () => frame(0x30, Buffer.from([0xff, 0xff, 0x74])),
  'a topic that is not UTF-8 (1.5.4)': (random, version) =>
    frame(0x30, Buffer.from([0, 3, 0x74, 0xc3, 0x28]), none(version), randomBytes(random, 20)),
  'NUL in a topic (1.5.4)': (random, version) =>
    frame(0x30, mqttText('t\0t'), none(version), randomBytes(random, 20)),
  'a wildcard in a topic name (3.3.2.1)': (random, version) =>
    frame(0x30, mqttText('plant/#'), none(version), randomBytes(random, 20)),
  'packet id 0 (2.2.1)': (random, version) =>
    frame(0x32, mqttText('t'), Buffer.from([0, 0]), none(version), randomBytes(random, 20)),
  'SUBSCRIBE without its flags (3.8.1)': (_random, version) =>
    frame(0x80, id, none(version), mqttText('t'), Buffer.from([0])),
  'SUBSCRIBE without a filter (3.8.3)': (_random, version) => frame(0x82, id, none(version)),
  'a second CONNECT (3.1)': (_random, version) => connectFrame({ ...second, version }),
  'a CONNACK from a client (3.2)': () => frame(0x20, Buffer.from([0, 0])),
};

const second = { clientId: 'second', cleanSession: true, sessionExpiryS: 0, keepAliveS: 60 };
const makers = Object.values(malformations);

export function malformedFrame(random: () => number, version: ProtocolVersion): Buffer {
  return makers[Math.floor(random() * makers.length)](random, version);
}

function randomBytes(random: () => number, bytesMax: number): Buffer {
  const bytes = Buffer.alloc(Math.floor(random() * (bytesMax + 1)));
  for (let i = 0; i < bytes.length; i++) bytes[i] = Math.floor(random() * 256);
  return bytes;
}
