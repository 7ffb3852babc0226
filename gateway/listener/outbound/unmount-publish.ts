// Takes a tenant's name off the topic of a PUBLISH on its way to a device of that tenant. What is not of the tenant -
// `tenant/#` matches the topic `tenant` too, and a session may be older than its tenant - is not for the device.

import type { Mount } from '../../admission/access/mount.ts';
import { variableByteIntegerBytes, writeVariableByteInteger } from '../frames/variable-byte-integer.ts';
import { bodyStart } from './frame-layout.ts';

const dollar = 0x24;

/**
 * The PUBLISH with the topic as the device knows it: a copy, or the frame itself where there is no tenant. Null when it
 * must not be delivered: another topic than one of the tenant's, or one that would begin with `$` (mount.ts).
 */
export function unmountPublish(frame: Buffer, mount: Mount): Buffer | null {
  if (mount.isNone) return frame;
  const prefix = mount.prefixBytes;
  const body = bodyStart(frame);
  const topicStart = body + 2;
  const topicBytes = frame.readUInt16BE(body) - prefix.length;
  const ownStart = topicStart + prefix.length;
  if (topicBytes <= 0 || frame[ownStart] === dollar) return null;
  if (prefix.compare(frame, topicStart, ownStart) !== 0) return null;

  const bodyBytes = frame.length - body - prefix.length;
  const own = Buffer.allocUnsafe(1 + variableByteIntegerBytes(bodyBytes) + bodyBytes);
  own[0] = frame[0];
  const to = own.writeUInt16BE(topicBytes, writeVariableByteInteger(own, 1, bodyBytes));
  frame.copy(own, to, ownStart);
  return own;
}
