import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../../config/load.ts';
import { openAccess } from '../../support/gateway-settings.ts';

/** Lines `severity path: message` of what is said about `text`. */
function said(text: string): string[] {
  const result = loadConfig({ text, env: openAccess });
  const [severity, found] = result.ok ? ['warning', result.warnings] : ['problem', result.problems];
  return found.map(({ path, message }) => `${severity} ${path}: ${message}`);
}

const mqtt = (settings: string) => `sinks: {cloud: {type: mqtt, ${settings}}}`;

describe('ports', () => {
  test.each([
    ['one host', 'listeners: [{type: tcp}, {type: ws, port: 1883}]'],
    ['every address and one of them', 'listeners: [{type: tcp, host: 0.0.0.0}, {type: ws, port: 1883}]'],
    ['one address and every', 'listeners: [{type: tcp}, {type: ws, port: 1883, host: "::"}]'],
    ['two names of one host', 'listeners: [{type: tcp}, {type: ws, port: 1883, host: LocalHost}]'],
  ])('two listeners on the same port of %s are refused', (_, text) => {
    expect(said(text)).toEqual(['problem listeners.1.port: 1883 is already the port of listeners.0']);
  });

  test.each([
    ['different ports', 'listeners: [{type: tcp}, {type: tcp, port: 1885}]'],
    ['different hosts', 'listeners: [{type: tcp}, {type: tcp, host: 127.0.0.2}]'],
    ['any free port', 'listeners: [{type: tcp, port: 0}, {type: tcp, port: 0}]'],
    ['an upstream that is not embedded', 'listeners: [{type: tcp, port: 1884}]'],
  ])('%s are fine', (_, text) => {
    expect(said(text)).toEqual([]);
  });

  test('the embedded upstream needs its own port', () => {
    expect(said('listeners: [{type: tcp, port: 1884}]\nupstream: {embedded: true}')).toEqual([
      'problem upstream.port: 1884 is already the port of listeners.0',
    ]);
  });

  test('the problem is on the line of a setting that was written', () => {
    const text = 'upstream: {embedded: true}\nlisteners:\n  - type: tcp\n    port: 1884';
    const result = loadConfig({ text, env: openAccess });
    expect(!result.ok && result.problems[0]).toMatchObject({ path: 'upstream.port', line: 4 });
  });
});

describe('lanes', () => {
  test('the last one must match everything', () => {
    expect(said('lanes: [{name: a, match: [x]}]')).toEqual([
      'problem lanes.0.match: the last lane, a, must match every topic, or some messages have no lane',
    ]);
  });

  test.each(['lanes: [{name: a, match: [x, "#"]}]', 'lanes: [{name: a, match: ["+/#"]}]'])(
    '%s does',
    (text) => {
      expect(said(text)).toEqual([]);
    },
  );

  test('names are given once', () => {
    expect(said('lanes: [{name: a, match: [x]}, {name: a, match: ["#"]}]')).toEqual([
      'problem lanes.1.name: a is already the name of lanes.0',
    ]);
  });

  test('a lane behind one that matches everything is odd', () => {
    expect(said('lanes: [{name: a, match: ["#"]}, {name: b, match: ["#"]}]')).toEqual([
      'warning lanes.0.match: a matches every topic, so the lanes after it get none',
    ]);
  });

  test('a sink names lanes that exist, once each', () => {
    expect(said(mqtt('lanes: [main, other, main]'))).toEqual([
      'problem sinks.cloud.lanes.1: "other" is not the name of a lane',
      'problem sinks.cloud.lanes.2: "main" is listed twice',
    ]);
  });
});

describe('sizes', () => {
  test('a commit holds the largest packet', () => {
    expect(said('commit: {bytesMax: 512KiB}')).toEqual([
      'problem commit.bytesMax: 512KiB is less than mqtt.packetBytesMax, 1MiB',
    ]);
    expect(said('commit: {bytesMax: 1MiB}')).toEqual([]);
  });

  test('the buffer holds four commits', () => {
    expect(said('commit: {bytesMax: 4MiB}\nbuffer: {maxBytes: 15MiB}')).toEqual([
      'problem buffer.maxBytes: 15MiB is less than 4 times commit.bytesMax',
    ]);
    const text =
      'commit: {bytesMax: 4MiB}\nbuffer: {maxBytes: 16MiB, tailBytes: 2MiB, checkpointBytes: 2MiB}';
    expect(said(text)).toEqual([]);
  });

  test('a buffer wholly taken by what is not waiting is refused', () => {
    expect(said('buffer: {maxBytes: 8MiB}')).toEqual([
      'problem buffer.maxBytes: buffer.tailBytes and buffer.checkpointBytes leave no room for messages in 8MiB',
    ]);
    expect(said('buffer: {maxBytes: 8MiB, tailBytes: 1MiB, checkpointBytes: 1MiB}')).toEqual([]);
  });

  test('a buffer mostly taken by what is not waiting is odd', () => {
    expect(said('buffer: {maxBytes: 40MiB}')).toEqual([
      'warning buffer.maxBytes: buffer.tailBytes and buffer.checkpointBytes can take more than half of 40MiB',
    ]);
  });

  test('queues smaller than a packet are odd', () => {
    expect(said('mqtt: {outboundBytesMax: 64KiB}\nsessions: {queuedBytesMax: 64KiB}')).toEqual([
      'warning mqtt.outboundBytesMax: 64KiB is less than mqtt.packetBytesMax, 1MiB',
      'warning sessions.queuedBytesMax: 64KiB is less than mqtt.packetBytesMax, 1MiB',
    ]);
  });

  test('fewer unreleased messages than the receive maximum are odd', () => {
    expect(said('mqtt: {unreleasedMax: 100}')).toEqual([
      'warning mqtt.unreleasedMax: 100 is less than mqtt.receiveMaximum, 256',
    ]);
    expect(said('mqtt: {unreleasedMax: 256}')).toEqual([]);
  });

  test('a full batch fits into the flight', () => {
    expect(said(mqtt('batch: {maxBytes: 2MiB}, inFlight: {bytesMax: 1MiB}'))).toEqual([
      'problem sinks.cloud.inFlight.bytesMax: 1MiB is less than batch.maxBytes, 2MiB',
    ]);
    expect(said(mqtt('format: each, batch: {maxBytes: 2MiB}, inFlight: {bytesMax: 1MiB}'))).toEqual([]);
  });

  test('the longest wait is not shorter than the first', () => {
    expect(said(mqtt('reconnect: {minMs: 5s, maxMs: 1s}'))).toEqual([
      'problem sinks.cloud.reconnect.maxMs: 1s is less than reconnect.minMs',
    ]);
  });
});

describe('topics of a sink', () => {
  test.each(['topic', 'device'])('{%s} has no meaning in a batch', (placeholder) => {
    expect(said(mqtt(`topic: "x/{${placeholder}}"`))).toEqual([
      `problem sinks.cloud.topic: {${placeholder}} has no meaning with format batch, where one upstream message holds many`,
    ]);
    expect(said(mqtt(`format: each, topic: "x/{${placeholder}}"`))).toEqual([]);
  });

  test('MQTT 3.1.1 with commands that could be its own messages is refused', () => {
    expect(said(mqtt('protocolVersion: 4, commands: [{filter: cmd/#}, {filter: "sluice/#"}]'))).toEqual([
      `problem sinks.cloud.commands.1.filter: "sluice/#" could match this sink's own upstream topic, "sluice/{gateway}/{lane}"`,
    ]);
    expect(said(mqtt('protocolVersion: 4, format: each, commands: [{filter: cmd/#}]'))).toHaveLength(1);
  });

  test.each([
    ['MQTT 5, which keeps own messages away', 'commands: [{filter: "#"}]'],
    [
      'topics that cannot meet',
      'protocolVersion: 4, format: each, topic: "up/{topic}", commands: [{filter: down/#}]',
    ],
    ['another lane', 'protocolVersion: 4, commands: [{filter: "sluice/+/other"}]'],
  ])('%s is fine', (_, settings) => {
    expect(said(mqtt(settings))).toEqual([]);
  });

  test('the lanes and the gateway of the sink are what its topic can hold', () => {
    const lanes = 'lanes: [{name: a, match: [a]}, {name: b, match: ["#"]}]\ngateway: {id: g1}\n';
    const sink = (filter: string) =>
      mqtt(`protocolVersion: 4, lanes: [a], commands: [{filter: "${filter}"}]`);
    expect(said(lanes + sink('sluice/+/a'))).toHaveLength(1);
    expect(said(lanes + sink('sluice/+/b'))).toEqual([]);
    expect(said(lanes + sink('sluice/g2/#'))).toEqual([]);
  });
});

describe('safety', () => {
  test.each([
    [
      'buffer: {synchronous: normal}',
      'warning buffer.synchronous: normal can lose acknowledged messages at a power cut',
    ],
    [
      mqtt('url: "mqtts://x", tls: {rejectUnauthorized: false}'),
      'warning sinks.cloud.tls.rejectUnauthorized: anybody who can intercept the connection can read and change what is sent',
    ],
    [mqtt('url: "mqtt://x", username: u, password: p'), 'warning sinks.cloud.password: is sent unencrypted'],
    [
      mqtt('url: "mqtt://localhost.example.com", username: u, password: p'),
      'warning sinks.cloud.password: is sent unencrypted',
    ],
    [mqtt('tls: {ca: x}'), 'warning sinks.cloud.tls: is not used, because the URL is not an encrypted one'],
    [mqtt('url: "wss://x", tls: {cert: x}'), 'problem sinks.cloud.tls.key: is empty, but tls.cert is set'],
    [mqtt('url: "wss://x", tls: {key: x}'), 'problem sinks.cloud.tls.cert: is empty, but tls.key is set'],
    [
      mqtt('protocolVersion: 4, password: p'),
      'problem sinks.cloud.username: is empty, but a password is set, which MQTT 3.1.1 does not allow',
    ],
  ])('%s is noticed', (text, expected) => {
    expect(said(text)).toEqual([expected]);
  });

  test.each([
    mqtt('url: "mqtts://x", username: u, password: p, tls: {ca: a, cert: c, key: k}'),
    mqtt('url: "mqtt://localhost:1", username: u, password: p'),
    mqtt('url: "mqtt://[::1]", username: u, password: p'),
    mqtt('password: p'),
  ])('%s is fine', (text) => {
    expect(said(text)).toEqual([]);
  });
});
