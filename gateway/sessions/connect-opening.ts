// What becomes of a CONNECT before the session engine sees it. As far as MQTT goes it is judged here: refused with the
// answer its version has for that, or accepted as a request. When admission has let the client in, the request is
// turned into terms: keep-alive and session expiry within the gateway's bounds, names under the client's mount.

import type { ConnectAnswer } from '../admission/connect-refusal.ts';
import type { AdmittedClient } from '../admission/guest.ts';
import type { ConnectRequest, GrantedTerms, Opening } from '../listener/connection-host.ts';
import type { Connect } from '../listener/frames/connect.ts';
import { parseConnect } from '../listener/frames/connect-parser.ts';
import { overheadBytesMax, writeConnackRefusal } from '../listener/frames/encode.ts';
import type { Frame } from '../listener/frames/fixed-header.ts';
import type { FrameRules } from '../listener/frames/frame-rules.ts';
import { explain } from '../listener/frames/reasons.ts';
import { type ConnectLimits, generateClientId, mendConnect } from '../listener/outbound/connect-mend.ts';

export function openConnect(bytes: Buffer, frame: Frame, rules: FrameRules): Opening {
  const parsed = parseConnect(bytes, frame, rules);
  if (!parsed.ok) {
    const { version, connackCode, reason } = parsed;
    const answer = connackCode === undefined ? null : connackRefusal(version, connackCode);
    return { ok: false, answer, detail: explain(reason).text };
  }
  const { connect } = parsed;
  const clientId = connect.clientId === '' ? generateClientId(connect.version) : connect.clientId;
  return {
    ok: true,
    request: { connect, clientId, raw: Buffer.from(bytes.subarray(frame.start, frame.bodyEnd)) },
  };
}

export interface TermsLimits extends ConnectLimits {
  /** For this connection; MQTT 5 clients are told. */
  receiveMaximum: number;
  packetBytesMax: number;
}

export function grantTerms(
  request: ConnectRequest,
  client: AdmittedClient,
  limits: TermsLimits,
): GrantedTerms {
  const { connect, clientId: assignedClientId, raw } = request;
  const { version, receiveMaximum, maximumPacketBytes } = connect;
  const { mount } = client;
  const { clientId, keepAliveS, connack, frame } = mendConnect(raw, limits, { assignedClientId, mount });
  connack.receiveMaximum = limits.receiveMaximum;
  connack.maximumPacketBytes = limits.packetBytesMax;
  return {
    clientId,
    keepAliveS,
    terms: { version, receiveMaximum, maximumPacketBytes, connack, mount },
    receiveMaximum: limits.receiveMaximum,
    frame,
  };
}

/** The CONNACK for one who is not let in; with a Reason String only where the client takes so much (MQTT-3.2.2-19). */
export function refusalOf(
  { version, maximumPacketBytes }: Pick<Connect, 'version' | 'maximumPacketBytes'>,
  { reasonCode, returnCode, text }: ConnectAnswer,
): Buffer {
  if (version !== 5) return connackRefusal(version, returnCode);
  const packet = connackRefusal(version, reasonCode, text);
  return packet.length <= maximumPacketBytes ? packet : connackRefusal(version, reasonCode);
}

function connackRefusal(version: 3 | 4 | 5, code: number, text = ''): Buffer {
  const packet = Buffer.allocUnsafe(overheadBytesMax + text.length);
  return packet.subarray(0, writeConnackRefusal(packet, 0, { version, code, text }));
}
