// Upstream batches as MQTT messages. Format `batch`: the encoded record batch is one payload, and on MQTT 5
// its name (gateway/lane/firstOffset/count) and content type travel as properties. Format `each`: one message
// per record - its topic by the template, its payload, its retain flag, its MQTT 5 properties, and its name
// (gateway/lane/offset); the first one after names that were left out says which.
//
// A record that came with QoS 0 is sent with QoS 1: without an acknowledgement upstream it would never be
// known to have arrived, and the log could never forget it. QoS 1 and 2 are kept, unless the upstream grants
// less. MQTT 3.1.1 has no properties: names are only inside batches there, and messages of `each` have none.

import type { Clock } from '../../../config/clock.ts';
import { type RecordBatch, RecordFlag } from '../../../storage/record-batch/record-batch.ts';
import { REASON_TOO_LARGE, type UpstreamBatch } from '../sink.ts';
import { DEFAULT_TOPICS, type MqttSinkSettings } from './config.ts';
import { type FrameWriter, frameBytes, type PublishFrame } from './frame-writer.ts';
import {
  CopyFault,
  contentTypeProperty,
  copyProperties,
  leftOutProperty,
  NameProperty,
} from './properties.ts';
import { topicBytes } from './topic.ts';

export const BATCH_CONTENT_TYPE = 'application/vnd.sluice.batch+cbor';

/** What the upstream has said about itself in CONNACK (MQTT 5.0 3.2.2.3). */
export interface UpstreamLimits {
  messageBytesMax: number;
  qosMax: 1 | 2;
  retainAvailable: boolean;
}

export interface MessageContext {
  sink: string;
  bootId: string;
  clock: Clock;
  recordMonotonicMs: () => number;
}

/** What became of a message: written with this QoS, or the reason why it never will be. */
export type Written = 1 | 2 | string;

/** The messages of one upstream batch, written in order. */
export interface MessageRun {
  /** How many messages there are. */
  readonly count: number;
  writeNext(out: FrameWriter, packetId: number, limits: UpstreamLimits): Written;
}

export class MessageMaker {
  readonly #settings: MqttSinkSettings;
  readonly #context: MessageContext;

  constructor(settings: MqttSinkSettings, context: MessageContext) {
    this.#settings = settings;
    this.#context = context;
  }

  runOf({ gateway, lane, firstOffset, count, body }: UpstreamBatch): MessageRun {
    const template = this.#settings.topic || DEFAULT_TOPICS[this.#settings.format];
    const { protocolVersion, qos } = this.#settings;
    const topicOf = (topic?: string, device?: string) =>
      topicBytes(template, { gateway, lane, sink: this.#context.sink, topic, device });
    if (body.kind === 'records') {
      const bySender = template.includes('{device}');
      return new RecordRun(body.records, { protocolVersion, topicOf, bySender, context: this.#context });
    }
    const name = `${gateway}/${lane}/${firstOffset}/${count}`;
    return new EncodedRun(body.bytes, { protocolVersion, qos, topic: topicOf(), name });
  }
}

interface EncodedRunOptions {
  protocolVersion: 4 | 5;
  qos: 1 | 2;
  topic: Buffer | null;
  name: string;
}

class EncodedRun implements MessageRun {
  readonly count = 1;
  readonly #bytes: Buffer;
  readonly #options: EncodedRunOptions;

  constructor(bytes: Buffer, options: EncodedRunOptions) {
    this.#bytes = bytes;
    this.#options = options;
  }

  writeNext(out: FrameWriter, packetId: number, limits: UpstreamLimits): Written {
    const { protocolVersion, topic, name } = this.#options;
    if (topic === null) return 'topic-invalid';
    const qos = Math.min(this.#options.qos, limits.qosMax) as 1 | 2;
    const properties = batchProperties(name);
    const frame = { protocolVersion, qos, retain: false, packetId, topic, properties, payload: this.#bytes };
    if (frameBytes(frame) > limits.messageBytesMax) return REASON_TOO_LARGE;
    out.publish(frame);
    return qos;
  }
}

const CONTENT_TYPE = contentTypeProperty(BATCH_CONTENT_TYPE);
const BATCH_NAME = new NameProperty('');

function batchProperties(name: string): Buffer {
  const properties = Buffer.alloc(CONTENT_TYPE.length + BATCH_NAME.bytes + name.length);
  properties.set(CONTENT_TYPE, 0);
  BATCH_NAME.write(properties, CONTENT_TYPE.length, name);
  return properties;
}

interface RecordRunOptions {
  protocolVersion: 4 | 5;
  topicOf: (topic: string, device: string) => Buffer | null;
  /** The topic depends on the device as well. */
  bySender: boolean;
  context: MessageContext;
}

/** Decimal digits of the largest offset. */
const OFFSET_DIGITS_MAX = 16;
/** Before this time (2020) a wall clock has not been set yet, and nothing can be said about ages. */
const CLOCK_SET_MS = 1_577_836_800_000;

const NO_BYTES = Buffer.alloc(0);

class RecordRun implements MessageRun {
  readonly count: number;
  readonly #records: RecordBatch;
  readonly #options: RecordRunOptions;
  readonly #name: NameProperty;
  /** Goes with the first record that is sent. */
  #leftOut: Buffer;
  readonly #topics = new Map<number, Buffer | null>();
  #index = 0;
  #at = 0;
  #scratch = Buffer.allocUnsafe(1024);
  /** Filled anew for every record, so that none is allocated. */
  readonly #frame: PublishFrame;

  constructor(records: RecordBatch, options: RecordRunOptions) {
    this.count = records.count;
    this.#records = records;
    this.#options = options;
    this.#name = new NameProperty(`${records.gateway}/${records.lane}/`);
    const none = NO_BYTES;
    const { leftOutFrom, firstOffset } = records;
    this.#leftOut = leftOutFrom === undefined ? none : leftOutProperty(leftOutFrom, firstOffset);
    const { protocolVersion } = options;
    this.#frame = {
      protocolVersion,
      qos: 1,
      retain: false,
      packetId: 0,
      topic: none,
      properties: none,
      payload: none,
    };
  }

  writeNext(out: FrameWriter, packetId: number, limits: UpstreamLimits): Written {
    const { payloadBytes, propertiesBytes, data, flags } = this.#records;
    const i = this.#index++;
    const payloadAt = this.#at + (propertiesBytes === null ? 0 : propertiesBytes[i]);
    const raw = data.subarray(this.#at, payloadAt);
    this.#at = payloadAt + payloadBytes[i];
    const topic = this.#topic(i);
    if (topic === null) return 'topic-invalid';
    const fault = this.#properties(i, raw);
    if (fault !== null) return fault;
    const frame = this.#frame;
    frame.topic = topic;
    frame.packetId = packetId;
    frame.payload = data.subarray(payloadAt, this.#at);
    frame.qos = Math.min(Math.max(flags[i] & RecordFlag.qosMask, 1), limits.qosMax) as 1 | 2;
    frame.retain = limits.retainAvailable && (flags[i] & RecordFlag.retain) !== 0;
    if (frameBytes(frame) > limits.messageBytesMax) return REASON_TOO_LARGE;
    out.publish(frame);
    this.#leftOut = NO_BYTES;
    return frame.qos;
  }

  #topic(i: number): Buffer | null {
    const { topic, device, topics, devices } = this.#records;
    const key = this.#options.bySender ? device[i] * 0x10000 + topic[i] : topic[i];
    let bytes = this.#topics.get(key);
    if (bytes === undefined) {
      bytes = this.#options.topicOf(topics[topic[i]], devices[device[i]]);
      this.#topics.set(key, bytes);
    }
    return bytes;
  }

  /** Sets the frame's properties; a reason when the record may not be sent. */
  #properties(i: number, raw: Uint8Array): string | null {
    const bytesMax = raw.length + this.#name.bytes + OFFSET_DIGITS_MAX + this.#leftOut.length;
    if (bytesMax > this.#scratch.length) this.#scratch = Buffer.allocUnsafe(2 * bytesMax);
    let end = 0;
    if (raw.length > 0) {
      end = copyProperties(raw, this.#scratch, 0, this.#ageS(i));
      if (end === CopyFault.expired) return 'expired';
      if (end === CopyFault.malformed) return 'malformed-properties';
    }
    end = this.#name.write(this.#scratch, end, String(this.#records.firstOffset + i));
    if (this.#leftOut.length > 0) end += this.#leftOut.copy(this.#scratch, end);
    this.#frame.properties = this.#scratch.subarray(0, end);
    return null;
  }

  /** Whole seconds since the record was taken; by the wall clock only where there is nothing better. */
  #ageS(i: number): number {
    const { bootId, baseMonotonicMs, baseTimeMs, timeMs } = this.#records;
    const { context } = this.#options;
    const nowMs = context.clock.nowMs();
    let sinceBaseMs = 0;
    if (bootId === context.bootId) sinceBaseMs = context.recordMonotonicMs() - baseMonotonicMs;
    else if (baseTimeMs >= CLOCK_SET_MS && nowMs >= CLOCK_SET_MS) sinceBaseMs = nowMs - baseTimeMs;
    return Math.max(0, Math.floor((sinceBaseMs - timeMs[i]) / 1000));
  }
}
