import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { days } from '../../../../../config/limits.ts';
import { createLogger } from '../../../../../config/logger.ts';
import { DailyUsage, type UsageSource } from '../../../../../gateway/admission/quota/daily-usage.ts';
import { quotaBounds } from '../../../../../gateway/admission/quota/quota-bounds.ts';
import { type UsageEntry, usageKey } from '../../../../../gateway/admission/quota/usage-file.ts';
import { UtcDay } from '../../../../../gateway/admission/quota/utc-day.ts';
import { FakeClock } from '../../../../support/fake-clock.ts';
import { TemporaryDirectory } from '../../../../support/temporary-directory.ts';

function rig(entriesMax = 100) {
  const directory = new TemporaryDirectory();
  onTestFinished(() => directory[Symbol.dispose]());
  const clock = new FakeClock(20_000 * days + 1000);
  const lines: { level: string; msg: string }[] = [];
  const log = createLogger(
    { level: 'info', format: 'json' },
    { write: (line) => lines.push(JSON.parse(line)) },
  );
  const file = directory.file('usage/daily.jsonl');
  const begin = async (used: Record<string, number> = {}) => {
    const source = {
      today: new UtcDay(clock.nowMs()),
      usageVersion: 1,
      used: new Map(Object.entries(used)),
      dailyUse: () => source.used as Iterable<UsageEntry>,
    };
    const usage = new DailyUsage({ file, entriesMax, clock, log });
    await usage.start(source satisfies UsageSource);
    return { usage, source };
  };
  return { directory, clock, lines, file, begin };
}

const read = (file: string) =>
  readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('what has been used today', () => {
  test('is there again after a restart', async () => {
    const { begin } = rig();
    const { usage } = await begin({ 'device/a': 1000, 'device/ü "x"': 7, 'gateway/': 1007 });
    await usage.stop();
    const again = (await begin()).usage;
    expect(['device/a', 'device/ü "x"', 'gateway/', 'device/b'].map((key) => again.take(key))).toEqual([
      1000, 7, 1007, 0,
    ]);
    await again.stop();
  });

  test('is there again after two, also of a device that has not come in between', async () => {
    const { begin } = rig();
    await (await begin({ 'device/a': 1000, 'device/b': 1 })).usage.stop();
    const second = await begin();
    second.source.used.set('device/b', 5 + second.usage.take('device/b'));
    second.source.usageVersion++;
    await second.usage.stop();
    const third = (await begin()).usage;
    expect([third.take('device/a'), third.take('device/b')]).toEqual([1000, 6]);
    await third.stop();
  });

  test('is nothing on another day', async () => {
    const { begin, clock } = rig();
    await (await begin({ 'device/a': 1000 })).usage.stop();
    clock.jump(days);
    const { usage } = await begin();
    expect(usage.take('device/a')).toBe(0);
    await usage.stop();
  });

  test('is kept of devices that are forgotten, until the day ends and within bounds', async () => {
    const { begin, clock } = rig(3);
    const { usage, source } = await begin();
    for (let i = 0; i < 5; i++) usage.keep(`device/${i}`, 10 + i);
    expect([usage.take('device/0'), usage.take('device/4'), usage.forgotten]).toEqual([10, 0, 2]);
    expect(usage.take('device/0')).toBe(0); // it is in use
    clock.jump(days);
    source.today.look(clock.nowMs());
    expect(usage.take('device/1')).toBe(0);
    await usage.stop();
  });
});

describe('it is written', () => {
  test('every 30 seconds if something was added', async () => {
    const { begin, clock, file } = rig();
    const { usage, source } = await begin({ 'device/a': 1 });
    clock.advance(quotaBounds.usageWriteMs);
    await usage.flush();
    expect(read(file)[1]).toEqual(['device/a', 1]);
    writeFileSync(file, 'not touched\n');
    clock.advance(quotaBounds.usageWriteMs);
    await usage.flush();
    expect(readFileSync(file, 'utf8')).toBe('not touched\n');
    source.used.set('device/a', 2);
    source.usageVersion++;
    clock.advance(quotaBounds.usageWriteMs);
    await usage.flush();
    expect(read(file)[1]).toEqual(['device/a', 2]);
    await usage.stop();
    expect(clock.timers).toBe(0);
  });

  test('under another name first, of which nothing is left', async () => {
    const { begin, directory } = rig();
    const { usage } = await begin({ 'device/a': 1 });
    await usage.stop();
    expect(readdirSync(directory.file('usage'))).toEqual(['daily.jsonl']);
  });

  test('not at all while nothing has a budget', async () => {
    const { begin, directory } = rig();
    const { usage } = await begin();
    await usage.stop();
    expect(readdirSync(directory.path)).toEqual([]);
  });

  test('in pieces, thousands as well as one', async () => {
    const { begin } = rig(10_000);
    const many = Object.fromEntries(Array.from({ length: 7001 }, (_, i) => [`device/${i}`, i + 1]));
    await (await begin(many)).usage.stop();
    const { usage } = await begin();
    expect([usage.take('device/0'), usage.take('device/7000')]).toEqual([1, 7001]);
    await usage.stop();
  });

  test('again when the disk takes it again; a disk that does not is told of once', async () => {
    const { begin, directory, file, lines, clock } = rig();
    const { usage, source } = await begin({ 'device/a': 1 });
    writeFileSync(directory.file('usage'), 'in the way of the directory');
    for (let i = 0; i < 3; i++) {
      clock.advance(quotaBounds.usageWriteMs);
      await usage.flush();
    }
    expect(lines.map(({ msg }) => msg)).toEqual(['daily use cannot be written']);
    const { rmSync } = await import('node:fs');
    rmSync(directory.file('usage'));
    source.used.set('device/a', 3);
    await usage.stop();
    expect(read(file)[1]).toEqual(['device/a', 3]);
    expect(lines.at(-1)?.msg).toBe('daily use is written again');
  });

  test('of one day only: not when midnight comes while it is gathered', async () => {
    const { begin, file, clock } = rig(10_000);
    const { usage, source } = await begin();
    source.dailyUse = function* () {
      yield ['device/a', 1];
      clock.jump(days);
      source.today.look(clock.nowMs());
      yield ['device/b', 1];
    };
    await usage.flush();
    expect(() => read(file)).toThrow('ENOENT');
    source.dailyUse = () => new Map([['device/b', 2]]);
    await usage.stop();
    expect(read(file)[1]).toEqual(['device/b', 2]);
  });
});

describe('a damaged file', () => {
  const damage: [string, (text: string) => string][] = [
    ['cut-short', (text) => text.slice(0, -20)],
    ['cut-short', () => ''],
    ['checksum', (text) => text.replace('1000', '1001')],
    ['checksum', (text) => text.replace(/\["device\/b.*\n/, '')],
    ['syntax', () => '{"file":\n{"crc32":}\n'],
    ['too-large', (text) => text + ' '.repeat(300_000)],
  ];

  test.each(damage)('is put aside with when and why, told of, and begun from zero: %s', async (why, harm) => {
    const { begin, file, directory, lines } = rig();
    await (await begin({ 'device/a': 1000, 'device/b': 5 })).usage.stop();
    const harmed = harm(readFileSync(file, 'utf8'));
    writeFileSync(file, harmed);
    const { usage } = await begin({ 'device/a': 1 });
    expect(usage.take('device/a')).toBe(0);
    const [aside] = readdirSync(directory.file('usage/damaged'));
    expect(aside).toMatch(/^20241004T000001000Z-[a-z-]+-daily\.jsonl$/);
    expect(aside).toContain(why);
    expect(readFileSync(directory.file(`usage/damaged/${aside}`), 'utf8')).toBe(harmed);
    expect(lines.map(({ msg }) => msg)).toEqual(['daily use was damaged; it starts from zero']);
    await usage.stop();
    expect(read(file)[1]).toEqual(['device/a', 1]);
  });

  test('that is no file at all stops nothing, and nothing lies about that could not be put in its place', async () => {
    const { begin, file, lines, directory } = rig();
    mkdirSync(`${file}/something`, { recursive: true });
    const { usage } = await begin({ 'device/a': 1 });
    expect(usage.take('device/a')).toBe(0);
    expect(lines.map(({ msg }) => msg)).toEqual(['daily use cannot be read; it starts from zero']);
    await usage.stop();
    expect(lines.map(({ msg }) => msg)).toContain('daily use cannot be written');
    expect(readdirSync(directory.file('usage'))).toEqual(['daily.jsonl']);
  });
});

test('a long name stands for itself by its hash, and no entry is longer than is counted with', () => {
  const long = '\\"ü'.repeat(20_000);
  expect(usageKey('device', 'short')).toBe('device/short');
  expect(usageKey('device', long)).not.toBe(usageKey('device', `${long}x`));
  expect(usageKey('device', long)).not.toBe(usageKey('group', long));
  for (const name of [long, '\\'.repeat(128), '\u{10ffff}'.repeat(64)]) {
    const entry = JSON.stringify([usageKey('device', name), Number.MAX_SAFE_INTEGER]);
    expect(Buffer.byteLength(entry)).toBeLessThan(quotaBounds.usageEntryBytesMax);
  }
});
