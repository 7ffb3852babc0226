import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { copyWalAside, quarantineRow } from '../../../../storage/open/put-aside.ts';
import { inTemporaryDirectory, NOW_MS } from '../../../fault/damage/store-fixture.ts';

const row = {
  lane: '../li ve',
  id: 42,
  bytes: Buffer.from('damaged bytes'),
  why: 'the checksum is wrong',
  nowMs: NOW_MS,
};

test('a damaged batch is put aside once, byte for byte, under a name that says when and which', () => {
  inTemporaryDirectory((directory) => {
    const name = quarantineRow(directory, row);
    expect(name).toMatch(/^damaged\/20260131T120000Z-batch--li-ve-42-[0-9a-f]{8}\.bin$/);
    expect(readFileSync(join(directory, name))).toEqual(row.bytes);
    const report = JSON.parse(readFileSync(join(directory, name.replace('.bin', '.json')), 'utf8'));
    expect(report).toEqual({
      at: '2026-01-31T12:00:00.000Z',
      lane: row.lane,
      id: 42,
      bytes: 13,
      why: row.why,
    });
    expect(quarantineRow(directory, { ...row, nowMs: NOW_MS + 5000 })).toBe(name);
    expect(readdirSync(join(directory, 'damaged'))).toHaveLength(2);
  });
});

test('the same row with other bytes is another thing to keep', () => {
  inTemporaryDirectory((directory) => {
    const first = quarantineRow(directory, row);
    const second = quarantineRow(directory, { ...row, bytes: Buffer.from('other damage') });
    expect(second).not.toBe(first);
    expect(readFileSync(join(directory, second), 'utf8')).toBe('other damage');
  });
});

test('a copy of the write-ahead log is made in a directory of its own, with a report', () => {
  inTemporaryDirectory((directory) => {
    writeFileSync(join(directory, 'sluice.db-wal'), 'the log');
    const report = { nowMs: NOW_MS, detail: 'why' };
    expect(copyWalAside(directory, 'wal-bits', report)).toBe('damaged/20260131T120000Z-wal-bits');
    expect(copyWalAside(directory, 'wal-bits', report)).toBe('damaged/20260131T120000Z-wal-bits-2');
    const place = join(directory, 'damaged/20260131T120000Z-wal-bits-2');
    expect(readdirSync(place).sort()).toEqual(['report.json', 'sluice.db-wal']);
    expect(readFileSync(join(place, 'sluice.db-wal'), 'utf8')).toBe('the log');
    expect(JSON.parse(readFileSync(join(place, 'report.json'), 'utf8'))).toMatchObject({
      reason: 'wal-bits',
      detail: 'why',
    });
  });
});
