import { describe, expect, test } from 'vitest';
import type { Flight } from '../../../bridge/delivery-ledger.ts';
import { Forwarder, type ForwarderOptions, type TakeLimits } from '../../../bridge/forwarder.ts';
import type { SendResult } from '../../../bridge/sinks/sink.ts';
import type { Advance } from '../../../storage/log/log-port.ts';
import { decodeBatch } from '../../../storage/record-batch/codec.ts';
import { recordsOf } from '../../../storage/record-batch/record-batch.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { numberedBatch, recordBatch } from '../../support/record-batches.ts';
import { MemoryLog } from './memory-log.ts';

const limits: TakeLimits = {
  bytesMax: 100_000,
  messagesMax: 1000,
  messageBytesMax: 1_000_000,
  heldBatchesMax: 4,
  heldBytesMax: 1_000_000,
};

const delivered: SendResult = { kind: 'delivered' };

function retry(afterMs: number, settledCount = 0): SendResult {
  return { kind: 'retry', reason: 'busy', afterMs, settledCount, rejections: [] };
}

function setUp(changes: Partial<ForwarderOptions> = {}) {
  const clock = new FakeClock();
  const log = new MemoryLog();
  const advances: Advance[] = [];
  const forwarder = new Forwarder({
    sink: 'cloud',
    lane: { name: 'main', number: 0 },
    cursor: 0,
    nextOffset: 0,
    takes: 'encoded',
    compression: 'none',
    lingerMs: 100,
    backoff: { minMs: 100, maxMs: 1000, stableAfterMs: 10_000 },
    reader: log,
    clock,
    post: (advance) => advances.push(advance),
    ...changes,
  });
  const append = (first: number, count: number) =>
    forwarder.appended(log.append(0, numberedBatch(first, count)));
  /** Takes a batch and gives it this answer. */
  const answer = (result: SendResult, changedLimits: Partial<TakeLimits> = {}): Flight => {
    const flight = forwarder.take({ ...limits, ...changedLimits });
    if (flight === null) throw new Error('nothing to send');
    forwarder.settle(flight, result);
    return flight;
  };
  return { clock, log, advances, forwarder, append, answer };
}

/** first offset and count */
function span(flight: Flight | null): [number, number] | null {
  return flight && [flight.firstOffset, flight.count];
}

describe('handing out batches', () => {
  test('an idle lane has nothing, reads nothing and wants no timer', () => {
    const { forwarder, log } = setUp();
    expect(forwarder.take(limits)).toBeNull();
    expect([forwarder.wakeAtMs, log.reads]).toEqual([null, 0]);
  });

  test('a batch that is not full is left to grow for the linger time', () => {
    const { forwarder, append, clock } = setUp();
    append(0, 10);
    expect(forwarder.take(limits)).toBeNull();
    expect(forwarder.wakeAtMs).toBe(clock.monotonicMs() + 100);
    clock.advance(60);
    append(10, 10);
    expect(forwarder.take(limits)).toBeNull();
    expect(forwarder.wakeAtMs).toBe(clock.monotonicMs() + 40);
    clock.advance(40);
    expect(span(forwarder.take(limits))).toEqual([0, 20]);
    expect(forwarder.wakeAtMs).toBeNull();
  });

  test('a full batch does not wait', () => {
    const { forwarder, append } = setUp();
    append(0, 10);
    expect(span(forwarder.take({ ...limits, messagesMax: 10 }))).toEqual([0, 10]);
  });

  test('a backlog found at the start does not wait', () => {
    const log = new MemoryLog();
    log.append(0, numberedBatch(0, 10));
    const { forwarder } = setUp({ reader: log, nextOffset: 10 });
    expect(span(forwarder.take(limits))).toEqual([0, 10]);
  });

  test('starts at the cursor, in the middle of a stored batch', () => {
    const log = new MemoryLog();
    log.append(0, numberedBatch(0, 10));
    const { forwarder } = setUp({ reader: log, nextOffset: 10, cursor: 7 });
    expect(span(forwarder.take(limits))).toEqual([7, 3]);
  });

  test('no more batches than allowed are handed out before the cursor moves', () => {
    const { forwarder, append, clock } = setUp();
    append(0, 100);
    clock.advance(100);
    const small = { ...limits, messagesMax: 10 };
    const flights = Array.from({ length: 6 }, () => forwarder.take(small));
    expect(flights.map(span)).toEqual([[0, 10], [10, 10], [20, 10], [30, 10], null, null]);
    forwarder.settle(flights[1]!, delivered);
    expect(forwarder.take(small)).toBeNull();
    forwarder.settle(flights[0]!, delivered);
    expect(span(forwarder.take(small))).toEqual([40, 10]);
  });

  test('no more bytes than allowed are handed out before the cursor moves', () => {
    const { forwarder, append, clock } = setUp();
    append(0, 1000);
    clock.advance(100);
    const small = { ...limits, messagesMax: 10, bytesMax: 1000, heldBytesMax: 2500 };
    const bytes = [forwarder.take(small), forwarder.take(small), forwarder.take(small), forwarder.take(small)]
      .filter((flight) => flight !== null)
      .reduce((sum, flight) => sum + flight.bytes, 0);
    expect(bytes).toBeGreaterThan(0);
    expect(bytes).toBeLessThanOrEqual(2500);
  });
});

describe('settling', () => {
  test('posts an advance for what is acknowledged', () => {
    const { append, answer, clock, advances, forwarder } = setUp();
    append(0, 10);
    clock.advance(100);
    answer(delivered);
    expect(advances).toEqual([
      {
        kind: 'advance',
        sink: 'cloud',
        lane: 'main',
        nextOffset: 10,
        delivered: 10,
        deadLettered: 0,
        missing: 0,
        leftOut: 0,
        deadLetters: [],
      },
    ]);
    expect(forwarder.cursor).toBe(10);
  });

  test('after a lost connection everything unacknowledged is handed out again, in order', () => {
    const { forwarder, append, clock } = setUp();
    append(0, 40);
    clock.advance(100);
    const small = { ...limits, messagesMax: 10 };
    const [a, b, c] = [forwarder.take(small)!, forwarder.take(small)!, forwarder.take(small)!];
    forwarder.settle(a, delivered);
    forwarder.settle(b, retry(0));
    expect(forwarder.take(small)).toBeNull();
    forwarder.settle(c, retry(0));
    expect(span(forwarder.take(small))).toEqual([10, 10]);
    expect(span(forwarder.take(small))).toEqual([20, 10]);
  });

  test('after a refusal it waits, longer each time', () => {
    const { forwarder, append, answer, clock } = setUp({
      backoff: { minMs: 1000, maxMs: 60_000, stableAfterMs: 1 },
    });
    append(0, 10);
    clock.advance(100);
    const waits: number[] = [];
    for (let i = 0; i < 4; i++) {
      answer(retry(10));
      expect(forwarder.take(limits)).toBeNull();
      waits.push(forwarder.wakeAtMs! - clock.monotonicMs());
      clock.advance(waits[i]);
    }
    waits.forEach((waitMs, i) => {
      expect(waitMs).toBeGreaterThanOrEqual(500 * 2 ** i);
      expect(waitMs).toBeLessThanOrEqual(1000 * 2 ** i);
    });
    expect(span(answer(delivered))).toEqual([0, 10]);
  });

  test('waits at least as long as the refusal says', () => {
    const { forwarder, append, answer, clock } = setUp();
    append(0, 10);
    clock.advance(100);
    answer(retry(60_000));
    forwarder.take(limits);
    expect(forwarder.wakeAtMs! - clock.monotonicMs()).toBe(60_000);
  });

  test('several batches refused together wait once', () => {
    const { forwarder, append, clock } = setUp({ backoff: { minMs: 1000, maxMs: 60_000, stableAfterMs: 1 } });
    append(0, 30);
    clock.advance(100);
    const small = { ...limits, messagesMax: 10 };
    const flights = [forwarder.take(small)!, forwarder.take(small)!, forwarder.take(small)!];
    for (const flight of flights) forwarder.settle(flight, retry(10));
    forwarder.take(small);
    expect(forwarder.wakeAtMs! - clock.monotonicMs()).toBeLessThanOrEqual(1000);
  });

  test('the settled beginning of a batch is not sent again', () => {
    const { append, answer, clock, advances } = setUp({ takes: 'records' });
    append(0, 10);
    clock.advance(100);
    answer(retry(0, 6));
    expect(advances.map(({ nextOffset }) => nextOffset)).toEqual([6]);
    expect(span(answer(delivered))).toEqual([6, 4]);
  });
});

describe('records kept as dead letters', () => {
  const appendMixed = (rig: ReturnType<typeof setUp>, first: number, count: number, deadLetters: number[]) =>
    rig.forwarder.appended(rig.log.append(0, numberedBatch(first, count, { deadLetters })));
  const lettersIn = (advances: Advance[]) =>
    advances.flatMap(({ deadLetters }) =>
      deadLetters.map(({ firstOffset, count, reason, bytes }) => {
        const offsets = [...recordsOf(decodeBatch(bytes))].map(({ offset }) => offset);
        expect(offsets).toEqual(Array.from({ length: count }, (_, i) => firstOffset + i));
        return [firstOffset, count, reason];
      }),
    );

  test('are passed between the batches around them, and the books add up', () => {
    const rig = setUp();
    appendMixed(rig, 0, 10, [0, 4, 5, 9]);
    rig.clock.advance(100);
    const flights = [rig.forwarder.take(limits)!, rig.forwarder.take(limits)!];
    expect(flights.map(span)).toEqual([
      [1, 3],
      [6, 3],
    ]);
    expect(rig.forwarder.take(limits)).toBeNull();
    expect(lettersIn(rig.advances)).toEqual([[0, 1, 'payload-format']]);
    for (const flight of flights) rig.forwarder.settle(flight, delivered);
    expect(lettersIn(rig.advances)).toEqual([
      [0, 1, 'payload-format'],
      [4, 2, 'payload-format'],
      [9, 1, 'payload-format'],
    ]);
    const sum = (count: (advance: Advance) => number) =>
      rig.advances.reduce((all, one) => all + count(one), 0);
    expect([sum(({ delivered }) => delivered), sum(({ deadLettered }) => deadLettered)]).toEqual([6, 4]);
    expect(rig.forwarder.cursor).toBe(10);
  });

  test('are written once, however often what lies around them is sent again', () => {
    const rig = setUp({ lingerMs: 0 });
    appendMixed(rig, 0, 6, [2, 3]);
    rig.clock.advance(100);
    for (let i = 0; i < 3; i++) {
      const flights = [rig.forwarder.take(limits)!, rig.forwarder.take(limits)!];
      expect(flights.map(span)).toEqual([
        [0, 2],
        [4, 2],
      ]);
      for (const flight of flights) rig.forwarder.settle(flight, retry(0));
    }
    expect(rig.advances).toEqual([]);
    rig.answer(delivered);
    rig.answer(delivered);
    expect(lettersIn(rig.advances)).toEqual([[2, 2, 'payload-format']]);
    expect(rig.forwarder.cursor).toBe(6);
  });

  test('are found again by the next start, where the cursor has not passed them', () => {
    const log = new MemoryLog();
    const nextOffset = log.append(0, numberedBatch(0, 6, { deadLetters: [1, 2, 3] }));
    const first = setUp({ lingerMs: 0, reader: log, nextOffset });
    expect(span(first.forwarder.take(limits))).toEqual([0, 1]);
    expect(span(first.forwarder.take(limits))).toEqual([4, 2]);
    expect(first.advances).toEqual([]); // it ends here
    for (const cursor of [0, 1, 3, 4]) {
      const again = setUp({ lingerMs: 0, reader: log, nextOffset, cursor });
      if (cursor === 0) expect(span(again.answer(delivered))).toEqual([0, 1]);
      expect(span(again.answer(delivered))).toEqual([4, 2]);
      const letters = cursor === 4 ? [] : [[Math.max(1, cursor), cursor === 3 ? 1 : 3, 'payload-format']];
      expect(lettersIn(again.advances)).toEqual(letters);
    }
  });

  test('are no more than may be held while a batch before them is under way', () => {
    const rig = setUp();
    rig.append(0, 1);
    for (let i = 1; i < 40; i++) appendMixed(rig, i, 1, [i]);
    rig.clock.advance(100);
    const tight = { ...limits, heldBytesMax: 10_000, bytesMax: 100 };
    const flight = rig.forwarder.take(tight)!;
    expect(span(flight)).toEqual([0, 1]);
    for (let i = 0; i < 3; i++) expect(rig.forwarder.take(tight)).toBeNull();
    rig.forwarder.settle(flight, delivered);
    expect(rig.forwarder.cursor).toBeGreaterThan(5);
    expect(rig.forwarder.cursor).toBeLessThan(20);
    expect(rig.forwarder.take(tight)).toBeNull();
    expect(rig.forwarder.cursor).toBe(40);
  });

  test('leave room for as many batches between them as if they were not there', () => {
    const rig = setUp({ lingerMs: 0 });
    appendMixed(rig, 0, 20, [1, 3, 5, 7, 9, 11, 13]);
    const flights = Array.from({ length: 5 }, () => rig.forwarder.take(limits));
    expect(flights.map(span)).toEqual([[0, 1], [2, 1], [4, 1], [6, 1], null]);
  });

  test('without end leave others their turn, and go on without anything happening', () => {
    const rig = setUp();
    for (let i = 0; i < 1000; i++) appendMixed(rig, i, 1, [i]);
    let turns = 0;
    do {
      expect(rig.forwarder.take(limits)).toBeNull();
      turns++;
    } while (rig.forwarder.wakeAtMs === rig.clock.monotonicMs());
    expect([rig.forwarder.cursor, rig.forwarder.wakeAtMs]).toEqual([1000, null]);
    expect(turns).toBeGreaterThan(10);
  });
});

describe('what cannot be delivered', () => {
  test('rejected records become dead letters that hold just them', () => {
    const { append, answer, clock, advances } = setUp({ takes: 'records' });
    append(0, 10);
    clock.advance(100);
    const rejections = [5, 3, 4, 8].map((firstOffset) => ({
      firstOffset,
      count: 1,
      reason: firstOffset === 8 ? 'b' : 'a',
    }));
    answer({ kind: 'rejected', rejections });
    expect(advances).toMatchObject([{ nextOffset: 10, delivered: 6, deadLettered: 4 }]);
    const letters = advances[0].deadLetters.map(({ bytes, ...rest }) => ({
      ...rest,
      offsets: [...recordsOf(decodeBatch(bytes))].map(({ offset, payload }) => [
        offset,
        Buffer.from(payload).toString(),
      ]),
    }));
    expect(letters).toEqual([
      {
        firstOffset: 3,
        count: 3,
        reason: 'a',
        offsets: [
          [3, '3'],
          [4, '4'],
          [5, '5'],
        ],
      },
      { firstOffset: 8, count: 1, reason: 'b', offsets: [[8, '8']] },
    ]);
  });

  test('a whole batch that is rejected is tried eight times before it is given up', () => {
    const { append, answer, clock, advances } = setUp();
    append(0, 10);
    append(10, 10);
    clock.advance(100);
    const rejected: SendResult = {
      kind: 'rejected',
      rejections: [{ firstOffset: 0, count: 10, reason: 'payload-format-invalid' }],
    };
    for (let tries = 1; tries <= 8; tries++) {
      expect(advances).toEqual([]);
      expect(span(answer(rejected, { messagesMax: 10 }))).toEqual([0, 10]);
      clock.advance(1000);
    }
    expect(advances).toMatchObject([{ nextOffset: 10, deadLettered: 10, delivered: 0 }]);
    expect(advances[0].deadLetters).toMatchObject([
      { firstOffset: 0, count: 10, reason: 'payload-format-invalid' },
    ]);
    expect(span(answer(delivered))).toEqual([10, 10]);
  });

  test('a batch that is too large is halved at once until it passes', () => {
    const { append, answer, clock, advances } = setUp();
    append(0, 8);
    clock.advance(100);
    const tooLarge = (count: number): SendResult => ({
      kind: 'rejected',
      rejections: [{ firstOffset: 0, count, reason: 'too-large' }],
    });
    expect(span(answer(tooLarge(8)))).toEqual([0, 8]);
    expect(span(answer(tooLarge(4)))).toEqual([0, 4]);
    expect(span(answer(delivered))).toEqual([0, 2]);
    expect(span(answer(delivered))).toEqual([2, 2]);
    expect(span(answer(delivered))).toEqual([4, 2]);
    expect(span(answer(delivered))).toEqual([6, 2]);
    expect(advances.at(-1)).toMatchObject({ nextOffset: 8 });
    append(8, 10);
    clock.advance(100);
    expect(span(answer(delivered))).toEqual([8, 10]);
  });

  test('a single record that is too large is a dead letter, and what follows goes on', () => {
    const { log, forwarder, answer, clock, advances } = setUp();
    forwarder.appended(log.append(0, recordBatch([{ payload: 'x'.repeat(9000) }, { payload: 'fine' }])));
    clock.advance(100);
    expect(span(answer(delivered, { messageBytesMax: 5000 }))).toEqual([1, 1]);
    expect(advances).toMatchObject([
      { nextOffset: 1, deadLettered: 1, deadLetters: [{ reason: 'too-large' }] },
      { nextOffset: 2, delivered: 1 },
    ]);
  });

  test('a damaged batch is a dead letter with the bytes there are', () => {
    const { log, forwarder, answer, clock, advances } = setUp();
    const bytes = Buffer.from('not a batch at all, but these are the bytes');
    log.appendBytes(0, { firstOffset: 0, count: 7, bytes });
    forwarder.appended(log.append(0, numberedBatch(7, 3)));
    clock.advance(100);
    expect(span(answer(delivered))).toEqual([7, 3]);
    expect(advances[0]).toMatchObject({ nextOffset: 7, deadLettered: 7, delivered: 0 });
    expect(advances[0].deadLetters).toEqual([{ firstOffset: 0, count: 7, reason: 'damaged', bytes }]);
  });

  test('records whose loss is known are counted as missing', () => {
    const { log, forwarder, answer, clock, advances } = setUp();
    log.gaps.push({ laneNumber: 0, from: 0, to: 50 });
    forwarder.appended(log.append(0, numberedBatch(50, 10)));
    clock.advance(100);
    expect(span(answer(delivered))).toEqual([50, 10]);
    expect(advances).toMatchObject([
      { nextOffset: 50, missing: 50, delivered: 0 },
      { nextOffset: 60, missing: 0, delivered: 10 },
    ]);
  });

  test('names that were left out are not counted as missing', () => {
    const { log, forwarder, answer, clock, advances } = setUp();
    log.gaps.push({ laneNumber: 0, from: 0, to: 50 });
    log.leftOut.push({ laneNumber: 0, from: 10, to: 50 });
    forwarder.appended(log.append(0, numberedBatch(50, 10)));
    clock.advance(100);
    expect(span(answer(delivered))).toEqual([50, 10]);
    expect(advances).toMatchObject([
      { nextOffset: 50, missing: 10, leftOut: 40, delivered: 0 },
      { nextOffset: 60, missing: 0, leftOut: 0, delivered: 10 },
    ]);
  });

  test('records whose loss is known at the end of the log are counted as missing', () => {
    const { log, forwarder, advances } = setUp({ nextOffset: 30 });
    log.gaps.push({ laneNumber: 0, from: 0, to: 30 });
    expect(forwarder.take(limits)).toBeNull();
    expect(advances).toMatchObject([{ nextOffset: 30, missing: 30 }]);
  });

  test('records that are gone and nobody knows why are damage, and not passed over', () => {
    const { log, forwarder, advances } = setUp();
    log.gaps.push({ laneNumber: 0, from: 0, to: 49 });
    forwarder.appended(log.append(0, numberedBatch(50, 10)));
    expect(() => forwarder.take(limits)).toThrow(
      expect.objectContaining({ code: 'STORE_DAMAGED', message: expect.stringContaining('0 to 49') }),
    );
    expect(advances).toEqual([]);
  });
});
