import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLogger } from '../../../../config/logger.ts';
import type { AuditEvent } from '../../../../gateway/admission/audit-event.ts';
import { AuditLog } from '../../../../gateway/admission/audit-log.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { TemporaryDirectory } from '../../../support/temporary-directory.ts';

const KiB = 1024;
let directory: TemporaryDirectory;
let clock: FakeClock;
let file: string;
let logged: { level: string; msg: string }[];
let audit: AuditLog;

async function open(
  options: { fileBytesMax?: number; filesMax?: number; file?: string } = {},
): Promise<void> {
  const log = createLogger(
    { level: 'info', format: 'json' },
    { write: (line) => void logged.push(JSON.parse(line)) },
  );
  audit = new AuditLog({ file, fileBytesMax: 64 * KiB, filesMax: 3, clock, log, ...options });
  await audit.start();
}

beforeEach(async () => {
  directory = new TemporaryDirectory();
  clock = new FakeClock();
  file = directory.file('audit/audit.log');
  logged = [];
  await open();
});
afterEach(async () => {
  await audit.stop(1000);
  directory[Symbol.dispose]();
});

const refusal = (client: string, more: Partial<AuditEvent> = {}): AuditEvent => ({
  event: 'connect-refused',
  reason: 'bad-credentials',
  client,
  user: 'u',
  address: '192.0.2.1',
  ...more,
});

type Line = Record<string, unknown>;
const linesOf = (path = file): Line[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));

/** Lines of about a thousand characters, numbered. */
const fill = (count: number, from = 0) => {
  for (let i = 0; i < count; i++)
    audit.write({ event: 'identity-data', reason: 'r', detail: `${from + i} ${'x'.repeat(1000)}` });
};

/** Lets time pass, and what is due be written. */
async function settle(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 250) {
    clock.advance(250);
    await audit.settled();
    await Promise.resolve(); // the next write is scheduled
  }
}

describe('a line', () => {
  test('says when and what, and only what is known', async () => {
    audit.write(refusal('c1', { detail: 'x' }));
    audit.write({ event: 'identity-data', reason: 'users-changed', object: '/etc/users' });
    await audit.stop(1000);
    const time = '2023-11-14T22:13:20.000Z';
    expect(linesOf()).toEqual([
      { time, ...refusal('c1'), detail: 'x' },
      { time, event: 'identity-data', reason: 'users-changed', object: '/etc/users' },
    ]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(directory.file('audit')).mode & 0o777).toBe(0o700);
  });

  test('is written in the background, while the gateway runs', async () => {
    audit.write(refusal('c1'));
    await settle(500);
    expect(linesOf()).toHaveLength(1);
  });

  test('cannot forge another, nor speak to a terminal, nor be long', async () => {
    const evil = 'a\n{"event":"x"}\u001b[2J\u009b31m\u007f\u202e\u2028\ud800';
    audit.write(refusal(evil, { user: 'u'.repeat(70_000), detail: 'd'.repeat(70_000) }));
    await audit.stop(1000);
    const text = readFileSync(file, 'latin1');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none of these may be there
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u00ff]/);
    expect(linesOf()).toEqual([expect.objectContaining({ client: evil, user: `${'u'.repeat(256)}...` })]);
    expect(text.length).toBeLessThan(4 * KiB);
  });
});

describe('repeats', () => {
  test('within 10 s are one line, with how often', async () => {
    for (let i = 0; i < 1000; i++) audit.write(refusal('c1', { object: `topic/${i}` }));
    audit.write(refusal('c2'));
    await settle(9000);
    expect(linesOf()).toHaveLength(2);
    await settle(1500);
    expect(linesOf().slice(2)).toEqual([
      expect.objectContaining({ client: 'c1', object: 'topic/999', times: 999 }),
    ]);
    audit.write(refusal('c1'));
    await settle(500);
    expect(linesOf().at(-1)).not.toHaveProperty('times');
    expect(audit.counts).toEqual({ 'connect-refused': { 'bad-credentials': 1002 } });
  });

  test.each([
    ['event', { event: 'publish-refused' as const }],
    ['reason', { reason: 'unknown-user' }],
    ['client', { client: 'other' }],
    ['user', { user: 'other' }],
    ['address', { address: '192.0.2.9' }],
  ])('with another %s are none', async (_, other) => {
    audit.write(refusal('c1'));
    audit.write(refusal('c1', other));
    await audit.stop(1000);
    expect(linesOf()).toHaveLength(2);
  });

  test('of changes of identity data are told each', async () => {
    for (let i = 0; i < 5; i++)
      audit.write({ event: 'identity-data', reason: 'users-changed', detail: `${i}` });
    await audit.stop(1000);
    expect(linesOf().map(({ detail }) => detail)).toEqual(['0', '1', '2', '3', '4']);
  });

  test('that the caller has summed already count as often as they were', async () => {
    for (const times of [3, undefined, 5]) audit.write(refusal('c1', times === undefined ? {} : { times }));
    audit.write(refusal('c2', { times: 1 }));
    await audit.stop(1000);
    expect(linesOf().map(({ client, times }) => `${client} ${times}`)).toEqual([
      'c1 3',
      'c2 undefined',
      'c1 6',
    ]);
    expect(audit.counts).toEqual({ 'connect-refused': { 'bad-credentials': 10 } });
  });

  test('are told with when the first and the last of them was, not when the line was written', async () => {
    audit.write(refusal('c1'));
    await settle(2000);
    audit.write(refusal('c1'));
    audit.write(refusal('c2'));
    await settle(3000);
    audit.write(refusal('c1'));
    await settle(1000);
    audit.write(refusal('c2'));
    await settle(10_000);
    expect(linesOf().map(({ client, time, first, times }) => [client, time, first, times])).toEqual([
      ['c1', '2023-11-14T22:13:20.000Z', undefined, undefined],
      ['c2', '2023-11-14T22:13:22.000Z', undefined, undefined],
      ['c1', '2023-11-14T22:13:25.000Z', '2023-11-14T22:13:22.000Z', 2],
      ['c2', '2023-11-14T22:13:26.000Z', undefined, undefined],
    ]);
  });

  test('are told at the stop, however few', async () => {
    for (let i = 0; i < 3; i++) audit.write(refusal('c1'));
    await audit.stop(1000);
    expect(linesOf().map(({ times }) => times)).toEqual([undefined, 2]);
  });

  test('of ever new names are summed by address, then by reason, and the sums are exact', async () => {
    await open({ fileBytesMax: 1024 * KiB });
    const count = 20_000;
    for (let i = 0; i < count; i++) {
      audit.write(refusal(`c${i}`, { address: i < count / 2 ? '203.0.113.1' : `10.0.${i >> 8}.${i & 255}` }));
    }
    await audit.stop(1000);
    const lines = linesOf();
    expect(lines.length).toBeLessThan(600);
    expect(lines.reduce((sum, { times }) => sum + ((times as number | undefined) ?? 1), 0)).toBe(count);
    const [byAddress] = lines.filter(
      ({ address, times }) => address === '203.0.113.1' && times !== undefined,
    );
    expect(byAddress).toMatchObject({ times: count / 2 - 256, detail: 'of several clients' });
    expect(byAddress).not.toHaveProperty('client');
    expect(lines.filter(({ address }) => address === undefined)).toHaveLength(1);
    expect(audit.counts).toEqual({ 'connect-refused': { 'bad-credentials': count } });
  });
});

describe('the file', () => {
  const numbersOf = (path: string) => linesOf(path).map(({ detail }) => Number(`${detail}`.split(' ')[0]));

  test('is rotated by size, and the oldest goes', async () => {
    for (let i = 0; i < 5; i++) {
      fill(60, i * 60);
      await settle(500);
    }
    await audit.stop(1000);
    expect(readdirSync(directory.file('audit')).sort()).toEqual(['audit.log', 'audit.log.1', 'audit.log.2']);
    const paths = [`${file}.2`, `${file}.1`, file];
    for (const path of paths) expect(statSync(path).size).toBeLessThanOrEqual(64 * KiB);
    const numbers = paths.flatMap(numbersOf);
    expect(numbers.at(-1)).toBe(299);
    expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, i) => 300 - numbers.length + i));
  });

  test('is the only one when one is kept, and what was kept before goes', async () => {
    await audit.stop(0);
    mkdirSync(directory.file('audit'), { recursive: true });
    for (const name of ['audit.log.1', 'audit.log.7', 'audit.log.bak'])
      writeFileSync(directory.file(`audit/${name}`), '');
    await open({ filesMax: 1 });
    fill(100);
    await audit.stop(1000);
    expect(readdirSync(directory.file('audit')).sort()).toEqual(['audit.log', 'audit.log.bak']);
    expect(numbersOf(file).at(-1)).toBe(99);
  });

  test('is gone on with after a start, behind a line that a power cut has torn', async () => {
    await audit.stop(0);
    mkdirSync(directory.file('audit'), { recursive: true });
    writeFileSync(file, '{"time":"x"}\n{"ti');
    await open();
    audit.write(refusal('c1'));
    await audit.stop(1000);
    const lines = readFileSync(file, 'utf8').split('\n');
    expect(lines.slice(0, 2)).toEqual(['{"time":"x"}', '{"ti']);
    expect(JSON.parse(lines[2])).toMatchObject({ client: 'c1' });
  });

  test.each([
    ['moved away', () => renameSync(file, `${file}-moved`)],
    ['deleted', () => rmSync(file)],
  ])('that was %s is begun anew', async (_, take) => {
    audit.write(refusal('c1'));
    await settle(500);
    take();
    audit.write(refusal('c2'));
    await settle(500);
    expect(linesOf()).toEqual([expect.objectContaining({ client: 'c2' })]);
  });
});

describe('a file that cannot be written', () => {
  const block = () => writeFileSync(directory.file('audit'), 'in the way of the directory');
  const unblock = () => rmSync(directory.file('audit'));
  const errors = () => logged.filter(({ level }) => level === 'error');

  test('is told once; its lines wait and are written when it can be', async () => {
    block();
    audit.write(refusal('c1'));
    await settle(120_000);
    audit.write(refusal('c2'));
    await settle(60_000);
    expect(audit.counters.failures).toBeGreaterThan(3);
    expect(audit.counters.failures).toBeLessThan(20);
    expect(errors().map(({ msg }) => msg)).toEqual([expect.stringContaining('cannot be written')]);
    unblock();
    await settle(60_000);
    expect(linesOf().map(({ client }) => client)).toEqual(['c1', 'c2']);
    expect(logged.at(-1)).toMatchObject({ level: 'info', msg: 'the audit log is written again' });
    expect(audit.counters.lost).toBe(0);
  });

  test('loses what does not fit into memory, counts it, and says so when it can', async () => {
    block();
    for (let i = 0; i < 2000; i++)
      audit.write({ event: 'identity-data', reason: 'r', detail: 'x'.repeat(2000) });
    await settle(1000);
    const { lost } = audit.counters;
    expect(lost).toBeGreaterThan(1000);
    expect(audit.counts).toEqual({ 'identity-data': { r: 2000 } });
    unblock();
    await audit.stop(10_000);
    const written = [`${file}.2`, `${file}.1`, file].flatMap((path) => linesOf(path));
    expect(written.at(-1)).toMatchObject({ event: 'audit-lost', times: lost });
  });

  test.runIf(process.getuid?.() !== 0)('because of its rights throws nothing', async () => {
    mkdirSync(directory.file('audit'));
    chmodSync(directory.file('audit'), 0o500);
    audit.write(refusal('c1'));
    await settle(1000);
    expect(errors()).toHaveLength(1);
  });

  test('is the only reason to lose any: memory that was written is free again', async () => {
    for (let i = 0; i < 20; i++) {
      fill(200, i);
      await settle(500);
    }
    expect(audit.counters.lost).toBe(0);
  });

  test('does not hold up the stop', async () => {
    block();
    audit.write(refusal('c1'));
    await audit.stop(1000);
    await audit.stop(1000);
    expect(clock.timers).toBe(0);
  });
});
