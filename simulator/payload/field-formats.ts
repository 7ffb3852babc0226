// The formats made of fields, as JSON text: an object, SenML records, Sparkplug's metrics. The text between the
// values is prepared once; a payload is a concatenation, which is several times as fast as JSON.stringify of an
// object.

import type { PayloadSettingsOf } from './payload-settings.ts';
import type { PayloadContext } from './payload-source.ts';
import type { Quantity } from './quantity.ts';
import type { Readings } from './readings.ts';

export type Encode = (context: PayloadContext) => Buffer;

/** What stands before each value, and the values. */
interface Piece {
  before: string;
  quantity: Quantity;
}

export function encodeJson({ time, sequence }: PayloadSettingsOf<'json'>, readings: Readings): Encode {
  let between = '';
  const pieces: Piece[] = [];
  for (const { name, generator } of readings.fields) {
    between += `,"${name}":`;
    const isNested = generator.quantities[0].part !== '';
    for (const [i, quantity] of generator.quantities.entries()) {
      if (isNested) between += `${i === 0 ? '{' : ','}"${quantity.part}":`;
      pieces.push({ before: between, quantity });
      between = '';
    }
    if (isNested) between = '}';
  }
  const end = `${between}}`;
  return (context) => {
    let text = `{"mark":"${context.mark}"`;
    if (time === 'ms') text += `,"time":${context.timeMs}`;
    else if (time === 'iso') text += `,"time":"${new Date(context.timeMs).toISOString()}"`;
    if (sequence) text += `,"seq":${context.sequence}`;
    return Buffer.from(joined(text, pieces, end));
  };
}

/** RFC 8428: one record per value; base name and time stand in the first, which has the mark, and hold for all. */
export function encodeSenml(
  { baseName }: PayloadSettingsOf<'senml'>,
  readings: Readings,
  clientId: string,
): Encode {
  const begin = `[{"bn":${JSON.stringify(senmlName(baseName.replaceAll('{clientId}', clientId)))},"bt":`;
  let between = '';
  const pieces = readings.quantities.map(({ field, quantity }): Piece => {
    const unit = quantity.unit === '' ? '' : `"u":${JSON.stringify(quantity.unit)},`;
    const key = quantity.isText ? 'vs' : 'v';
    const before = `${between},{"n":"${partName(field, quantity.part)}",${unit}"${key}":`;
    between = '}';
    return { before, quantity };
  });
  return ({ mark, timeMs }) =>
    Buffer.from(joined(`${begin}${timeMs / 1000},"n":"mark","vs":"${mark}"}`, pieces, `${between}]`));
}

/**
 * The structure of a Sparkplug B payload (timestamp, seq, metrics with name, dataType and value) as JSON: readable,
 * about the right shape, and no protobuf. A Sparkplug host will not take it.
 */
export function encodeSparkplug(readings: Readings): Encode {
  let between = '"}';
  const pieces = readings.quantities.map(({ field, quantity }): Piece => {
    const unit =
      quantity.unit === ''
        ? ''
        : `"properties":{"engUnit":{"type":"String","value":${JSON.stringify(quantity.unit)}}},`;
    const type = quantity.isText ? 'String' : 'Double';
    const before = `${between},{"name":"${partName(field, quantity.part)}","dataType":"${type}",${unit}"value":`;
    between = '}';
    return { before, quantity };
  });
  const end = `${between}]}`;
  return ({ mark, timeMs, sequence }) => {
    const head = `{"timestamp":${timeMs},"seq":${sequence % 256},"metrics":[`;
    return Buffer.from(joined(`${head}{"name":"mark","dataType":"String","value":"${mark}`, pieces, end));
  };
}

function joined(begin: string, pieces: readonly Piece[], end: string): string {
  let text = begin;
  for (const { before, quantity } of pieces) text += before + quantity.json;
  return text + end;
}

function partName(field: string, part: string): string {
  return part === '' ? field : `${field}/${part}`;
}

/** What RFC 8428, 4.5.1 allows in a name, beginning with a letter or digit. */
function senmlName(text: string): string {
  return text.replace(/[^A-Za-z0-9:./_-]/g, '-').replace(/^[^A-Za-z0-9]+/, '');
}
