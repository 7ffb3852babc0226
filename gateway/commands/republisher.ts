// Publishes records one by one to another broker, each with the QoS, retain flag and MQTT 5 properties that its device
// gave it, and with its name in the user property `sluice`, by which the other side can tell duplicates.
//
// Order: records go out in the order in which they were given. A record counts as delivered when the broker has
// acknowledged it (QoS 1: PUBACK, QoS 2: PUBCOMP; QoS 0 when it is written). mqtt.js sends again what was not
// acknowledged when the connection broke. A record that the broker refuses stops the command: skipping it would be a
// loss that nobody decided. In flight at most IN_FLIGHT_MAX, or what the broker allows (MQTT 5.0 3.2.2.3.3).

import type { IClientPublishOptions, MqttClient } from 'mqtt';
import { connect } from 'mqtt';
import { type Clock, systemClock } from '../../config/clock.ts';
import { messageOf, SluiceError } from '../../config/errors.ts';
import { endClient } from '../../config/mqtt-ending.ts';
import { publicUrl } from './broker-url.ts';
import { firstConnection, reasonOf } from './first-connection.ts';
import type { ReceivedRecord } from './record-line.ts';
import type { RecordOutput } from './record-output.ts';
import { NAME_PROPERTY } from './upstream-message.ts';

export interface RepublisherOptions {
  url: string;
  /** With {topic} {gateway} {lane} {device}. */
  topicTemplate: string;
  fault(error: unknown): void;
}

interface Job {
  records: Iterator<ReceivedRecord>;
  exhausted: boolean;
  unacknowledged: number;
  resolve(): void;
}

const IN_FLIGHT_MAX = 500;
const CONNECT_TIMEOUT_MS = 10_000;
const RECONNECT_MS = 1000;

export class Republisher implements RecordOutput {
  readonly #options: RepublisherOptions;
  readonly #clock: Clock;
  readonly #jobs: Job[] = [];
  /** Taken from their jobs but not sent: the connection went while they were handed over. */
  readonly #again: { job: Job; record: ReceivedRecord }[] = [];
  #client: MqttClient | undefined;
  #online = false;
  #stopped = false;
  #inFlight = 0;
  #inFlightMax = IN_FLIGHT_MAX;

  constructor(options: RepublisherOptions, clock: Clock = systemClock) {
    this.#options = options;
    this.#clock = clock;
  }

  async start(): Promise<void> {
    const client = connect(this.#options.url, {
      protocolVersion: 5,
      keepalive: 30,
      connectTimeout: CONNECT_TIMEOUT_MS,
      reconnectPeriod: RECONNECT_MS,
      reconnectOnConnackError: true,
    });
    this.#client = client;
    // Between 'close' and the next 'connect' mqtt.js is busy with sending again; only then new ones may follow.
    client.on('close', () => {
      this.#online = false;
    });
    client.on('connect', (connack) => {
      this.#online = true;
      this.#inFlightMax = Math.min(IN_FLIGHT_MAX, connack.properties?.receiveMaximum ?? IN_FLIGHT_MAX);
      this.#pump();
    });
    try {
      await firstConnection(client);
    } catch (cause) {
      throw unreachable(this.#options.url, cause);
    }
  }

  deliver(records: Iterable<ReceivedRecord>): Promise<void> {
    return new Promise((resolve) => {
      this.#jobs.push({ records: records[Symbol.iterator](), exhausted: false, unacknowledged: 0, resolve });
      this.#pump();
    });
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#stopped = true;
    if (this.#client !== undefined) await endClient(this.#client, { clock: this.#clock, deadlineMs });
  }

  #pump(): void {
    while (this.#online && !this.#stopped && this.#inFlight < this.#inFlightMax) {
      const next = this.#again.shift() ?? this.#nextRecord();
      if (next === undefined) return;
      this.#publish(next.job, next.record);
    }
  }

  #nextRecord(): { job: Job; record: ReceivedRecord } | undefined {
    while (this.#jobs.length > 0) {
      const job = this.#jobs[0];
      const { done, value } = job.records.next();
      if (!done) {
        job.unacknowledged++;
        return { job, record: value };
      }
      job.exhausted = true;
      this.#jobs.shift();
      if (job.unacknowledged === 0) job.resolve();
    }
    return undefined;
  }

  #publish(job: Job, record: ReceivedRecord): void {
    const topic = fillTemplate(this.#options.topicTemplate, record);
    if (topic === undefined) {
      this.#fail(deviceUnknown(this.#options.topicTemplate));
      return;
    }
    this.#inFlight++;
    this.#client!.publish(topic, asBuffer(record.payload), publishOptions(record), (error) => {
      this.#inFlight--;
      if (error === undefined || error === null) this.#acknowledged(job);
      else if (typeof (error as { code?: unknown }).code === 'number') this.#fail(refused(topic, error));
      else this.#again.push({ job, record });
      this.#pump();
    });
  }

  #acknowledged(job: Job): void {
    job.unacknowledged--;
    if (job.exhausted && job.unacknowledged === 0) job.resolve();
  }

  #fail(error: SluiceError): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#options.fault(error);
  }
}

/** Undefined when the template asks for the device of a record that does not name it. */
export function fillTemplate(template: string, record: ReceivedRecord): string | undefined {
  if (record.device === undefined && template.includes('{device}')) return undefined;
  const { topic, gateway, lane } = record;
  // A device id can have characters that no topic may have (MQTT 5.0 4.7.1).
  const values: Record<string, string> = {
    topic,
    gateway,
    lane,
    device: record.device?.replaceAll(/[+#]/g, '_') ?? '',
  };
  return template.replaceAll(/\{(\w+)\}/g, (placeholder, name: string) => values[name] ?? placeholder);
}

function publishOptions(record: ReceivedRecord): IClientPublishOptions {
  // The first three belong to the connection that the record came by, not to the record.
  const {
    topicAlias: _,
    subscriptionIdentifier: __,
    willDelayInterval: ___,
    ...properties
  } = record.properties;
  const name = `${record.gateway}/${record.lane}/${record.offset}`;
  const userProperties = { ...properties.userProperties, [NAME_PROPERTY]: name };
  return { qos: record.qos, retain: record.retain, properties: { ...properties, userProperties } };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function unreachable(url: string, cause: unknown): SluiceError {
  return new SluiceError(
    'REPUBLISH_UNREACHABLE',
    `cannot republish to ${publicUrl(url)}: ${reasonOf(cause)}`,
    {
      kind: 'transient',
      hint: 'Check that a broker for MQTT 5 runs there, and that it admits this client.',
      cause,
    },
  );
}

function refused(topic: string, cause: Error): SluiceError {
  return new SluiceError('REPUBLISH_REFUSED', `the broker refuses to take '${topic}': ${messageOf(cause)}`, {
    kind: 'permanent',
    hint: 'Allow this client to publish there; what was not acknowledged upstream will come again.',
    cause,
  });
}

function deviceUnknown(template: string): SluiceError {
  return new SluiceError(
    'DEVICE_UNKNOWN',
    `'${template}' needs the device, which format each does not tell`,
    {
      kind: 'permanent',
      hint: 'Use {topic}, or have the gateway send batches.',
    },
  );
}
