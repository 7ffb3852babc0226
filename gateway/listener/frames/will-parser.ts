// Parses the will of a CONNECT: its properties (MQTT 5), topic and payload (MQTT 5.0 3.1.3.2 to 3.1.3.4). Its
// topic is judged like that of a PUBLISH, because it becomes one.

import type { Will } from './connect.ts';
import type { FieldReader } from './field-reader.ts';
import type { FrameRules, ProtocolVersion } from './frame-rules.ts';
import { type PropertyValues, propertyBytes } from './properties.ts';
import { place, property } from './property-table.ts';
import { reason } from './reasons.ts';
import { judgeResponseTopic, judgeTopicName } from './topic-name.ts';

interface WillFlags {
  readonly version: ProtocolVersion;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
}

/** Reads the will at `reader.at`; what is wrong with it is noted in `reader`. */
export function parseWill(reader: FieldReader, rules: FrameRules, flags: WillFlags): Will {
  const properties = parseProperties(reader, flags.version);
  const topicStart = reader.skipPrefixed();
  const topicEnd = reader.at;
  reader.failWhen(topicStart === topicEnd, reason.topicEmpty);
  reader.fail(judgeTopicName(reader.buffer, topicStart, topicEnd, rules));
  const topic = reader.buffer.toString('utf8', topicStart, topicEnd);
  const payload = reader.binary();
  return { topic, payload, qos: flags.qos, retain: flags.retain, ...properties };
}

type WillProperties = Omit<Will, 'topic' | 'payload' | 'qos' | 'retain'>;

function parseProperties(reader: FieldReader, version: ProtocolVersion): WillProperties {
  if (version !== 5) {
    return {
      delayS: 0,
      messageExpiryS: undefined,
      payloadFormatUtf8: false,
      contentType: undefined,
      responseTopic: undefined,
      correlationData: undefined,
      userProperties: [],
    };
  }
  const values = reader.properties(place.will);
  if (values.has(property.responseTopic)) {
    const start = values.starts[property.responseTopic]!;
    reader.fail(judgeResponseTopic(reader.buffer, start, values.ends[property.responseTopic]!));
  }
  return {
    delayS: values.number(property.willDelay, 0),
    messageExpiryS: values.has(property.messageExpiry) ? values.numbers[property.messageExpiry] : undefined,
    payloadFormatUtf8: values.number(property.payloadFormat, 0) === 1,
    contentType: reader.textProperty(values, property.contentType),
    responseTopic: reader.textProperty(values, property.responseTopic),
    correlationData: reader.binaryProperty(values, property.correlationData),
    userProperties: userPropertiesOf(reader.buffer, values),
  };
}

function userPropertiesOf(buffer: Buffer, values: PropertyValues): [string, string][] {
  const found: [string, string][] = [];
  if (!values.has(property.userProperty)) return found;
  for (let at = values.start; at < values.end; at += propertyBytes(buffer, at, values.end)) {
    if (buffer[at] !== property.userProperty) continue;
    const nameStart = at + 3;
    const nameEnd = nameStart + buffer.readUInt16BE(nameStart - 2);
    const valueStart = nameEnd + 2;
    const valueEnd = valueStart + buffer.readUInt16BE(nameEnd);
    found.push([buffer.toString('utf8', nameStart, nameEnd), buffer.toString('utf8', valueStart, valueEnd)]);
  }
  return found;
}
