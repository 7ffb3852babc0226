// What a CONNECT says, after it has been parsed and every rule of its version has been checked. Defaults are
// filled in, so that the versions differ as little as possible to whoever reads it. Nothing points into the
// socket's buffer.

import type { ProtocolVersion } from './frame-rules.ts';
import type { Reason } from './reasons.ts';

export interface Connect {
  readonly version: ProtocolVersion;
  /** May be empty: the server assigns one (MQTT 5.0 3.1.3.1). */
  readonly clientId: string;
  /** Clean Session before MQTT 5. */
  readonly cleanStart: boolean;
  /** 0 switches the keep-alive off. */
  readonly keepAliveS: number;
  readonly username: string | undefined;
  readonly password: Buffer | undefined;
  readonly will: Will | undefined;
  /**
   * How long the session outlives the connection; before MQTT 5: 0 with Clean Session, otherwise
   * `neverExpires`.
   */
  readonly sessionExpiryS: number;
  /** How many QoS 1 and 2 publishes the client takes at once (MQTT 5.0 3.1.2.11.3). */
  readonly receiveMaximum: number;
  /** Largest packet the client takes (MQTT 5.0 3.1.2.11.4). */
  readonly maximumPacketBytes: number;
  readonly topicAliasMaximum: number;
  readonly requestProblemInfo: boolean;
  readonly requestResponseInfo: boolean;
  readonly authMethod: string | undefined;
  readonly authData: Buffer | undefined;
}

export interface Will {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly delayS: number;
  readonly messageExpiryS: number | undefined;
  readonly payloadFormatUtf8: boolean;
  readonly contentType: string | undefined;
  readonly responseTopic: string | undefined;
  readonly correlationData: Buffer | undefined;
  readonly userProperties: readonly (readonly [name: string, value: string])[];
}

export const neverExpires = 0xffff_ffff;
/** The largest packet MQTT has: five bytes of fixed header and the longest remaining length. */
export const packetBytesUnlimited = 5 + 268_435_455;
export const receiveMaximumDefault = 65_535;

export type ConnectResult =
  | { readonly ok: true; readonly connect: Connect }
  | {
      readonly ok: false;
      readonly reason: Reason;
      /** The version whose CONNACK the client can be expected to read. */
      readonly version: ProtocolVersion;
      /** What to put into it: return code or reason code. `undefined`: close without a CONNACK. */
      readonly connackCode: number | undefined;
    };

/** Accepted when the disk has its session, or its will. */
export function isStored({ cleanStart, sessionExpiryS, will }: Connect): boolean {
  return !cleanStart || sessionExpiryS > 0 || will !== undefined;
}
