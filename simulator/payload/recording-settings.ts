// Declares how a recorded file is named and read; profile `replay` (when) and payload `replay` (what) have these
// alike, and when they agree, the payload is the record at whose time it is sent.

import { type Infer, object, oneOf, string } from '../../config/schema/field.ts';

export const recordingColumns = {
  file: string('The recorded file.', {
    pattern: '[^\\u0000]{1,4096}',
    form: 'the path of a file of JSON lines or CSV',
  }),
  format: oneOf('auto goes by the name: CSV when it ends in .csv, else JSON lines.', {
    values: ['auto', 'ndjson', 'csv'],
    default: 'auto',
  }),
  deviceColumn: string(
    'Column or key that names the recorded device, each dealt to a simulated one; empty: everyone replays all.',
    { default: '', lengthMax: 256 },
  ),
} as const;

const recording = object('A recorded file.', recordingColumns);
export type RecordingSettings = Infer<typeof recording>;
