// An endless, seeded source of frames as clients send them, valid and damaged, for tests that compare parsers
// and for those that throw bytes at a running gateway. Every call of `next` gives one frame; sequences are
// what a test makes of them. Valid frames stay within `packetMaxima`.

import { type Mutation, mutations, spoilPacket } from './mqtt-frame-mutations.ts';
import {
  type ClientVersion,
  encodePacket,
  type PacketFields,
  unusualForm,
  validPacket,
} from './mqtt-frame-packets.ts';
import { Random } from './mqtt-frame-random.ts';

export interface GeneratedFrame {
  readonly bytes: Buffer;
  readonly kind: 'valid' | 'mutated';
  /** Type of the packet it was, before any mutation, as mqtt-packet calls it. */
  readonly cmd: string;
  /** What was done to it, in order; empty when valid. */
  readonly mutations: readonly string[];
}

export interface FrameSourceOptions {
  /** How many of a hundred frames are damaged. */
  readonly mutatedPercent?: number;
}

export interface FrameSource {
  /** The next frame: any type that a client sends, CONNECT included. */
  next(): GeneratedFrame;
  /** A plain valid CONNECT with a clean session, to open a connection with. */
  connect(clientId: string): Buffer;
}

/** Frames of a client of `version`; the same seed gives the same frames. */
export function frameSource(
  seed: number,
  version: ClientVersion,
  options: FrameSourceOptions = {},
): FrameSource {
  const mutatedPercent = options.mutatedPercent ?? 50;
  const random = new Random(seed);
  return {
    next: () => (random.chance(mutatedPercent) ? mutated(random, version) : valid(random, version)),
    connect: (clientId) => encodePacket(plainConnect(clientId, version), version),
  };
}

function valid(random: Random, version: ClientVersion): GeneratedFrame {
  if (random.chance(4)) {
    return { bytes: unusualForm(random, version), kind: 'valid', cmd: 'unusual', mutations: [] };
  }
  const packet = validPacket(random, version);
  return { bytes: encodePacket(packet, version), kind: 'valid', cmd: packet.cmd, mutations: [] };
}

function mutated(random: Random, version: ClientVersion): GeneratedFrame {
  const packet = validPacket(random, version);
  const names: string[] = [];
  let bytes: Buffer | undefined;
  if (random.chance(25)) {
    bytes = spoilPacket(packet, version, random);
    if (bytes) names.push('spoiled packet');
  }
  bytes ??= encodePacket(packet, version);
  const rounds = names.length > 0 ? random.int(2) : random.pick([1, 1, 1, 2, 3]);
  for (let round = 0; round < rounds && bytes.length > 1; round++) {
    const mutation: Mutation = random.pick(mutations);
    bytes = mutation.apply(bytes, encodePacket(validPacket(random, version), version), random);
    names.push(mutation.name);
  }
  return { bytes, kind: 'mutated', cmd: packet.cmd, mutations: names };
}

function plainConnect(clientId: string, version: ClientVersion): PacketFields {
  return {
    cmd: 'connect',
    protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
    protocolVersion: version,
    clean: true,
    clientId,
    keepalive: 0,
  };
}
