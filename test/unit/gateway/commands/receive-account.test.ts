import { describe, expect, test } from 'vitest';
import { ReceiveAccount } from '../../../../gateway/commands/receive-account.ts';
import type { UpstreamMessage } from '../../../../gateway/commands/upstream-message.ts';
import { sampleBatch } from '../../../support/batch-samples.ts';

function batch(firstOffset: number, count: number, device = 'd'): UpstreamMessage {
  return {
    kind: 'batch',
    batch: sampleBatch(
      { firstOffset },
      Array.from({ length: count }, () => ({ device })),
    ),
  };
}

function record(offset: number): UpstreamMessage {
  const rest = { device: undefined, timeMs: undefined, dup: undefined, will: undefined, properties: {} };
  const name = { gateway: 'gw-1', lane: 'main', offset };
  return {
    kind: 'record',
    record: { ...name, ...rest, topic: 't', qos: 1, retain: false, payload: Buffer.from('1') },
  };
}

const offsets = (account: ReceiveAccount, message: UpstreamMessage): number[] =>
  Array.from(account.enter(message, 100), ({ offset }) => offset);

describe('the account of what was received', () => {
  test('hands back new records only, also from the middle of a batch', () => {
    const account = new ReceiveAccount();
    expect(offsets(account, batch(2, 2))).toEqual([2, 3]);
    expect(offsets(account, batch(6, 1))).toEqual([6]);
    expect(offsets(account, batch(0, 10))).toEqual([0, 1, 4, 5, 7, 8, 9]);
    expect(offsets(account, batch(0, 10))).toEqual([]);
    expect(account.summary(false)).toMatchObject({
      ok: true,
      messages: 4,
      bytes: 400,
      batches: 4,
      records: 10,
      duplicates: 13,
    });
  });

  test('counts both formats in the same books', () => {
    const account = new ReceiveAccount();
    expect(offsets(account, record(0))).toEqual([0]);
    expect(offsets(account, batch(0, 3))).toEqual([1, 2]);
    expect(offsets(account, record(2))).toEqual([]);
    expect(account.summary(false)).toMatchObject({
      ok: true,
      batches: 1,
      records: 3,
      duplicates: 2,
      outOfOrder: 0,
    });
  });

  test('is not content with a gap, and content again when the gap is filled', () => {
    const account = new ReceiveAccount();
    offsets(account, batch(0, 2));
    offsets(account, batch(4, 2));
    expect(account.statusLine()).toContain('gaps 1 (2 missing)');
    expect(account.summary(false)).toMatchObject({ ok: false, gaps: 1, missing: 2 });
    offsets(account, batch(2, 2));
    expect(account.summary(false)).toMatchObject({ ok: true, gaps: 0, missing: 0, outOfOrder: 2 });
  });

  test('counts what is before the first record as missing only when asked to', () => {
    const account = new ReceiveAccount();
    offsets(account, batch(100, 2));
    expect(account.summary(false)).toMatchObject({ ok: true, gaps: 0 });
    expect(account.summary(true)).toMatchObject({
      ok: false,
      gaps: 1,
      missing: 100,
      lanes: [{ firstGaps: [{ from: 0, to: 100 }] }],
    });
  });

  test('is content with names that the gateway says it left out, in both formats, and tells of them', () => {
    const afterJump = batch(1_048_586, 2) as Extract<UpstreamMessage, { kind: 'batch' }>;
    const told = { ...afterJump, batch: { ...afterJump.batch, leftOutFrom: 10 } };
    const single = { ...record(1_048_586), leftOut: { from: 10, to: 1_048_586 } } as UpstreamMessage;
    for (const message of [told, single]) {
      const account = new ReceiveAccount();
      offsets(account, batch(0, 10));
      offsets(account, message);
      expect(account.summary(true)).toMatchObject({ ok: true, gaps: 0, missing: 0, leftOut: 1_048_576 });
      expect(account.statusLine()).toContain('gaps 0, out of order 0, names left out 1048576');
    }
    const account = new ReceiveAccount();
    offsets(account, batch(0, 9));
    offsets(account, told);
    expect(account.summary(true)).toMatchObject({ ok: false, gaps: 1, missing: 1 });
  });

  test('is not content with a damaged message', () => {
    const account = new ReceiveAccount();
    expect(offsets(account, { kind: 'damaged', reason: 'x' })).toEqual([]);
    expect(account.summary(false)).toMatchObject({ ok: false, damaged: 1 });
  });

  test("leaves other people's messages alone and counts them", () => {
    const account = new ReceiveAccount();
    expect(offsets(account, { kind: 'foreign' })).toEqual([]);
    expect(account.summary(true)).toMatchObject({ ok: true, foreign: 1, records: 0 });
    expect(account.statusLine()).toContain('foreign 1');
  });
});
