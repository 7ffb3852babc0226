// Whether one frame is well-formed. mqtt-packet says so; where it is known to be lenient, mqtt-reference-leniencies
// decides whether a refusal of the gateway's parsers is right.

import { explain, isRefusal } from '../../gateway/listener/frames/reasons.ts';
import type { ClientVersion, PacketFields } from './mqtt-frame-packets.ts';
import { judgeFrame } from './mqtt-judgement.ts';
import { parseByReference } from './mqtt-reference.ts';
import { isDupOfMqtt31, isKnownLeniency } from './mqtt-reference-leniencies.ts';

/** What there is to know of a packet to say what becomes of its connection; little, because verdicts are kept. */
export interface EssentialFields {
  readonly cmd: string;
  readonly version: ClientVersion | undefined;
  readonly clientId: string | undefined;
  readonly keepAliveS: number;
  readonly hasAuthenticationMethod: boolean;
  readonly maximumPacketBytes: number | undefined;
  readonly hasTopic: boolean;
  readonly topicAlias: number | undefined;
}

export type Verdict =
  /** `isRefused`: understood, but its topic is not taken here; it is answered and the connection goes on. */
  | { readonly kind: 'packet'; readonly packet: EssentialFields; readonly isRefused: boolean }
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'malformed'; readonly why: string }
  /** mqtt-packet and the gateway's parsers disagree, and no leniency explains it. */
  | { readonly kind: 'disagreement'; readonly why: string };

const COMMANDS_WITH_DUP: Readonly<Record<number, string>> = {
  6: 'pubrel',
  8: 'subscribe',
  10: 'unsubscribe',
};
const LENGTH_BYTES_MAX = 4;

/** Where the frame at `at` ends by its remaining length; beyond the end of `bytes` when that is not there in full. */
export function endOfFrame(bytes: Buffer, at: number): number {
  let length = 0;
  for (let i = 1; i <= LENGTH_BYTES_MAX; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) return bytes.length + 1;
    length += (byte & 0x7f) * 2 ** (7 * (i - 1));
    if (byte < 0x80) return at + 1 + i + length;
  }
  return at + 1 + LENGTH_BYTES_MAX;
}

/** `frame`: exactly one frame, or the beginning of one. */
export function verdictOn(frame: Buffer, version: ClientVersion): Verdict {
  const judgement = judgeFrame(Buffer.from(frame), version); // a copy: MQTT 3.1's DUP is cleared in the buffer
  const reference = parseByReference(frame, version);
  if (judgement.verdict === 'accepted') {
    if (reference.kind === 'packet') return packetVerdict(reference.packet, false);
    if (!isDupOfMqtt31(frame, version)) return disagreement(frame, 'accepted', reference);
    return packetVerdict({ cmd: COMMANDS_WITH_DUP[frame[0]! >> 4]! }, false);
  }
  if (judgement.verdict === 'incomplete') {
    const isAgreed = reference.kind === 'incomplete' || isDupOfMqtt31(frame, version);
    return isAgreed ? { kind: 'incomplete' } : disagreement(frame, 'incomplete', reference);
  }
  const { name } = explain(judgement.why);
  if (reference.kind !== 'packet') return { kind: 'malformed', why: name };
  const { packet } = reference;
  if (!isKnownLeniency(name, packet, frame, version)) return disagreement(frame, name, reference);
  if (packet.cmd === 'publish' && isRefusal(judgement.why)) return packetVerdict(packet, true);
  return { kind: 'malformed', why: name };
}

function packetVerdict(packet: PacketFields, isRefused: boolean): Verdict {
  const { topicAlias, authenticationMethod, maximumPacketSize } = (packet.properties ?? {}) as PacketFields;
  const essentials: EssentialFields = {
    cmd: packet.cmd,
    version: packet.protocolVersion as ClientVersion | undefined,
    clientId: packet.clientId as string | undefined,
    keepAliveS: (packet.keepalive ?? 0) as number,
    hasAuthenticationMethod: authenticationMethod !== undefined,
    maximumPacketBytes: maximumPacketSize as number | undefined,
    hasTopic: packet.topic !== '',
    topicAlias: topicAlias as number | undefined,
  };
  return { kind: 'packet', packet: essentials, isRefused };
}

function disagreement(frame: Buffer, judged: string, reference: object): Verdict {
  const why = `${judged}, mqtt-packet: ${JSON.stringify(reference)}: ${frame.subarray(0, 200).toString('hex')}`;
  return { kind: 'disagreement', why };
}
