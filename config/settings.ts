// The whole configuration file as one declaration: the source of the `Config` type, the defaults, validation,
// the JSON Schema and the help table. Rules that concern several settings are in relations.ts, hard bounds in
// limits.ts.

import { access } from './access-settings.ts';
import { days, GiB, KiB, limits, MiB, minutes, seconds } from './limits.ts';
import { host, listeners, port } from './listener-settings.ts';
import { mqttSink } from './mqtt-sink-settings.ts';
import { pressure } from './pressure-settings.ts';
import { quotas } from './quota-settings.ts';
import {
  bool,
  bytes,
  duration,
  type Infer,
  int,
  list,
  map,
  object,
  oneOf,
  string,
  union,
} from './schema/field.ts';
import { topicFilterFault } from './topic-filter.ts';

const lane = object('A stream of messages that keeps its order and has its own place in the buffer.', {
  name: string('Name of the lane.', {
    pattern: '[a-z0-9-]{1,32}',
    form: '1 to 32 of the characters a-z 0-9 -',
  }),
  match: list('MQTT topic filters; a message goes to the first lane that matches.', {
    item: string('An MQTT topic filter.', {
      lengthMax: 1024,
      form: "an MQTT topic filter such as 'plant/+/alarm/#'",
      check: topicFilterFault,
    }),
    lengthMin: 1,
    lengthMax: limits.filtersMax,
  }),
  priority: oneOf('Under pressure, messages for low lanes wait before those for others.', {
    values: ['normal', 'low'],
    default: 'normal',
  }),
});

const mqtt = object('What devices may do.', {
  packetBytesMax: bytes('Largest MQTT packet taken from a device.', {
    ...limits.packetBytes,
    default: 1 * MiB,
  }),
  malformedPayload: oneOf(
    'What becomes of a message whose payload is not the UTF-8 that its properties (MQTT 5) say it is.',
    { values: ['accept', 'refuse', 'dead-letter'], default: 'accept' },
  ),
  connectTimeoutMs: duration('How long a new connection has for its CONNECT packet.', {
    ...limits.connectTimeoutMs,
    default: 10 * seconds,
  }),
  idleProbeMs: duration('How long a connection is silent before the system asks whether its peer is there.', {
    ...limits.idleProbeMs,
    default: 2 * minutes,
  }),
  keepAliveMaxMs: duration('Longest keep-alive; a device that asks for more is given this.', {
    ...limits.keepAliveMs,
    default: 20 * minutes,
  }),
  receiveMaximum: int(
    'Unacknowledged messages a device may have under way; also how far back re-sent ones are recognised.',
    { ...limits.receiveMaximum, default: 256 },
  ),
  unreleasedMax: int('QoS 2 messages of one device that are received and not released.', {
    ...limits.unreleased,
    default: 2048,
  }),
  topicAliasMaximum: int('Topic aliases a device may use.', { ...limits.topicAliases, default: 32 }),
  topicLevelsMax: int('Most levels in a topic.', { ...limits.topicLevels, default: 32 }),
  topicBytesMax: bytes('Longest topic.', { ...limits.topicBytes, default: 1 * KiB }),
  clientIdBytesMax: bytes('Longest client identifier.', { ...limits.clientIdBytes, default: 128 }),
  subscriptionsMax: int('Most subscriptions per device.', { ...limits.subscriptions, default: 200 }),
  subscriptionsTotalMax: int('Most subscriptions of all devices together.', {
    ...limits.subscriptionsTotal,
    default: 100_000,
  }),
  sessionExpiryMaxMs: duration('Longest time a session is kept after its device disconnects.', {
    ...limits.sessionExpiryMs,
    default: 30 * days,
  }),
  heldBytesMax: bytes('Bytes a device may send before it is authenticated.', {
    ...limits.heldBytes,
    default: 256 * KiB,
  }),
  outboundBytesMax: bytes('Unsent bytes towards one device before it counts as slow.', {
    ...limits.outboundBytes,
    default: 1 * MiB,
  }),
});

const sessions = object('What is kept for devices that are away, and retained messages.', {
  queuedMessagesMax: int('Most messages queued for one device that is away.', {
    ...limits.queuedMessages,
    default: 1000,
  }),
  queuedBytesMax: bytes('Most bytes queued for one device that is away.', {
    ...limits.queuedBytes,
    default: 4 * MiB,
  }),
  retainedMessagesMax: int('Most retained messages.', { ...limits.retainedMessages, default: 100_000 }),
  retainedBytesMax: bytes('Most bytes of retained messages.', {
    ...limits.retainedBytes,
    default: 64 * MiB,
  }),
  willsBytesMax: bytes('Most bytes of wills; who brings more is refused.', {
    ...limits.willsBytes,
    default: 64 * MiB,
  }),
  sessionsMax: int('Most sessions kept.', { ...limits.sessions, default: 50_000 }),
});

const commit = object('When what devices sent is written to disk and acknowledged.', {
  lingerMs: duration('How long the first message of a commit waits for others.', {
    ...limits.commitLingerMs,
    default: 20,
  }),
  recordsMax: int('Most messages in one commit.', { ...limits.commitRecords, default: 16_384 }),
  bytesMax: bytes('Most bytes in one commit.', { ...limits.commitBytes, default: 2 * MiB }),
});

const buffer = object('The log on disk.', {
  maxBytes: bytes('Hard limit of everything the log has on disk; at the limit devices are made to wait.', {
    ...limits.bufferBytes,
    default: 4 * GiB,
  }),
  compression: oneOf('Compression of what is kept.', { values: ['zstd', 'gzip', 'none'], default: 'zstd' }),
  compressionLevel: int('Effort of the compression; more is smaller and slower.', {
    ...limits.compressionLevel,
    default: 1,
  }),
  tailBytes: bytes('Delivered messages kept so that re-sent ones are recognised after a crash.', {
    ...limits.tailBytes,
    default: 8 * MiB,
  }),
  minFreeDiskBytes: bytes('Free space that is always left on the disk.', {
    ...limits.freeDiskBytes,
    default: 64 * MiB,
  }),
  synchronous: oneOf(
    "full is safe; 'normal' can lose acknowledged messages at a power cut and is for tests only.",
    { values: ['full', 'normal'], default: 'full' },
  ),
  checkpointBytes: bytes('Size of the write-ahead log at which it is moved into the database.', {
    ...limits.checkpointBytes,
    default: 16 * MiB,
  }),
});

/** The schema of the configuration file. */
export const settings = object('Configuration of a Sluice gateway.', {
  gateway: object('Who this gateway is.', {
    id: string('Name of the gateway in every record; empty means made once and kept in the data directory.', {
      default: '',
      pattern: '[A-Za-z0-9._-]{1,64}',
      form: '1 to 64 of the characters A-Z a-z 0-9 . _ -',
    }),
  }),
  data: object('Where things are kept.', {
    dir: string('Data directory, relative to the directory the gateway is started in.', {
      default: './data',
      pattern: '[^\\u0000]{1,4096}',
      form: 'the path of a directory',
    }),
  }),
  listeners,
  access,
  quotas,
  pressure,
  mqtt,
  sessions,
  lanes: list('Streams of messages, tried in this order; the last one must match everything.', {
    item: lane,
    default: [{ name: 'main', match: ['#'], priority: 'normal' }],
    lengthMin: 1,
    lengthMax: limits.lanesMax,
  }),
  commit,
  buffer,
  sinks: map('Where messages are sent on to; without any they are only kept.', {
    item: union('One destination.', { mqtt: mqttSink }),
    entry: 'name',
    pattern: '[a-z0-9-]{1,32}',
    form: '1 to 32 of the characters a-z 0-9 -',
    entriesMax: limits.sinksMax,
  }),
  upstream: object('An embedded broker standing in for the cloud, to try things out with.', {
    embedded: bool('Run it inside the gateway.', { default: false }),
    host: host('Address it listens on.'),
    port: port(1884),
  }),
  log: object('What the gateway says about itself.', {
    level: oneOf('Least important messages that are printed.', {
      values: ['trace', 'debug', 'info', 'warn', 'error'],
      default: 'info',
    }),
    format: oneOf('auto is pretty on a terminal and json otherwise.', {
      values: ['auto', 'json', 'pretty'],
      default: 'auto',
    }),
  }),
});

/** Effective settings, validated: every value present, in the unit its name ends with. */
export type Config = Infer<typeof settings>;
export type ListenerConfig = Config['listeners'][number];
export type LaneConfig = Config['lanes'][number];
export type SinkConfig = Config['sinks'][string];
export type MqttSinkConfig = Extract<SinkConfig, { type: 'mqtt' }>;
export type LogConfig = Config['log'];
