// One record as one line of JSON, the same for `sluice decode` and `sluice receive`, and lossless: bytes that are text
// are printed as text under their name, other bytes as base64 under their name with `Base64` after it.

import { decodeProperties, type MqttProperties } from '../../storage/record-batch/mqtt-properties.ts';
import type { RecordView } from '../../storage/record-batch/record-batch.ts';

/** A record as it arrives upstream; what format `each` does not carry is undefined. */
export interface ReceivedRecord {
  gateway: string;
  lane: string;
  offset: number;
  device: string | undefined;
  topic: string;
  timeMs: number | undefined;
  qos: 0 | 1 | 2;
  retain: boolean;
  dup: boolean | undefined;
  will: boolean | undefined;
  /** Why it was kept as a dead letter. */
  deadLetter?: string;
  payload: Uint8Array;
  properties: MqttProperties;
}

const NO_PROPERTIES: MqttProperties = Object.freeze({});
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** C0 without tab, line feed and carriage return, DEL, and C1: bytes with these are seldom meant as text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const CONTROL_CHARACTER = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/;

/** A record of a batch with its properties decoded. Throws PROPERTIES_MALFORMED. */
export function receivedRecord(view: RecordView): ReceivedRecord {
  const properties = view.properties.length === 0 ? NO_PROPERTIES : decodeProperties(view.properties);
  return { ...view, properties };
}

/** Without a newline; the line has none inside either. */
export function recordLine(record: ReceivedRecord): string {
  const {
    gateway,
    lane,
    offset,
    device,
    topic,
    timeMs,
    qos,
    retain,
    dup,
    will,
    deadLetter,
    payload,
    properties,
  } = record;
  return JSON.stringify({
    gateway,
    lane,
    offset,
    device,
    topic,
    time: timeMs === undefined ? undefined : new Date(timeMs).toISOString(),
    qos,
    retain,
    dup,
    will,
    deadLetter,
    ...textOrBase64('payload', payload),
    properties: printable(properties),
  });
}

function printable(properties: MqttProperties): Record<string, unknown> {
  const { correlationData, ...others } = properties;
  return correlationData === undefined
    ? others
    : { ...others, ...textOrBase64('correlationData', correlationData) };
}

function textOrBase64(name: string, bytes: Uint8Array): Record<string, string> {
  const text = textOf(bytes);
  if (text !== undefined) return { [name]: text };
  return {
    [`${name}Base64`]: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64'),
  };
}

function textOf(bytes: Uint8Array): string | undefined {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    return undefined; // not UTF-8: that is the question
  }
  return CONTROL_CHARACTER.test(text) ? undefined : text;
}
