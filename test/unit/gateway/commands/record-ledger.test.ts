import { describe, expect, test } from 'vitest';
import { RecordLedger } from '../../../../gateway/commands/record-ledger.ts';

describe('record ledger', () => {
  test('tells new records from duplicates within a batch that overlaps an earlier one', () => {
    const ledger = new RecordLedger();
    ledger.add('gw', 'main', 0, 10);
    expect(ledger.add('gw', 'main', 5, 10)).toEqual({ new: [{ from: 10, to: 15 }], duplicates: 5 });
    expect(ledger.add('gw', 'main', 0, 15)).toEqual({ new: [], duplicates: 15 });
  });

  test('keeps gateways and lanes apart, also where their names run together', () => {
    const ledger = new RecordLedger();
    ledger.add('gw', 'a', 0, 5);
    expect(ledger.add('gw', 'b', 0, 5).duplicates).toBe(0);
    expect(ledger.add('gwa', '', 0, 5).duplicates).toBe(0);
    expect(ledger.add('gw', 'a', 0, 5).duplicates).toBe(5);
    expect(ledger.summary()).toHaveLength(3);
  });

  test('finds a gap, and finds it closed when the missing records come late', () => {
    const ledger = new RecordLedger();
    ledger.add('gw', 'main', 0, 10);
    ledger.add('gw', 'main', 15, 5);
    expect(ledger.gaps()).toEqual({ gaps: 1, missing: 5, leftOut: 0 });
    expect(ledger.summary()[0]).toMatchObject({ gaps: 1, missing: 5, firstGaps: [{ from: 10, to: 15 }] });
    ledger.add('gw', 'main', 10, 5);
    expect(ledger.gaps()).toEqual({ gaps: 0, missing: 0, leftOut: 0 });
  });

  test('does not call a gap what the gateway says it left out, and still does what was lost before it', () => {
    const ledger = new RecordLedger();
    ledger.add('gw', 'main', 0, 10);
    ledger.add('gw', 'main', 1_000_015, 5);
    ledger.leaveOut('gw', 'main', { from: 15, to: 1_000_015 });
    ledger.leaveOut('gw', 'main', { from: 15, to: 1_000_015 });
    expect(ledger.gaps()).toEqual({ gaps: 1, missing: 5, leftOut: 1_000_000 });
    expect(ledger.summary()[0]).toMatchObject({ leftOut: 1_000_000, firstGaps: [{ from: 10, to: 15 }] });
    ledger.add('gw', 'main', 10, 5);
    expect(ledger.gaps()).toEqual({ gaps: 0, missing: 0, leftOut: 1_000_000 });
  });

  test('takes a record for new that bears a name which was left out', () => {
    const ledger = new RecordLedger();
    ledger.add('gw', 'main', 0, 10);
    ledger.add('gw', 'main', 50, 5);
    ledger.leaveOut('gw', 'main', { from: 10, to: 50 });
    expect(ledger.add('gw', 'main', 12, 2)).toEqual({ new: [{ from: 12, to: 14 }], duplicates: 0 });
    expect(ledger.gaps()).toEqual({ gaps: 0, missing: 0, leftOut: 38 });
  });

  test('counts what was left out against the intervals that it may keep', () => {
    const ledger = new RecordLedger(2);
    ledger.add('gw', 'main', 0, 1);
    ledger.add('gw', 'main', 50, 1);
    ledger.leaveOut('gw', 'main', { from: 1, to: 50 });
    expect(ledger.exact).toBe(false);
    expect(ledger.gaps()).toEqual({ gaps: 1, missing: 49, leftOut: 0 });
  });

  test('does not call a gap what lies before the first record', () => {
    const ledger = new RecordLedger();
    ledger.add('gw', 'main', 1000, 10);
    expect(ledger.gaps()).toEqual({ gaps: 0, missing: 0, leftOut: 0 });
    expect(ledger.summary()[0]).toMatchObject({ firstOffset: 1000, lastOffset: 1009, records: 10 });
  });

  test('counts the gaps of all lanes', () => {
    const ledger = new RecordLedger();
    for (const lane of ['a', 'b']) {
      ledger.add('gw', lane, 0, 1);
      ledger.add('gw', lane, 3, 1);
    }
    expect(ledger.gaps()).toEqual({ gaps: 2, missing: 4, leftOut: 0 });
  });

  test('takes an empty batch for nothing', () => {
    const ledger = new RecordLedger();
    expect(ledger.add('gw', 'main', 7, 0)).toEqual({ new: [], duplicates: 0 });
    expect(ledger.summary()).toEqual([]);
  });

  test('is exact for ten million records in order and ten thousand gaps', () => {
    const ledger = new RecordLedger();
    for (let i = 0; i < 10_000; i++) ledger.add('gw', 'main', i * 1001, 1000);
    expect(ledger.exact).toBe(true);
    expect(ledger.gaps()).toEqual({ gaps: 9999, missing: 9999, leftOut: 0 });
  });

  test('says that it is not exact when there are more intervals than it may keep', () => {
    const ledger = new RecordLedger(3);
    for (const offset of [0, 2, 4]) ledger.add('gw', 'main', offset, 1);
    expect(ledger.exact).toBe(true);
    ledger.add('gw', 'main', 6, 1);
    expect(ledger.exact).toBe(false);
    expect(ledger.gaps()).toEqual({ gaps: 3, missing: 3, leftOut: 0 });
  });

  test('never takes a new record for a duplicate, however much it had to forget', () => {
    const ledger = new RecordLedger(3);
    for (let offset = 0; offset < 100; offset += 2)
      expect(ledger.add('gw', 'main', offset, 1).duplicates).toBe(0);
    for (let offset = 1; offset < 100; offset += 2)
      expect(ledger.add('gw', 'main', offset, 1).duplicates).toBe(0);
  });

  test('bounds the lanes that it follows', () => {
    const ledger = new RecordLedger(2);
    for (const lane of ['a', 'b', 'c', 'd'])
      expect(ledger.add('gw', lane, 0, 1).new).toEqual([{ from: 0, to: 1 }]);
    expect(ledger.summary().length).toBeLessThanOrEqual(2);
    expect(ledger.exact).toBe(false);
  });
});
