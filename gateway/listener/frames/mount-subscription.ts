// Puts a tenant's name before the filters of a validated SUBSCRIBE or UNSUBSCRIBE (subscription-validator.ts), of any
// version: `filter` becomes `tenant/filter`, and of MQTT 5 `$share/name/filter` becomes `$share/name/tenant/filter`.
// A wildcard at the beginning gets a level before it and sees only the tenant; `$SYS/#` becomes a filter that nothing
// matches (admission/access/mount.ts). Before MQTT 5 `$share/...` is a filter like any other, and is mounted as one.

import { SluiceError } from '../../../config/errors.ts';
import type { Mount } from '../../admission/access/mount.ts';
import { packetType } from './fixed-header.ts';
import type { ProtocolVersion } from './frame-rules.ts';
import { isSharedFilter, sharedFilterStart } from './topic-filter.ts';
import {
  readVariableByteInteger,
  variableByteIntegerBytes,
  variableByteIntegerMax,
  writeVariableByteInteger,
} from './variable-byte-integer.ts';

const stringBytesMax = 0xffff;
const packetIdBytes = 2;

/** The whole frame, rewritten; itself where there is no tenant. Throws MOUNT_TOO_LONG where MQTT has no room for it. */
export function mountSubscribe(frame: Buffer, version: ProtocolVersion, mount: Mount): Buffer {
  return mountFilters(frame, version, { mount, optionBytes: 1 });
}

/** As `mountSubscribe`. */
export function mountUnsubscribe(frame: Buffer, version: ProtocolVersion, mount: Mount): Buffer {
  return mountFilters(frame, version, { mount, optionBytes: 0 });
}

/** Any control packet: SUBSCRIBE and UNSUBSCRIBE are rewritten, all others are themselves. */
export function mountControl(frame: Buffer, version: ProtocolVersion, mount: Mount): Buffer {
  switch (frame[0] >> 4) {
    case packetType.subscribe:
      return mountSubscribe(frame, version, mount);
    case packetType.unsubscribe:
      return mountUnsubscribe(frame, version, mount);
    default:
      return frame;
  }
}

interface Mounting {
  mount: Mount;
  /** What follows each filter. */
  optionBytes: number;
}

function mountFilters(frame: Buffer, version: ProtocolVersion, { mount, optionBytes }: Mounting): Buffer {
  if (mount.isNone) return frame;
  const prefix = mount.prefixBytes;
  const bodyStart = bodyStartOf(frame);
  const filtersStart = filtersStartOf(frame, bodyStart, version);
  let filters = 0;
  for (let at = filtersStart; at < frame.length; at += 2 + frame.readUInt16BE(at) + optionBytes) filters++;
  const bodyBytes = frame.length - bodyStart + filters * prefix.length;
  if (bodyBytes > variableByteIntegerMax) throw tooLong('packet');

  const mounted = Buffer.allocUnsafe(1 + variableByteIntegerBytes(bodyBytes) + bodyBytes);
  mounted[0] = frame[0];
  let to = writeVariableByteInteger(mounted, 1, bodyBytes);
  to += frame.copy(mounted, to, bodyStart, filtersStart);
  for (let at = filtersStart; at < frame.length; ) {
    const start = at + 2;
    const end = start + frame.readUInt16BE(at);
    if (end - start + prefix.length > stringBytesMax) throw tooLong('filter');
    const mountAt =
      version === 5 && isSharedFilter(frame, start, end) ? sharedFilterStart(frame, start, end) : start;
    to = mounted.writeUInt16BE(end - start + prefix.length, to);
    to += frame.copy(mounted, to, start, mountAt);
    to += prefix.copy(mounted, to);
    at = end + optionBytes;
    to += frame.copy(mounted, to, mountAt, at);
  }
  return mounted;
}

function bodyStartOf(frame: Buffer): number {
  let at = 1;
  while (frame[at] >= 0x80) at++; // before MQTT 5 a length may be longer than needed
  return at + 1;
}

function filtersStartOf(frame: Buffer, bodyStart: number, version: ProtocolVersion): number {
  const at = bodyStart + packetIdBytes;
  if (version !== 5) return at;
  const propertiesBytes = readVariableByteInteger(frame, at, frame.length);
  return at + variableByteIntegerBytes(propertiesBytes) + propertiesBytes;
}

function tooLong(what: string): SluiceError {
  return new SluiceError('MOUNT_TOO_LONG', `a ${what} is too long with the name of its tenant before it`, {
    kind: 'permanent',
    hint: 'Lower mqtt.topicBytesMax and mqtt.packetBytesMax.',
  });
}
