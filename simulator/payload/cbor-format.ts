// The fields as a CBOR map (RFC 8949): mark, time, seq, then each field under its name, a position as a map of its
// own. Text strings are UTF-8 of a definite length there, so the mark stands in the bytes as it is.

import { Encoder } from 'cbor-x';
import type { Encode } from './field-formats.ts';
import type { PayloadSettingsOf } from './payload-settings.ts';
import type { Readings } from './readings.ts';

/** Plain maps; the package's own extension for records would not be understood elsewhere. */
const encoder = new Encoder({ useRecords: false });

export function encodeCbor({ time, sequence }: PayloadSettingsOf<'cbor'>, readings: Readings): Encode {
  // One object for all payloads: only its values change.
  const map: Record<string, unknown> = { mark: '' };
  if (time !== 'none') map.time = 0;
  if (sequence) map.seq = 0;
  const slots = readings.fields.flatMap(({ name, generator }) => {
    const isNested = generator.quantities[0].part !== '';
    const owner: Record<string, unknown> = isNested ? {} : map;
    if (isNested) map[name] = owner;
    return generator.quantities.map((quantity) => {
      const key = isNested ? quantity.part : name;
      owner[key] = quantity.value;
      return { owner, key, quantity };
    });
  });
  return (context) => {
    map.mark = context.mark;
    if (time === 'ms') map.time = context.timeMs;
    else if (time === 'iso') map.time = new Date(context.timeMs).toISOString();
    if (sequence) map.seq = context.sequence;
    for (const { owner, key, quantity } of slots) owner[key] = quantity.value;
    return encoder.encode(map);
  };
}
