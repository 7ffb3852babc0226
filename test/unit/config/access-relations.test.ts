import { describe, expect, test } from 'vitest';
import { hints, said } from './relations-said.ts';

const nobody = 'problem access.anonymous: is false, and there is no other way in: nobody could connect';
const rules = 'rules: [{publish: ["#"]}]';
const certificates = 'certFile: c, keyFile: k, caFile: a, clientCertificates';

describe('a way in', () => {
  test.each([
    ['', 'an empty file'],
    ['access: {rules: [{publish: ["#"]}], failures: {free: 3}}', 'rules alone'],
    ['listeners: [{type: tls, certFile: c, keyFile: k}]', 'TLS without client certificates'],
  ])('is needed, and %j has none', (text) => {
    expect(said(text)).toEqual([nobody]);
  });

  test.each([
    'access: {anonymous: true}',
    `access: {usersFile: u, ${rules}}`,
    `access: {hook: {url: "http://127.0.0.1"}, ${rules}}`,
    `access: {${rules}}\nlisteners: [{type: tcp}, {type: tls, ${certificates}: required}]`,
    `access: {${rules}}\nlisteners: [{type: wss, ${certificates}: optional}]`,
  ])('%j has one', (text) => {
    expect(said(text)).toEqual([]);
  });

  test('nothing is said as long as a listener is not understood that could be one', () => {
    expect(said('listeners: [{type: tsl}]')).toEqual(['problem listeners.0.type: "tsl" is not a known type']);
    expect(said('listeners: [{type: tls, certFile: c, keyFile: k, clientCertificates: yes}]')).toEqual([
      'problem listeners.0.clientCertificates: "yes" is not one of its values',
    ]);
    expect(said('- access')).toEqual(['problem : the file is not a map of settings']);
  });

  test('it is said all the same when a listener has some other problem', () => {
    expect(said('listeners: [{type: tcp, port: 70000}]')).toEqual([
      'problem listeners.0.port: 70000 is more than 65535',
      nobody,
    ]);
  });
});

describe('everybody let in', () => {
  test('from everywhere is odd, and each such listener is named once', () => {
    const text = `access: {anonymous: true, ${rules}}
listeners:
  - {type: tcp, host: 0.0.0.0}
  - {type: ws, host: 127.0.0.1}
  - {type: tls, host: plant.example, ${certificates}: required}
  - {type: wss, host: "::", ${certificates}: optional}`;
    expect(said(text)).toEqual([
      'warning access.anonymous: everybody who can reach listeners.0 (0.0.0.0:1883), listeners.3 ([::]:8084) is let in unasked',
    ]);
  });

  test('on this machine is fine', () => {
    expect(said('access: {anonymous: true}\nlisteners: [{type: tcp, host: "::1"}]')).toEqual([]);
  });
});

describe('rules', () => {
  const locked =
    'warning access.rules: grants nothing to anybody: clients can connect, and may neither publish nor subscribe';

  test.each([
    'access: {usersFile: u}',
    'access: {usersFile: u, rules: [{users: [a]}, {groups: [default]}]}',
    'access: {anonymous: true, rules: [{}]}',
    `access: {anonymous: true}\nlisteners: [{type: tls, ${certificates}: required}]`,
  ])('%j: clients that may do nothing at all are odd', (text) => {
    expect(said(text)).toEqual([locked]);
  });

  test.each([
    'access: {usersFile: u, rules: [{}, {subscribe: [a]}]}',
    'access: {anonymous: true, rules: [{publish: [a]}]}',
  ])('%j: some may do something', (text) => {
    expect(said(text)).toEqual([]);
  });

  test('name groups that exist, or patterns', () => {
    const rule = (groups: string) =>
      `access: {anonymous: true, groups: {plc: {}}, rules: [{groups: ${groups}, publish: [a]}]}`;
    expect(said(rule('[plc, default, "p*", "*"]'))).toEqual([]);
    expect(said(rule('[plc, pcl, ""]'))).toEqual([
      'problem access.rules.0.groups.1: "pcl" is not a group',
      'problem access.rules.0.groups.2: "" is not a group',
    ]);
    expect(hints(rule('[pcl, elsewhere]'))).toEqual(['Did you mean plc?', 'The groups are: plc, default.']);
  });
});

describe('the hook', () => {
  const hook = (settings: string) => `access: {${rules}, hook: {${settings}}}`;

  test('has no use for staleMs when its silence is a refusal', () => {
    expect(said(hook('url: "https://h", staleMs: 1h'))).toEqual([
      'warning access.hook.staleMs: has no effect: silent is refuse',
    ]);
    expect(said(hook('url: "https://h", staleMs: 1h, silent: last-answer'))).toEqual([]);
  });

  test.each([
    ['http://h.example/x', 1],
    ['http://127.example/x', 1],
    ['https://h.example/x', 0],
    ['http://127.0.0.1:8080/x', 0],
    ['http://[::1]/x', 0],
  ])('at %s gets passwords in the clear: %d', (url, times) => {
    const expected = 'warning access.hook.url: user names and passwords are sent to it unencrypted';
    expect(said(hook(`url: "${url}"`))).toEqual(Array(times).fill(expected));
  });
});

test('a wait after failures is shorter than the time for a CONNECT', () => {
  const waits = (delayMaxMs: string, connectTimeoutMs: string) =>
    said(
      `access: {anonymous: true, failures: {delayMaxMs: ${delayMaxMs}}}\nmqtt: {connectTimeoutMs: ${connectTimeoutMs}}`,
    );
  expect(waits('10s', '10s')).toEqual([
    'problem access.failures.delayMaxMs: 10s is not less than mqtt.connectTimeoutMs, 10s',
  ]);
  expect(waits('9999ms', '10s')).toEqual([]);
  expect(said('access: {anonymous: true}\nmqtt: {connectTimeoutMs: 3s}')).toEqual([
    'problem access.failures.delayMaxMs: 4s is not less than mqtt.connectTimeoutMs, 3s',
  ]);
});
