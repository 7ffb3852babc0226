// What becomes of a CONNECT before the session engine sees it: refused with the answer its version has for that, or
// accepted as mended - keep-alive and session expiry within the gateway's bounds, a name for a client that has none.

import type { Opening } from '../listener/connection-host.ts';
import { parseConnect } from '../listener/frames/connect-parser.ts';
import { overheadBytesMax, writeConnackRefusal } from '../listener/frames/encode.ts';
import type { Frame } from '../listener/frames/fixed-header.ts';
import type { FrameRules } from '../listener/frames/frame-rules.ts';
import { explain } from '../listener/frames/reasons.ts';
import { type ConnectLimits, mendConnect } from '../listener/outbound/connect-mend.ts';

export function openConnect(bytes: Buffer, frame: Frame, rules: FrameRules, limits: ConnectLimits): Opening {
  const parsed = parseConnect(bytes, frame, rules);
  if (!parsed.ok) {
    const { version, connackCode, reason } = parsed;
    const answer = connackCode === undefined ? null : connackRefusal(version, connackCode);
    return { ok: false, answer, detail: explain(reason).text };
  }
  const { version, sessionExpiryS, receiveMaximum, maximumPacketBytes } = parsed.connect;
  const mended = mendConnect(bytes.subarray(frame.start, frame.bodyEnd), limits);
  return {
    ok: true,
    clientId: mended.clientId,
    version,
    keepAliveS: mended.keepAliveS,
    sessionExpiryS,
    terms: { version, receiveMaximum, maximumPacketBytes, connack: mended.connack },
    frame: mended.frame,
  };
}

function connackRefusal(version: 3 | 4 | 5, code: number): Buffer {
  const packet = Buffer.allocUnsafe(overheadBytesMax);
  return packet.subarray(0, writeConnackRefusal(packet, 0, version, code));
}
