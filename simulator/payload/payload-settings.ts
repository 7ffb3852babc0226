// Declares what a device's payloads look like: a union by `type`, with the fields' generators in
// generator-settings.ts. Every format carries the mark of simulator/mark.ts; where it has keys, under `mark`. Rules
// between settings are in payload-problems.ts.

import { MiB } from '../../config/limits.ts';
import { bool, bytes, type Infer, object, oneOf, string, union } from '../../config/schema/field.ts';
import { MARK_BYTES_MAX } from '../mark.ts';
import { fields, timeForm } from './generator-settings.ts';
import { recordingColumns } from './recording-settings.ts';

const sequence = bool("Carry the device's own count as seq.", { default: false });

export const payloadSettings = union('What a device says.', {
  json: object('A JSON object.', { fields, time: timeForm, sequence }),
  cbor: object('A CBOR map (RFC 8949).', { fields, time: timeForm, sequence }),
  senml: object('SenML records in JSON (RFC 8428), the mark as the text of a record.', {
    fields,
    baseName: string('Begins the name of every record; {clientId} is replaced.', {
      default: '{clientId}/',
      lengthMax: 256,
    }),
  }),
  sparkplug: object('The metrics of a Sparkplug data message, in JSON instead of its protobuf.', { fields }),
  template: object('Text with placeholders.', {
    text: string(
      'The text: {mark}, {time}, {timeIso}, {seq}, {clientId}, {device} and {field} are replaced.',
      {
        lengthMax: 65_536,
        multiline: true,
        form: "text with {mark} in it, by which a message is known when it arrives, such as 'temp={temp} id={mark}'",
        check: (text) => (text.includes('{mark}') ? undefined : 'has no {mark}'),
      },
    ),
    fields,
  }),
  bytes: object('The mark and then bytes up to a size.', {
    size: bytes('Size of a payload.', { min: MARK_BYTES_MAX, max: 16 * MiB, default: 100 }),
    filler: oneOf('What follows the mark: random bytes, which no compression makes smaller, or zeros.', {
      values: ['random', 'zeros'],
      default: 'random',
    }),
  }),
  replay: object('What was recorded, one record after the other, as JSON with the mark added.', {
    ...recordingColumns,
    payloadColumn: string('Column or key that holds the payload; empty takes the whole record.', {
      default: '',
      lengthMax: 256,
    }),
  }),
});

export type PayloadSettings = Infer<typeof payloadSettings>;
export type PayloadSettingsOf<T extends PayloadSettings['type']> = Extract<PayloadSettings, { type: T }>;
