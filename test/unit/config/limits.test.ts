import { describe, expect, test } from 'vitest';
import { bufferCommitsMin, fileLimits, limits, type Range } from '../../../config/limits.ts';
import { settingList } from '../../../config/schema/setting-list.ts';
import { settings } from '../../../config/settings.ts';

const ranges = Object.entries<Range | number>(limits).filter(
  (entry): entry is [string, Range] => typeof entry[1] === 'object',
);

/** Of settings that need not be whole. */
const decimals = ['pressureLevel', 'pressureReturn'];

test.each(ranges)('%s: the least is not more than the most, both whole numbers', (name, { min, max }) => {
  const isWhole = Number.isSafeInteger(min) && Number.isSafeInteger(max);
  expect(isWhole || decimals.includes(name)).toBe(true);
  expect(min).toBeGreaterThanOrEqual(0);
  expect(min).toBeLessThanOrEqual(max);
});

describe('relations between limits', () => {
  test('the largest packet fits into the largest commit', () => {
    expect(limits.packetBytes.max).toBeLessThanOrEqual(limits.commitBytes.max);
  });
  test('the smallest commit of the smallest packets is possible', () => {
    expect(limits.packetBytes.min).toBeLessThanOrEqual(limits.commitBytes.min);
  });
  test('the smallest buffer holds the default commit as often as it must', () => {
    expect(bufferCommitsMin * settings.fields.commit.fields.bytesMax.default!).toBeLessThanOrEqual(
      limits.bufferBytes.min,
    );
  });
  test('the largest commit fits into some buffer as often as it must', () => {
    expect(bufferCommitsMin * limits.commitBytes.max).toBeLessThanOrEqual(limits.bufferBytes.max);
  });
  test('packets fit into what MQTT can say: 256 MB less one byte', () => {
    expect(limits.packetBytes.max).toBeLessThanOrEqual(268_435_455);
  });
  test('numbers that MQTT sends in two bytes fit into two bytes', () => {
    for (const range of [
      limits.receiveMaximum,
      limits.unreleased,
      limits.topicAliases,
      limits.topicBytes,
      limits.clientIdBytes,
    ]) {
      expect(range.max).toBeLessThanOrEqual(65_535);
    }
    expect(limits.keepAliveMs.max / 1000).toBeLessThanOrEqual(65_535);
    expect(limits.inFlightMessages.max).toBeLessThanOrEqual(65_535);
  });
  test('every server takes client identifiers of 23 bytes (MQTT 5.0 3.1.3.1)', () => {
    expect(limits.clientIdBytes.min).toBeGreaterThanOrEqual(23);
  });
  test('session expiry fits into four bytes of seconds (MQTT 5.0 3.1.2.11.2)', () => {
    expect(limits.sessionExpiryMs.max / 1000).toBeLessThan(0xffff_ffff);
  });
  test('a batch of the largest size fits into the largest flight', () => {
    expect(limits.batchBytes.max).toBeLessThanOrEqual(limits.inFlightBytes.max);
    expect(limits.batchBytes.min).toBeGreaterThanOrEqual(limits.inFlightBytes.min);
  });
  test('timers fit into the 31 bits of a Node timer', () => {
    const timers = [
      'connectTimeoutMs',
      'keepAliveMs',
      'commitLingerMs',
      'batchLingerMs',
      'reconnectMs',
      'hookTimeoutMs',
      'failureDelayMs',
      'reloadMs',
      'sampleEveryMs',
    ] as const;
    for (const name of timers) expect(limits[name].max).toBeLessThan(2 ** 31);
    expect(limits.ackTimeoutMs.max).toBeLessThan(2 ** 31);
    expect(limits.breakerOpenMs.max).toBeLessThan(2 ** 31);
    expect(limits.stableAfterMs.max).toBeLessThan(2 ** 31);
  });
  test('a wait after failed sign-ins can be shorter than the time for a CONNECT', () => {
    expect(limits.failureDelayMs.min).toBeLessThan(limits.connectTimeoutMs.min);
  });
  test('as many devices can be remembered as can be connected to one listener', () => {
    expect(limits.devices.max).toBeGreaterThanOrEqual(limits.connections.max);
  });
  test('a quota can name any message, and any part of the buffer', () => {
    expect(limits.quotaBytes.max).toBeGreaterThanOrEqual(limits.packetBytes.max);
    expect(limits.quotaBytes.max).toBeGreaterThanOrEqual(limits.bufferBytes.max);
  });
  test('a file of every setting is far below what a file may hold', () => {
    expect(settingList(settings).length * 10).toBeLessThan(fileLimits.nodesMax);
  });
});
