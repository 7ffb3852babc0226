import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type AssembleRequest, assemble } from '../../../bridge/assembler.ts';
import { HeldBatch } from '../../../bridge/read-ahead.ts';
import {
  type Compression,
  decodeBatch,
  decodeHeader,
  encodeBatch,
} from '../../../storage/record-batch/codec.ts';
import { type RecordBatch, recordsOf } from '../../../storage/record-batch/record-batch.ts';
import { numberedBatch, recordBatch } from '../../support/record-batches.ts';

function held(batch: RecordBatch, compression: Compression = 'none'): HeldBatch {
  const bytes = encodeBatch(batch, { compression, level: 1 });
  return new HeldBatch({ firstOffset: batch.firstOffset, count: batch.count, bytes });
}

function request(batches: HeldBatch[], changes: Partial<AssembleRequest> = {}): AssembleRequest {
  return {
    held: batches,
    from: batches[0].firstOffset,
    until: Number.POSITIVE_INFINITY,
    bytesMax: 1_000_000,
    messagesMax: 10_000,
    messageBytesMax: 10_000_000,
    mayWait: false,
    takes: 'encoded',
    compression: 'none',
    ...changes,
  };
}

/** The offsets of the records in the next upstream batch, from its payloads. */
function offsetsOf(assembled: ReturnType<typeof assemble>): number[] {
  if (assembled.kind !== 'batch') throw new Error(`expected a batch, got ${assembled.kind}`);
  const { body, firstOffset, count } = assembled.batch;
  const records = body.kind === 'records' ? body.records : decodeBatch(body.bytes);
  expect([records.firstOffset, records.count]).toEqual([firstOffset, count]);
  const offsets = [...recordsOf(records)].map(({ offset, payload }) => {
    expect(Number.parseInt(Buffer.from(payload).toString(), 10)).toBe(offset);
    return offset;
  });
  return offsets;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

/** What a lane is handed out as: offsets of a batch, or `dead` and the offsets of what was set aside. */
function wholeLane(stored: HeldBatch[], changes: Partial<AssembleRequest> = {}): (string | number)[][] {
  const parts: (string | number)[][] = [];
  const end = stored.at(-1)!.end;
  for (let from = stored[0].firstOffset; from < end; ) {
    const assembled = assemble(
      request(stored.slice(stored.findIndex((held) => held.end > from)), { ...changes, from }),
    );
    if (assembled.kind === 'wait') throw new Error('waits');
    if (assembled.kind === 'batch') {
      const { batch } = assembled;
      if (batch.body.kind === 'encoded') expect(decodeHeader(batch.body.bytes).hasDeadLetters).toBe(false);
      parts.push(offsetsOf(assembled));
    } else {
      expect(assembled.reason).toBe('payload-format');
      const letters = decodeBatch(assembled.bytes);
      expect([letters.firstOffset, letters.count]).toEqual([from, assembled.count]);
      const records = [...recordsOf(letters)];
      expect(records.map(({ payload }) => Number(Buffer.from(payload)))).toEqual(
        range(from, from + letters.count),
      );
      expect(new Set(records.map(({ deadLetter }) => deadLetter))).toEqual(new Set(['payload-format']));
      parts.push(['dead', ...range(from, from + letters.count)]);
    }
    from += parts.at(-1)!.filter((part) => part !== 'dead').length;
  }
  return parts;
}

describe.each(['encoded', 'records'] as const)(
  'records kept as dead letters, from a sink that takes %s',
  (takes) => {
    test.each([
      [
        'first',
        [0, 1],
        [
          ['dead', 0, 1],
          [2, 3, 4, 5],
        ],
      ],
      [
        'last',
        [4, 5],
        [
          [0, 1, 2, 3],
          ['dead', 4, 5],
        ],
      ],
      [
        'in the middle',
        [2],
        [
          [0, 1],
          ['dead', 2],
          [3, 4, 5],
        ],
      ],
      ['every other', [1, 3, 5], [[0], ['dead', 1], [2], ['dead', 3], [4], ['dead', 5]]],
      ['all', [0, 1, 2, 3, 4, 5], [['dead', 0, 1, 2, 3, 4, 5]]],
    ])('are set aside and in no batch, in their order: %s', (_name, deadLetters, expected) => {
      for (const stored of ['none', 'zstd', 'gzip'] as const) {
        for (const compression of ['none', 'zstd', 'gzip'] as const) {
          const lane = wholeLane([held(numberedBatch(0, 6, { deadLetters }), stored)], {
            takes,
            compression,
          });
          expect(lane, `stored ${stored}, sent ${compression}`).toEqual(expected);
        }
      }
    });

    test('are set aside where a cursor stands in the middle of them, or what follows is settled', () => {
      const stored = held(numberedBatch(0, 10, { deadLetters: range(3, 8) }));
      expect(assemble(request([stored], { takes, from: 5 }))).toMatchObject({ kind: 'unsendable', count: 3 });
      expect(assemble(request([stored], { takes, from: 5, until: 7 }))).toMatchObject({
        kind: 'unsendable',
        count: 2,
      });
      expect(offsetsOf(assemble(request([stored], { takes, until: 2 })))).toEqual([0, 1]);
    });
  },
);

describe('a stored batch with dead letters', () => {
  const plain = (from: number): HeldBatch => held(numberedBatch(from, 3));
  const mixed = (from: number, ...deadLetters: number[]): HeldBatch =>
    held(numberedBatch(from, 3, { deadLetters }));

  test('is merged with its neighbours as far as there is none between them', () => {
    expect(wholeLane([plain(0), mixed(3, 4), plain(6)])).toEqual([
      [0, 1, 2, 3],
      ['dead', 4],
      [5, 6, 7, 8],
    ]);
    expect(wholeLane([plain(0), mixed(3, 3), plain(6)])).toEqual([
      [0, 1, 2],
      ['dead', 3],
      [4, 5, 6, 7, 8],
    ]);
    expect(wholeLane([plain(0), mixed(3, 5), plain(6)])).toEqual([range(0, 5), ['dead', 5], [6, 7, 8]]);
  });

  test('that begins with one leaves the batch before it as it is stored', () => {
    const first = plain(0);
    const assembled = assemble(request([first, mixed(3, 3)]));
    expect(assembled).toMatchObject({ kind: 'batch', batch: { count: 3 } });
    expect(assembled.kind === 'batch' && assembled.batch.body).toEqual({
      kind: 'encoded',
      bytes: first.bytes,
    });
  });

  test('lets nobody wait for what could not be in the same batch', () => {
    for (const stored of [[mixed(0, 2)], [plain(0), mixed(3, 5)], [plain(0), mixed(3, 3)]])
      expect(assemble(request(stored, { mayWait: true })).kind).toBe('batch');
    expect(assemble(request([mixed(0, 0)], { mayWait: true })).kind).toBe('unsendable');
    expect(assemble(request([mixed(0, 0)], { mayWait: true, from: 1 })).kind).toBe('wait');
  });

  test('is damaged as a whole when its records cannot be read', () => {
    const { bytes } = held(numberedBatch(0, 3, { deadLetters: [1] }), 'gzip');
    const torn = Buffer.from(bytes);
    torn[torn.length - 6] ^= 1; // gzip's own last byte
    torn.writeUInt32BE(crc32(torn.subarray(0, -5)), torn.length - 4);
    const damaged = new HeldBatch({ firstOffset: 0, count: 3, bytes: torn });
    expect(damaged.header?.hasDeadLetters).toBe(true);
    expect(assemble(request([damaged]))).toEqual({
      kind: 'unsendable',
      count: 3,
      reason: 'damaged',
      bytes: torn,
    });
  });
});

describe('encoded batches', () => {
  test('a single stored batch goes out byte for byte', () => {
    const only = held(numberedBatch(0, 100));
    const assembled = assemble(request([only]));
    expect(assembled).toMatchObject({ kind: 'batch', batch: { body: { bytes: only.bytes }, count: 100 } });
  });

  test('a stored batch that alone is about as large as wanted goes out byte for byte', () => {
    const first = held(numberedBatch(0, 1000, { payloadBytes: 50 }));
    const second = held(numberedBatch(1000, 1000, { payloadBytes: 50 }));
    const assembled = assemble(request([first, second], { bytesMax: first.bytes.length + 10 }));
    expect(assembled).toMatchObject({ kind: 'batch', batch: { body: { bytes: first.bytes } } });
  });

  test('is encoded anew when the sink wants another compression', () => {
    const assembled = assemble(request([held(numberedBatch(0, 10))], { compression: 'zstd' }));
    expect(offsetsOf(assembled)).toEqual(range(0, 10));
    if (assembled.kind !== 'batch' || assembled.batch.body.kind !== 'encoded') throw new Error('not encoded');
    expect(decodeHeader(assembled.batch.body.bytes).compression).toBe('zstd');
  });

  test('small stored batches become one, up to the limit of messages', () => {
    const stored = [0, 10, 20, 30].map((from) => held(numberedBatch(from, 10)));
    expect(offsetsOf(assemble(request(stored)))).toEqual(range(0, 40));
    expect(offsetsOf(assemble(request(stored, { messagesMax: 35 })))).toEqual(range(0, 30));
  });

  test('small stored batches become one, up to the limit of bytes', () => {
    const stored = [0, 10, 20, 30].map((from) => held(numberedBatch(from, 10)));
    const bytesMax = stored[0].bytes.length + stored[1].bytes.length;
    expect(offsetsOf(assemble(request(stored, { bytesMax })))).toEqual(range(0, 20));
  });

  test('a stored batch that is too large is cut into parts of about the same size', () => {
    const stored = held(numberedBatch(0, 1000, { payloadBytes: 100 }));
    const bytesMax = Math.ceil(stored.bytes.length / 3.5);
    const sizes: number[] = [];
    for (let from = 0; from < 1000; ) {
      const offsets = offsetsOf(assemble(request([stored], { from, bytesMax })));
      expect(offsets).toEqual(range(from, from + offsets.length));
      sizes.push(offsets.length);
      from += offsets.length;
    }
    expect(sizes).toEqual([250, 250, 250, 250]);
  });

  test('is cut by what it will be, when it was stored compressed and goes out plain', () => {
    const stored = held(numberedBatch(0, 1000, { payloadBytes: 100 }), 'zstd');
    const assembled = assemble(request([stored], { bytesMax: 20_000 }));
    expect(assembled.kind === 'batch' && assembled.bytes).toBeLessThanOrEqual(20_000);
    expect(offsetsOf(assembled).length).toBeGreaterThan(100);
  });

  test('a stored batch with too many messages is cut', () => {
    const stored = held(numberedBatch(0, 100));
    expect(offsetsOf(assemble(request([stored], { messagesMax: 60 })))).toEqual(range(0, 50));
  });

  test('the rest of a stored batch is merged with what follows', () => {
    const stored = [held(numberedBatch(0, 10)), held(numberedBatch(10, 10))];
    expect(offsetsOf(assemble(request(stored, { from: 7 })))).toEqual(range(7, 20));
  });

  test('ends where records are not wanted', () => {
    const stored = [held(numberedBatch(0, 10)), held(numberedBatch(10, 10))];
    expect(offsetsOf(assemble(request(stored, { until: 13 })))).toEqual(range(0, 13));
    expect(offsetsOf(assemble(request(stored, { until: 4, mayWait: true })))).toEqual(range(0, 4));
  });

  test('waits to become full, when it may', () => {
    const stored = [held(numberedBatch(0, 10))];
    expect(assemble(request(stored, { mayWait: true }))).toEqual({ kind: 'wait' });
    expect(offsetsOf(assemble(request(stored, { mayWait: true, messagesMax: 10 })))).toEqual(range(0, 10));
    const bytesMax = stored[0].bytes.length;
    expect(offsetsOf(assemble(request(stored, { mayWait: true, bytesMax })))).toEqual(range(0, 10));
  });

  test.each([
    ['a gap', numberedBatch(11, 5)],
    ['another boot', numberedBatch(10, 5, { bootId: 'boot-2' })],
    ['a wall clock that jumped', numberedBatch(10, 5, { baseTimeMs: 1_700_009_000_000 })],
  ])('does not merge over %s, and does not wait for more', (_name, second) => {
    const stored = [held(numberedBatch(0, 10)), held(second)];
    expect(offsetsOf(assemble(request(stored, { mayWait: true })))).toEqual(range(0, 10));
  });

  test('never exceeds what the upstream takes in one message', () => {
    const stored = held(numberedBatch(0, 1000, { payloadBytes: 100 }));
    const messageBytesMax = Math.ceil(stored.bytes.length / 10);
    const assembled = assemble(request([stored], { messageBytesMax }));
    expect(assembled.kind === 'batch' && assembled.bytes).toBeLessThanOrEqual(messageBytesMax);
    expect(offsetsOf(assembled).length).toBeGreaterThan(50);
  });

  test('a single record that the upstream cannot take is handed back as unsendable', () => {
    const stored = held(recordBatch([{ payload: 'x'.repeat(5000) }, { payload: 'small' }]));
    const first = assemble(request([stored], { messageBytesMax: 1000 }));
    expect(first).toMatchObject({ kind: 'unsendable', count: 1, reason: 'too-large' });
    if (first.kind !== 'unsendable') throw new Error();
    expect([...recordsOf(decodeBatch(first.bytes))][0].payload.length).toBe(5000);
    const second = assemble(request([stored], { from: 1, messageBytesMax: 1000 }));
    expect(second).toMatchObject({ kind: 'batch', batch: { firstOffset: 1, count: 1 } });
  });

  test('a damaged batch is handed back with its bytes, and ends the one before it', () => {
    const bytes = Buffer.from(held(numberedBatch(10, 10)).bytes);
    bytes[40] ^= 1;
    const damaged = new HeldBatch({ firstOffset: 10, count: 10, bytes });
    expect(offsetsOf(assemble(request([held(numberedBatch(0, 10)), damaged], { mayWait: true })))).toEqual(
      range(0, 10),
    );
    expect(assemble(request([damaged]))).toEqual({ kind: 'unsendable', count: 10, reason: 'damaged', bytes });
  });

  test('a whole batch that holds other offsets than its row says is for a salvage, which believes the batch', () => {
    const { bytes } = held(numberedBatch(10, 10));
    const damaged = expect.objectContaining({ code: 'STORE_DAMAGED' });
    expect(() => new HeldBatch({ firstOffset: 20, count: 10, bytes })).toThrow(damaged);
    expect(() => new HeldBatch({ firstOffset: 10, count: 1034, bytes })).toThrow(damaged);
  });
});

describe('records', () => {
  test('come as they are stored, without waiting, cut at the limit of messages', () => {
    const stored = [held(numberedBatch(0, 10)), held(numberedBatch(10, 10))];
    const changes = { takes: 'records', mayWait: true } as const;
    expect(offsetsOf(assemble(request(stored, changes)))).toEqual(range(0, 10));
    expect(offsetsOf(assemble(request(stored, { ...changes, from: 3, messagesMax: 4 })))).toEqual(
      range(3, 7),
    );
  });
});
