import { describe, expect, test } from 'vitest';
import { liveChanges } from '../../../config/live-settings.ts';
import { loadConfig } from '../../../config/load.ts';
import type { Config } from '../../../config/settings.ts';
import { openAccess } from '../../support/gateway-settings.ts';

function configOf(text: string, env: Record<string, string> = openAccess): Config {
  const result = loadConfig({ text, env });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.config;
}

const none = { access: false, quotas: false, pressure: false, logLevel: false };
const old = configOf('sinks: {cloud: {type: mqtt, password: hunter2}}');
const changed = (text: string) =>
  liveChanges(old, configOf(`${text}\nsinks: {cloud: {type: mqtt, password: hunter2}}`));

test('the same settings are no change, however they are written', () => {
  const changes = liveChanges(
    old,
    configOf('sinks: {cloud: {password: hunter2, type: mqtt, qos: 1}}\ncommit: {}'),
  );
  expect(changes).toEqual({ live: none, needRestart: [], config: old, problems: [] });
});

describe('what may change while the gateway runs', () => {
  test.each([
    ['access: {rules: [{publish: ["#"]}]}', 'access'],
    ['access: {groups: {plc: {weight: 3}}}', 'access'],
    ['access: {failures: {free: 9}}', 'access'],
    ['quotas: {gateway: {messagesPerS: 5/s}}', 'quotas'],
    ['quotas: {devices: [{messagesPerS: 5/s}]}', 'quotas'],
    ['quotas: {devicesMax: 70000}', 'quotas'],
    ['pressure: {ease: 0.2}', 'pressure'],
    ['log: {level: debug}', 'logLevel'],
  ])('%s is taken into use, that part alone', (text, part) => {
    const next = configOf(`${text}\nsinks: {cloud: {type: mqtt, password: hunter2}}`);
    expect(liveChanges(old, next)).toEqual({
      live: { ...none, [part]: true },
      needRestart: [],
      config: next,
      problems: [],
    });
  });
});

describe('what holds from the next start on', () => {
  test.each([
    ['gateway: {id: g1}', ['gateway.id']],
    ['listeners: [{type: tcp, port: 1999}]', ['listeners.0.port']],
    ['listeners: [{type: tcp}, {type: ws}]', ['listeners']],
    ['mqtt: {receiveMaximum: 9, topicLevelsMax: 9}', ['mqtt.receiveMaximum', 'mqtt.topicLevelsMax']],
    ['lanes: [{name: main, match: ["#", a]}]', ['lanes.0.match']],
    ['log: {format: json}', ['log.format']],
    ['access: {audit: {filesMax: 9}, reloadMs: 9s}', ['access.reloadMs', 'access.audit.filesMax']],
    ['quotas: {heldBytesMax: 8KiB}', ['quotas.heldBytesMax']],
  ])('%s is named, and nothing of it is in effect', (text, paths) => {
    expect(changed(text)).toEqual({ live: none, needRestart: paths, config: old, problems: [] });
  });

  test('a sink that is gone, and one that is new, are named as a whole', () => {
    const next = configOf('sinks: {other: {type: mqtt}}');
    expect(liveChanges(old, next).needRestart).toEqual(['sinks.cloud', 'sinks.other']);
  });

  test('another type of a listener is more than its type', () => {
    expect(changed('listeners: [{type: ws, port: 1883}]').needRestart).toEqual([
      'listeners.0.type',
      'listeners.0.path',
    ]);
  });

  test('values are not told, secrets least of all', () => {
    const next = configOf('sinks: {cloud: {type: mqtt, password: hunter3}}');
    const { needRestart } = liveChanges(old, next);
    expect(needRestart).toEqual(['sinks.cloud.password']);
  });
});

test('of both kinds at once each goes its way', () => {
  const { live, needRestart, config } = changed(
    'access: {usersFile: u, audit: {filesMax: 9}}\nmqtt: {topicLevelsMax: 9}\nlog: {level: warn, format: json}',
  );
  expect(live).toEqual({ ...none, access: true, logLevel: true });
  expect(needRestart).toEqual(['access.audit.filesMax', 'mqtt.topicLevelsMax', 'log.format']);
  expect(config.access.usersFile).toBe('u');
  expect(config.access.audit).toEqual(old.access.audit);
  expect(config.mqtt).toEqual(old.mqtt);
  expect(config.log).toEqual({ level: 'warn', format: 'auto' });
});

test('what goes together only after a restart is a problem until then', () => {
  const listeners =
    'listeners: [{type: tls, certFile: c, keyFile: k, caFile: a, clientCertificates: required}]';
  const next = configOf(`access: {rules: [{publish: ["#"]}]}\n${listeners}`, {});
  const { problems, needRestart } = liveChanges(old, next);
  expect(needRestart).toContain('listeners.0.type');
  expect(problems.map(({ paths }) => paths[0])).toEqual(['access.anonymous']);
});
