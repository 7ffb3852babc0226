import { beforeEach, describe, expect, test } from 'vitest';
import { type CommitRequest, GroupCommit } from '../../../storage/group-commit.ts';
import { sealedColumns } from '../../../storage/record-batch/open-batch.ts';
import { recordsOf } from '../../../storage/record-batch/record-batch.ts';
import {
  AckKind,
  createSourceSlots,
  type RecordInput,
  type RecordSource,
} from '../../../storage/record-source.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const size = { recordsMax: 300, dataBytesMax: 4096 };

class FakeTarget {
  requests: { request: CommitRequest; done: (buffers: ArrayBuffer[]) => void }[] = [];

  commit(request: CommitRequest, done: (buffers: ArrayBuffer[]) => void): void {
    this.requests.push({ request, done });
  }

  finish(): void {
    const { request, done } = this.requests.at(-1)!;
    done(request.batches.map((batch) => batch.buffer));
  }
}

class Source implements RecordSource {
  readonly slots = createSourceSlots(2);
  acks: string[] = [];
  flushes = 0;
  readonly device: string;

  constructor(device: string) {
    this.device = device;
  }

  acknowledge(kind: AckKind, packetId: number, reason: number): void {
    this.acks.push(`${kind}:${packetId}:${reason}`);
  }

  flushAcknowledgements(): void {
    this.flushes++;
  }
}

function topic(text: string, lane = 0) {
  return { text, lane, batchSerial: 0, batchIndex: 0 };
}

function record(source: RecordSource, packetId: number, over: Partial<RecordInput> = {}): RecordInput {
  const bytes = Buffer.from(`..payload-${packetId}..`);
  return {
    source,
    topic: topic('a/b'),
    bytes,
    payloadStart: 2,
    payloadEnd: bytes.length - 2,
    properties: null,
    flags: 1,
    ack: AckKind.puback,
    packetId,
    keepPacketId: false,
    ...over,
  };
}

/** One round of the event loop, in which GroupCommit looks whether a commit is due. */
const turn = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));

describe('GroupCommit', () => {
  let clock: FakeClock;
  let target: FakeTarget;
  let commits: GroupCommit;
  beforeEach(() => {
    clock = new FakeClock();
    target = new FakeTarget();
    commits = new GroupCommit(target, { ...size, lanes: 2, lingerMs: 20, clock });
    commits.nowMs = clock.nowMs();
  });

  function recordsIn(request: CommitRequest): string[] {
    return request.batches.flatMap((sealed) => {
      const names = { gateway: 'g', lane: String(sealed.lane), firstOffset: 0, bootId: '' };
      const batch = { ...names, baseTimeMs: 0, baseMonotonicMs: 0, ...sealedColumns(sealed, size) };
      return [...recordsOf(batch)].map((r) => `${r.lane} ${r.device} ${r.topic} ${Buffer.from(r.payload)}`);
    });
  }

  test('acknowledges only when the commit that holds the record is done', async () => {
    const source = new Source('dev');
    expect(commits.append(record(source, 7))).toBe(true);
    clock.advance(20);
    await turn();
    expect(target.requests).toHaveLength(1);
    expect(recordsIn(target.requests[0].request)).toEqual(['0 dev a/b payload-7']);
    expect(source.acks).toEqual([]);
    target.finish();
    expect(source.acks).toEqual(['1:7:0']);
    expect(source.flushes).toBe(1);
  });

  test('lingers for a lone record, and commits at the end of the linger', async () => {
    commits.append(record(new Source('dev'), 1));
    await turn();
    expect(target.requests).toHaveLength(0);
    clock.advance(19);
    expect(target.requests).toHaveLength(0);
    clock.advance(1);
    expect(target.requests).toHaveLength(1);
    expect(clock.timers).toBe(0);
  });

  test('commits at once when the batch is large enough to make a commit cheap', async () => {
    const source = new Source('dev');
    for (let i = 1; i <= 256; i++) commits.append(record(source, i));
    await turn();
    expect(target.requests).toHaveLength(1);
  });

  test('commits early when every busy publisher waits for it', async () => {
    const sources = Array.from({ length: 20 }, (_, i) => new Source(`dev-${i}`));
    for (const source of sources) commits.append(record(source, 1));
    await turn();
    expect(target.requests).toHaveLength(1);
  });

  test('keeps lingering while other busy publishers may still send', async () => {
    const sources = Array.from({ length: 100 }, (_, i) => new Source(`dev-${i}`));
    for (const source of sources) commits.append(record(source, 1));
    await turn();
    target.finish();
    for (const source of sources.slice(0, 50)) commits.append(record(source, 2));
    await turn();
    expect(target.requests).toHaveLength(1);
  });

  test('has one commit in flight, and the next one takes all that came meanwhile', async () => {
    const source = new Source('dev');
    commits.append(record(source, 1));
    clock.advance(20);
    await turn();
    for (let i = 2; i <= 10; i++) commits.append(record(source, i));
    clock.advance(100);
    await turn();
    expect(target.requests).toHaveLength(1);
    target.finish();
    expect(target.requests).toHaveLength(2);
    expect(recordsIn(target.requests[1].request)).toHaveLength(9);
    target.finish();
    expect(source.acks).toEqual(Array.from({ length: 10 }, (_, i) => `1:${i + 1}:0`));
  });

  test('keeps the order of acknowledgements of a connection across lanes and kinds (MQTT 5.0 4.6)', async () => {
    const source = new Source('dev');
    commits.append(record(source, 1, { topic: topic('x', 1) }));
    commits.append(record(source, 2, { ack: AckKind.pubrec }));
    commits.acknowledge(source, AckKind.pubcomp, 9, 0x92);
    commits.append(record(source, 3, { topic: topic('x', 1) }));
    clock.advance(20);
    await turn();
    expect(target.requests[0].request.batches.map(({ lane, count }) => [lane, count])).toEqual([
      [0, 1],
      [1, 2],
    ]);
    target.finish();
    expect(source.acks).toEqual(['1:1:0', '2:2:0', '3:9:146', '1:3:0']);
  });

  test('refuses a record when the batch is full, takes nothing of it, and tells when there is room', async () => {
    const source = new Source('dev');
    for (let i = 1; i <= size.recordsMax; i++)
      expect(commits.append(record(source, i, { payloadEnd: 3 }))).toBe(true);
    expect(commits.append(record(source, 301))).toBe(false);
    let room = 0;
    commits.whenRoom(() => room++);
    await turn();
    expect(room).toBe(1);
    expect(commits.append(record(source, 301))).toBe(true);
    target.finish();
    expect(source.acks).toHaveLength(300);
  });

  test('one that waited for room and has gone is not told of any', async () => {
    let told = 0;
    const gone = (): void => {
      told++;
    };
    commits.append(record(new Source('dev'), 1));
    await turn();
    clock.advance(20);
    expect(target.requests).toHaveLength(1);
    commits.whenRoom(gone); // told when the commit in flight is on disk and the next one begins
    commits.forgetWaiter(gone);
    commits.append(record(new Source('dev'), 2));
    target.finish();
    clock.advance(20);
    await turn();
    expect(target.requests).toHaveLength(2);
    expect(told).toBe(0);
  });

  test('a bounded number waits for changes of sessions; there is room again when their commit has begun', async () => {
    commits.journal([], () => {}, true);
    await turn(); // in flight, and there it stays
    let waiting = 0;
    for (; waiting < 5000 && commits.hasRoomToWait(); waiting++) commits.journal([], () => {}, true);
    expect(waiting).toBe(1024);
    let room = 0;
    commits.whenRoom(() => room++);
    await turn();
    expect(room).toBe(0);
    target.finish();
    await turn();
    expect(room).toBe(1);
    expect(commits.hasRoomToWait()).toBe(true);
  });

  test('changes of sessions for which nobody waits take no room from those for which somebody does', () => {
    for (let i = 0; i < 5000; i++) commits.journal([], () => {}, false);
    expect(commits.hasRoomToWait()).toBe(true);
  });

  test('refuses a record whose data does not fit', () => {
    const bytes = Buffer.alloc(4000);
    const big = { bytes, payloadStart: 0, payloadEnd: 4000 };
    expect(commits.append(record(new Source('dev'), 1, big))).toBe(true);
    expect(commits.append(record(new Source('dev'), 2, big))).toBe(false);
  });

  test('puts session changes of the same turn into the same commit, and calls back after it', async () => {
    const done: string[] = [];
    commits.append(record(new Source('dev'), 1));
    commits.journal([{ kind: 'retained-remove', topic: 't' }], () => done.push('done'), true);
    await turn();
    expect(target.requests).toHaveLength(1);
    expect(target.requests[0].request).toMatchObject({
      batches: [{ count: 1 }],
      ops: [{ kind: 'retained-remove', topic: 't' }],
    });
    expect(done).toEqual([]);
    target.finish();
    expect(done).toEqual(['done']);
  });

  test('drained resolves when nothing is open or in flight', async () => {
    let drained = false;
    commits.append(record(new Source('dev'), 1));
    void commits.drained().then(() => (drained = true));
    expect(target.requests).toHaveLength(1);
    commits.append(record(new Source('dev'), 2));
    target.finish();
    await turn();
    expect(drained).toBe(false);
    target.finish();
    await turn();
    expect(drained).toBe(true);
    expect(commits.isIdle).toBe(true);
  });

  test('reuses the memory of finished batches', async () => {
    const seen = new Set<ArrayBuffer>();
    for (let round = 0; round < 10; round++) {
      commits.append(record(new Source('dev'), 1));
      clock.advance(20);
      await turn();
      seen.add(target.requests.at(-1)!.request.batches[0].buffer);
      target.finish();
    }
    expect(seen.size).toBeLessThanOrEqual(2);
  });

  test('a wall clock that steps back gives no record a time before its batch', async () => {
    commits.append(record(new Source('dev'), 1));
    clock.jump(-60_000);
    commits.nowMs = clock.nowMs();
    commits.append(record(new Source('dev'), 2));
    clock.advance(20);
    await turn();
    expect([...sealedColumns(target.requests[0].request.batches[0], size).timeMs]).toEqual([0, 0]);
  });

  test('tells what is open and in flight, how long commits take, and how long there was no room', async () => {
    const source = new Source('dev');
    const bytes = 'payload-1'.length;
    expect(commits.load).toMatchObject({ openBytes: 0, inFlightBytes: 0, inFlightMs: 0, commits: 0 });
    commits.append(record(source, 1));
    expect(commits.load).toMatchObject({ openBytes: bytes, inFlightBytes: 0 });
    clock.advance(20);
    await turn();
    clock.advance(30);
    expect(commits.load).toMatchObject({ openBytes: 0, inFlightBytes: bytes, inFlightMs: 30 });
    for (let i = 0; i < size.recordsMax; i++) expect(commits.append(record(source, 1))).toBe(true);
    expect(commits.load.noRoomMs).toBe(0);
    expect(commits.append(record(source, 1))).toBe(false);
    clock.advance(5);
    expect(commits.acknowledge(source, AckKind.puback, 1, 0)).toBe(false);
    expect(commits.load.noRoomMs).toBe(5);
    target.finish();
    await turn();
    clock.advance(1000);
    expect(commits.load).toMatchObject({ openBytes: 0, commits: 1, commitMs: 35, noRoomMs: 5 });
    expect(commits.load.inFlightMs).toBe(1000);
  });

  test('tells for want of what a commit waits, and does not count how long that took', async () => {
    const source = new Source('dev');
    commits.stalled('buffer-full'); // of a store that had nothing to commit
    expect(commits.load.stall).toBeNull();
    commits.append(record(source, 1));
    clock.advance(20);
    await turn();
    commits.stalled('disk-full');
    clock.advance(600_000);
    expect(commits.load).toMatchObject({ stall: 'disk-full', inFlightMs: 600_000 });
    target.finish();
    expect(commits.load).toMatchObject({ stall: null, commits: 0, commitMs: 0 });
    commits.append(record(source, 2));
    clock.advance(20);
    await turn();
    clock.advance(30);
    expect(commits.load).toMatchObject({ stall: null, inFlightMs: 30, commits: 0, commitMs: 0 });
    target.finish();
    expect(commits.load).toMatchObject({ stall: null, commits: 1, commitMs: 30 });
  });

  test('says whose the bytes of its devices are only when they are counted', async () => {
    const ownersOf = async (countsShares: boolean) => {
      const own = new GroupCommit(target, { ...size, lanes: 1, lingerMs: 20, clock, countsShares });
      const [device, other] = [new Source('dev'), new Source('other')];
      own.append(record(Object.assign(device, { deviceKey: 7, groupKey: 9 }), 1));
      own.append(record(other, 1));
      own.append(record(device, 2));
      clock.advance(20);
      await turn();
      return target.requests.at(-1)!.request.batches[0].owners;
    };
    expect(await ownersOf(true)).toEqual(Float64Array.of(7, 9, 0, 0));
    expect(await ownersOf(false)).toBeNull();
  });
});
