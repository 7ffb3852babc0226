// Whether a payload is what the client says it is: the Payload Format Indicator 1 says well-formed UTF-8 (MQTT 5.0
// 3.3.2.3.2). What MQTT forbids in its own strings besides, U+0000, a payload may have. Looks at the bytes in place.

import { illFormed, sequenceBytes } from '../listener/frames/utf8.ts';

export interface JudgedPayload {
  /** The indicator is there, and 1. */
  readonly payloadFormatUtf8: boolean;
  readonly payloadStart: number;
  readonly payloadEnd: number;
}

/** Of a payload without the indicator nothing is said. */
export function isMalformedText(payload: JudgedPayload, bytes: Buffer): boolean {
  if (!payload.payloadFormatUtf8) return false;
  const { payloadStart, payloadEnd } = payload;
  for (let at = payloadStart; at < payloadEnd; ) {
    if (bytes[at]! < 0x80) {
      at++;
      continue;
    }
    const sequence = sequenceBytes(bytes, at, payloadEnd);
    if (sequence === illFormed) return true;
    at += Math.abs(sequence);
  }
  return false;
}
