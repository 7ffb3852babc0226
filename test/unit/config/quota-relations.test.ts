import { describe, expect, test } from 'vitest';
import { deviceDefaults } from '../../../config/quota-settings.ts';
import { hints, said } from './relations-said.ts';

const quotas = (settings: string, more = '') =>
  `access: {anonymous: true, groups: {plc: {}}}\nquotas: {${settings}}\n${more}`;
const device = (settings: string) => quotas(`devices: [{${settings}}]`);

test('an empty entry has nothing odd', () => {
  expect(said(quotas('devices: [{}], groups: {plc: {}, default: {}}, gateway: {}, connections: {}'))).toEqual(
    [],
  );
});

test('a client that no entry matches has the defaults of one, of which the number of topics is a limit', () => {
  expect(deviceDefaults).toMatchObject({
    clients: ['*'],
    users: ['*'],
    groups: ['*'],
    messagesPerS: 0,
    topicsMax: 10_000,
    subscriptionsMax: 0,
    over: 'delay',
  });
});

describe('groups', () => {
  test('of an entry exist, or are patterns', () => {
    expect(said(device('groups: [plc, default, "pc*"]'))).toEqual([]);
    expect(said(device('groups: [plc, plcs]'))).toEqual([
      'problem quotas.devices.0.groups.1: "plcs" is not a group',
    ]);
    expect(hints(device('groups: [plcs]'))).toEqual(['Did you mean plc?']);
  });

  test('with a total exist', () => {
    expect(said(quotas('groups: {default: {}, plc: {}, defualt: {}}'))).toEqual([
      'problem quotas.groups.defualt: "defualt" is not a group',
    ]);
    expect(hints(quotas('groups: {defualt: {}}'))).toEqual(['Did you mean default?']);
  });
});

describe('entries', () => {
  const unused = (index: number) =>
    `warning quotas.devices.${index}: matches every client, so that the entries after it are never used`;

  test('behind one that matches everybody are odd', () => {
    expect(said(quotas('devices: [{clients: [a]}, {messagesPerS: 1/s}, {users: [b]}, {}]'))).toEqual([
      unused(1),
    ]);
    expect(said(quotas('devices: [{clients: ["**", a], users: ["*"]}, {}]'))).toEqual([unused(0)]);
  });

  test.each([
    'devices: [{clients: [a]}, {}]',
    'devices: [{clients: ["a*"]}, {users: [""]}, {groups: [plc]}, {clients: ["*"], users: [b]}, {}]',
  ])('{%s}: all can be met', (settings) => {
    expect(said(quotas(settings))).toEqual([]);
  });
});

describe('a burst', () => {
  test.each([
    ['devices: [{messagesBurst: 5}]', 'devices.0.messagesBurst', 'messagesPerS'],
    ['devices: [{bytesBurst: 5KiB}]', 'devices.0.bytesBurst', 'bytesPerS'],
    ['groups: {plc: {messagesBurst: 5}}', 'groups.plc.messagesBurst', 'messagesPerS'],
    ['gateway: {bytesBurst: 5KiB, messagesPerS: 1/s}', 'gateway.bytesBurst', 'bytesPerS'],
  ])('{%s} is one of nothing', (settings, path, rate) => {
    expect(said(quotas(settings))).toEqual([
      `warning quotas.${path}: has no effect: ${rate} is 0, which is no limit`,
    ]);
  });

  test('of a rate is fine', () => {
    expect(said(device('messagesPerS: 1/m, messagesBurst: 5, bytesPerS: 1KiB, bytesBurst: 1MiB'))).toEqual(
      [],
    );
  });
});

describe('settings of a sample', () => {
  test('are odd where there is none', () => {
    expect(said(device('sample: latest, sampleOneIn: 3, sampleEveryMs: 5s, over: refuse'))).toEqual([
      'warning quotas.devices.0.sample: has no effect: over is refuse',
      'warning quotas.devices.0.sampleOneIn: has no effect: over is refuse',
      'warning quotas.devices.0.sampleEveryMs: has no effect: over is refuse',
    ]);
  });

  test('are fine where there is one, and so are defaults that were written', () => {
    expect(said(device('over: sample, sample: latest, sampleEveryMs: 5s'))).toEqual([]);
    expect(said(device('sample: one-in, sampleOneIn: 10, sampleEveryMs: 1s'))).toEqual([]);
  });
});

describe('a budget smaller than one message', () => {
  const warned = (path: string, size: string, setting = 'mqtt.packetBytesMax, 1MiB') =>
    `warning quotas.${path}: ${size} is less than ${setting}: one large message is more than all of it`;

  test.each([
    ['devices: [{dailyBytesMax: 1MB}]', warned('devices.0.dailyBytesMax', '1000000B')],
    ['devices: [{storedBytesMax: 512KiB}]', warned('devices.0.storedBytesMax', '512KiB')],
    ['groups: {plc: {storedBytesMax: 1KiB}}', warned('groups.plc.storedBytesMax', '1KiB')],
    ['gateway: {dailyBytesMax: 1KiB}', warned('gateway.dailyBytesMax', '1KiB')],
    [
      'devices: [{dailyBytesMax: 1KiB, packetBytesMax: 2KiB}]',
      warned('devices.0.dailyBytesMax', '1KiB', 'packetBytesMax, 2KiB'),
    ],
  ])('{%s} is odd', (settings, expected) => {
    expect(said(quotas(settings))).toEqual([expected]);
  });

  test.each([
    'devices: [{dailyBytesMax: 1MiB, storedBytesMax: 1MiB}]',
    'devices: [{dailyBytesMax: 4KiB, packetBytesMax: 4KiB}]',
    'groups: {plc: {dailyBytesMax: 0}}',
  ])('{%s} is none', (settings) => {
    expect(said(quotas(settings))).toEqual([]);
  });
});

describe('the table of devices', () => {
  const listeners = (...maxima: number[]) =>
    `listeners: [${maxima.map((most, index) => `{type: tcp, port: ${2000 + index}, maxConnections: ${most}}`).join(', ')}]`;

  test('has room for all connections, once somebody has said how large it is', () => {
    expect(said(quotas('devicesMax: 1000', listeners(600, 500)))).toEqual([
      'warning quotas.devicesMax: 1000 is less than the 1100 connections that the listeners take together',
    ]);
    expect(said(quotas('devicesMax: 1100', listeners(600, 500)))).toEqual([]);
  });

  test('nothing is said about its default', () => {
    expect(said(quotas('', listeners(60_000)))).toEqual([]);
  });
});

test('more pending connections of one address than of all is odd', () => {
  expect(said(quotas('connections: {pendingMax: 500}'))).toEqual([
    'warning quotas.connections.pendingPerAddressMax: 1000 is more than pendingMax, 500: one address can take all of them',
  ]);
  expect(said(quotas('connections: {pendingMax: 500, pendingPerAddressMax: 500}'))).toEqual([]);
});
