// The MQTT packets that simulated devices send or understand: the type is the upper half of a frame's first byte (MQTT
// 5.0 2.1.2), and a reason code from 0x80 on says no (2.4).

export type ProtocolVersion = 4 | 5;

export const PacketType = {
  connack: 2,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  suback: 9,
  pingresp: 13,
  disconnect: 14,
} as const;

export const REFUSED_FROM = 0x80;
