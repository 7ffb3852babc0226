// Settings of a sink of type `mqtt`: where it connects, what it publishes, how much may be under way, and
// what it does when the upstream is gone. Relations between settings are in relations.ts.

import { KiB, limits, MiB, minutes, seconds } from './limits.ts';
import { bool, bytes, duration, int, list, object, oneOf, string, url } from './schema/field.ts';
import { topicFilterFault } from './topic-filter.ts';
import { topicTemplateFault } from './topic-template.ts';

const textMax = 1024;

const tls = object('TLS, used when the URL begins with mqtts:// or wss://.', {
  ca: string('Path of the PEM file with the authorities to trust instead of those of the system.', {
    default: '',
    lengthMax: 4096,
  }),
  cert: string('Path of the PEM file with the client certificate.', { default: '', lengthMax: 4096 }),
  key: string('Path of the PEM file with the private key of the client certificate.', {
    default: '',
    lengthMax: 4096,
  }),
  rejectUnauthorized: bool('Refuse an upstream whose certificate cannot be verified.', { default: true }),
});

const batch = object('When an upstream message (format batch) is complete.', {
  maxBytes: bytes(
    'Size aimed at for one batch as it is sent, compressed; one larger message still goes alone.',
    {
      ...limits.batchBytes,
      default: 256 * KiB,
    },
  ),
  maxMessages: int('Most messages in one batch.', { ...limits.batchMessages, default: 20_000 }),
  lingerMs: duration('How long a batch that is not full waits for more.', {
    ...limits.batchLingerMs,
    default: 100,
  }),
});

const inFlight = object('How much may be sent and not yet acknowledged by the upstream.', {
  batchesMax: int('Most batches under way (format batch).', { ...limits.inFlightBatches, default: 16 }),
  messagesMax: int('Most messages under way (format each).', { ...limits.inFlightMessages, default: 1000 }),
  bytesMax: bytes('Most bytes under way, in either format.', { ...limits.inFlightBytes, default: 8 * MiB }),
});

const reconnect = object('Waiting between attempts to connect; it doubles each time, with jitter.', {
  minMs: duration('Wait before the first new attempt.', { ...limits.reconnectMs, default: 500 }),
  maxMs: duration('Longest wait between two attempts.', { ...limits.reconnectMs, default: 1 * minutes }),
  stableAfterMs: duration('How long a connection must last before the wait begins at minMs again.', {
    ...limits.stableAfterMs,
    default: 30 * seconds,
  }),
});

const breaker = object('Stops sending for a while when an upstream that takes connections keeps failing.', {
  failures: int('Failures in a row that open the breaker.', { ...limits.breakerFailures, default: 5 }),
  openMs: duration('How long it stays open before one message is tried.', {
    ...limits.breakerOpenMs,
    default: 15 * seconds,
  }),
});

const command = object('One upstream subscription whose messages are published to local devices.', {
  filter: string('MQTT topic filter to subscribe to upstream.', {
    lengthMax: textMax,
    form: "an MQTT topic filter such as 'devices/+/set'",
    check: topicFilterFault,
  }),
  qos: oneOf('Quality of service of the subscription.', { values: [0, 1, 2], default: 1 }),
});

/** The fields of one `sinks` entry of type mqtt. */
export const mqttSink = object('An MQTT broker in the cloud or on site.', {
  url: url('Where the broker is: mqtt://, mqtts://, ws:// or wss://.', {
    schemes: ['mqtt', 'mqtts', 'ws', 'wss'],
    default: 'mqtt://127.0.0.1:1884',
    instead: 'Use the settings username and password instead.',
  }),
  clientId: string('MQTT client identifier; empty means sluice-{gateway}-{sink}.', {
    default: '',
    lengthMax: 256,
  }),
  username: string('User name; empty means none.', { default: '', lengthMax: textMax }),
  password: string('Password; never printed.', { default: '', lengthMax: 65_535, secret: true }),
  protocolVersion: oneOf('5 for MQTT 5.0, 4 for MQTT 3.1.1.', { values: [5, 4], default: 5 }),
  format: oneOf('batch sends many messages in one, each sends every message by itself.', {
    values: ['batch', 'each'],
    default: 'batch',
  }),
  topic: string(
    'Upstream topic with {gateway} {lane} {sink}, and with format each {topic} {device}; ' +
      'empty means sluice/{gateway}/{lane} for batch and {topic} for each.',
    {
      default: '',
      lengthMax: textMax,
      form: 'a topic such as sluice/{gateway}/{lane}; placeholders: {gateway} {lane} {sink} {topic} {device}',
      check: topicTemplateFault,
    },
  ),
  qos: oneOf('Quality of service towards the upstream.', { values: [1, 2], default: 1 }),
  compression: oneOf('Compression of batches.', { values: ['zstd', 'gzip', 'none'], default: 'zstd' }),
  lanes: list('Names of the lanes to send; empty means all of them.', {
    item: string('Name of a lane.', { lengthMax: 32 }),
    default: [],
    lengthMax: limits.lanesMax,
  }),
  batch,
  inFlight,
  keepAliveMs: duration('MQTT keep-alive towards the upstream.', {
    ...limits.keepAliveMs,
    default: 30 * seconds,
  }),
  connectTimeoutMs: duration('How long connecting may take.', {
    ...limits.connectTimeoutMs,
    default: 20 * seconds,
  }),
  reconnect,
  ackTimeoutMs: duration('Connected but nothing acknowledged for this long: the connection is made anew.', {
    ...limits.ackTimeoutMs,
    default: 30 * seconds,
  }),
  breaker,
  commands: list('Upstream subscriptions whose messages go to local devices.', {
    item: command,
    default: [],
    lengthMax: limits.commandsMax,
  }),
  tls,
});
