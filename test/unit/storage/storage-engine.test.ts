import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CommitRequest } from '../../../storage/group-commit.ts';
import type { Advance } from '../../../storage/log/log-port.ts';
import { openLogReader } from '../../../storage/log/log-reader.ts';
import { createTables } from '../../../storage/log/log-schema.ts';
import { decodeBatch } from '../../../storage/record-batch/codec.ts';
import { BatchMemory, type SealedBatch } from '../../../storage/record-batch/open-batch.ts';
import { RecordFlag, recordsOf } from '../../../storage/record-batch/record-batch.ts';
import { type SessionOp, SessionTables } from '../../../storage/sessions/session-ops.ts';
import { StorageEngine, type StorageEngineOptions } from '../../../storage/storage-engine.ts';
import { TemporaryDirectory } from '../../support/temporary-directory.ts';

const MiB = 1024 * 1024;
const size = { recordsMax: 64, dataBytesMax: 2 * MiB };

interface Publish {
  device?: string;
  payload: string | Buffer;
  packetId?: number;
  dup?: boolean;
}

function sealed(publishes: Publish[], lane = 0): SealedBatch {
  const memory = new BatchMemory(size);
  const devices: string[] = [];
  let dataBytes = 0;
  publishes.forEach(({ device = 'dev', payload, packetId = 0, dup = false }, i) => {
    if (!devices.includes(device)) devices.push(device);
    const bytes = Buffer.from(payload);
    bytes.copy(memory.data, dataBytes);
    dataBytes += bytes.length;
    memory.payloadBytes[i] = bytes.length;
    memory.device[i] = devices.indexOf(device);
    memory.packetId[i] = packetId;
    memory.flags[i] = 1 | (dup ? RecordFlag.dup : 0);
  });
  const common = {
    lane,
    count: publishes.length,
    dataBytes,
    hasProperties: false,
    hasPacketIds: true,
    devices,
  };
  return { ...common, topics: ['t'], baseTimeMs: 1, baseMonotonicMs: 1, buffer: memory.buffer };
}

function sessionOf(client: string, sid: number): SessionOp {
  return { kind: 'session-put', sid, client, protocolVersion: 5, expiryS: 60, disconnectedAtMs: null };
}

class Harness implements Disposable {
  readonly directory = new TemporaryDirectory();
  readonly file = this.directory.file('sluice.db');
  readonly events: string[] = [];
  db!: Database.Database;
  engine!: StorageEngine;
  nowMs = 1_000_000;

  open(over: Partial<StorageEngineOptions> = {}): StorageEngine {
    this.db = new Database(this.file);
    this.db.pragma('journal_mode = WAL');
    this.db.pragma('wal_autocheckpoint = 0');
    createTables(this.db);
    SessionTables.createTables(this.db);
    const options: StorageEngineOptions = {
      ...size,
      gatewayId: 'g',
      bootId: 'boot',
      compression: 'none',
      compressionLevel: 1,
      file: this.file,
      lanes: ['main', 'bulk'],
      sinks: [{ name: 'cloud', lanes: [] }],
      tailBytes: 0,
      recentPerSessionMax: 8,
      bytesMax: 64 * MiB,
      checkpointBytes: MiB,
      diskFreeBytesMin: 0,
      ...over,
    };
    this.engine = new StorageEngine(this.db, options, {
      committed: (_request, { records, duplicates }) =>
        this.events.push(`committed ${records} -${duplicates}`),
      appended: (lane, next) => this.events.push(`appended ${lane} ${next}`),
      stalled: (reason) => this.events.push(`stalled ${reason}`),
      resumed: () => this.events.push('resumed'),
      checkpointWanted: () => this.engine.checkpointed(),
    });
    return this.engine;
  }

  commit(publishes: Publish[], lane = 0, ops: SessionOp[] = []): void {
    const request: CommitRequest = { batches: [sealed(publishes, lane)], ops };
    this.engine.commit(request, this.nowMs);
  }

  /** As after a crash: no orderly close. */
  reopen(over: Partial<StorageEngineOptions> = {}): StorageEngine {
    this.db.close();
    return this.open(over);
  }

  records(lane = 0): string[] {
    const reader = openLogReader(this.file);
    const found = reader.read(lane, 0, 1e9).flatMap(({ bytes }) => [...recordsOf(decodeBatch(bytes))]);
    reader.close();
    return found.map(({ offset, device, payload }) => `${offset} ${device} ${Buffer.from(payload)}`);
  }

  rows(): number {
    return (this.db.prepare('SELECT count(*) AS n FROM log').get() as { n: number }).n;
  }

  delivered(lane: string, nextOffset: number, delivered: number): void {
    const advance: Advance = {
      kind: 'advance',
      sink: 'cloud',
      lane,
      nextOffset,
      delivered,
      deadLettered: 0,
      missing: 0,
      leftOut: 0,
      deadLetters: [],
    };
    this.engine.advance(advance);
  }

  tick(ms = 250): void {
    this.nowMs += ms;
    this.engine.tick(this.nowMs);
  }

  [Symbol.dispose](): void {
    this.db.close();
    this.directory[Symbol.dispose]();
  }
}

describe('StorageEngine', () => {
  let h: Harness;
  beforeEach(() => {
    h = new Harness();
  });
  afterEach(() => h[Symbol.dispose]());

  test('gives every record of a lane the next offset, over commits and restarts', () => {
    h.open();
    h.commit([{ payload: 'a' }, { payload: 'b' }]);
    h.commit([{ payload: 'x' }], 1);
    h.commit([{ payload: 'c' }]);
    h.reopen();
    h.commit([{ payload: 'd' }]);
    expect(h.records(0)).toEqual(['0 dev a', '1 dev b', '2 dev c', '3 dev d']);
    expect(h.records(1)).toEqual(['0 dev x']);
    expect(h.events).toContain('appended main 4');
  });

  test('keeps lanes apart when another lane is added in front', () => {
    h.open({ lanes: ['main'] });
    h.commit([{ payload: 'a' }]);
    h.reopen({ lanes: ['alarms', 'main'] });
    h.commit([{ payload: 'b' }], 1);
    expect(h.records(0)).toEqual(['0 dev a', '1 dev b']);
    expect(h.engine.lanes.map(({ name, number }) => [name, number])).toEqual([
      ['alarms', 1],
      ['main', 0],
    ]);
  });

  test('deletes a batch only when every sink has delivered it, and not the last of a lane', () => {
    h.open({
      sinks: [
        { name: 'cloud', lanes: [] },
        { name: 'audit', lanes: ['main'] },
      ],
    });
    for (let i = 0; i < 4; i++) h.commit([{ payload: `${i}` }]);
    h.delivered('main', 4, 4);
    h.tick();
    expect(h.rows()).toBe(4);
    h.engine.advance({
      kind: 'advance',
      sink: 'audit',
      lane: 'main',
      nextOffset: 3,
      delivered: 3,
      deadLettered: 0,
      missing: 0,
      leftOut: 0,
      deadLetters: [],
    });
    h.tick();
    expect(h.records()).toEqual(['3 dev 3']);
  });

  test('never gives an offset twice, even when everything was delivered and deleted', () => {
    h.open();
    for (let i = 0; i < 3; i++) h.commit([{ payload: `${i}` }]);
    h.delivered('main', 3, 3);
    h.tick();
    h.db.prepare('DELETE FROM log').run();
    h.reopen();
    h.commit([{ payload: 'next' }]);
    expect(h.records()).toEqual(['3 dev next']);
  });

  test('the books balance over a restart', () => {
    h.open();
    h.commit([{ payload: 'a' }, { payload: 'b' }, { payload: 'c' }, { payload: 'd' }]);
    const deadLetters = [{ firstOffset: 1, count: 1, reason: 'too-large', bytes: Buffer.from('x') }];
    h.engine.advance({
      kind: 'advance',
      sink: 'cloud',
      lane: 'main',
      nextOffset: 3,
      delivered: 2,
      deadLettered: 1,
      missing: 0,
      leftOut: 0,
      deadLetters,
    });
    h.tick();
    h.reopen();
    const [main] = h.engine.books();
    expect(main).toMatchObject({ startOffset: 0, nextOffset: 3, delivered: 2, deadLettered: 1, missing: 0 });
    expect(h.db.prepare('SELECT first, reason FROM dead_letters').all()).toEqual([
      { first: 1, reason: 'too-large' },
    ]);
  });

  test('refuses an advance whose counts do not add up', () => {
    h.open();
    h.commit([{ payload: 'a' }]);
    expect(() => h.delivered('main', 1, 2)).toThrow(/books|step/i);
  });

  test('a renamed sink takes over what its old name still owed', () => {
    h.open();
    for (let i = 0; i < 4; i++) h.commit([{ payload: `${i}` }]);
    h.delivered('main', 2, 2);
    h.tick();
    h.reopen({ sinks: [{ name: 'cloud2', lanes: [] }] });
    expect(h.engine.books().find(({ lane }) => lane === 'main')).toMatchObject({
      sink: 'cloud2',
      nextOffset: 2,
    });
  });

  test('a packet sent again with DUP is not kept twice (MQTT 5.0 4.4)', () => {
    h.open();
    h.commit([
      { payload: 'a', packetId: 1 },
      { payload: 'b', packetId: 2 },
    ]);
    h.commit([
      { payload: 'b', packetId: 2, dup: true },
      { payload: 'c', packetId: 3 },
    ]);
    expect(h.records()).toEqual(['0 dev a', '1 dev b', '2 dev c']);
    expect(h.events).toContain('committed 1 -1');
  });

  test('without DUP, with other bytes or from another session it is a new message', () => {
    h.open();
    h.commit([{ payload: 'b', packetId: 2 }]);
    h.commit([{ payload: 'b', packetId: 2 }]);
    h.commit([{ payload: 'B', packetId: 2, dup: true }]);
    h.commit([{ payload: 'b', packetId: 2, dup: true, device: 'other' }]);
    expect(h.records()).toHaveLength(4);
  });

  test.each(['in the same commit', 'later'])(
    'packets of a session that has ended %s are forgotten with it (MQTT 5.0 4.1)',
    (when) => {
      h.open();
      h.commit([], 0, [sessionOf('dev', 7)]);
      const end: SessionOp = { kind: 'session-end', sid: 7, outgoing: [], messages: [] };
      h.commit([{ payload: 'b', packetId: 2 }], 0, when === 'later' ? [] : [end]);
      if (when === 'later') h.commit([], 0, [end]);
      h.commit([{ payload: 'b', packetId: 2, dup: true }]);
      expect(h.records()).toEqual(['0 dev b', '1 dev b']);
    },
  );

  test('packets of another session of the device stay known when one has ended that was before it', () => {
    h.open();
    h.commit([], 0, [sessionOf('dev', 7)]);
    h.commit([], 0, [{ kind: 'session-end', sid: 7, outgoing: [], messages: [] }, sessionOf('dev', 8)]);
    h.commit([{ payload: 'b', packetId: 2 }]);
    h.commit([{ payload: 'b', packetId: 2, dup: true }], 0, [sessionOf('dev', 8)]);
    expect(h.records()).toEqual(['0 dev b']);
  });

  test('a packet sent again after a crash is recognised from the tail of the log, delivered or not', () => {
    h.open({ tailBytes: MiB });
    h.commit([{ payload: 'a', packetId: 1 }]);
    h.commit([{ payload: 'b', packetId: 2 }]);
    h.delivered('main', 2, 2);
    h.tick();
    h.reopen({ tailBytes: MiB });
    h.commit([
      { payload: 'a', packetId: 1, dup: true },
      { payload: 'b', packetId: 2, dup: true },
    ]);
    expect(h.events.at(-1)).toBe('committed 0 -2');
    expect(h.records()).toEqual(['0 dev a', '1 dev b']);
  });

  test('a commit of nothing but known packets is acknowledged without a record', () => {
    h.open();
    h.commit([{ payload: 'a', packetId: 1 }]);
    h.commit([{ payload: 'a', packetId: 1, dup: true }]);
    expect(h.rows()).toBe(1);
    expect(h.events.at(-1)).toBe('committed 0 -1');
  });

  test('a session begun anew has no known packets', () => {
    h.open();
    const put = {
      kind: 'session-put',
      client: 'dev',
      protocolVersion: 5,
      expiryS: 60,
      disconnectedAtMs: null,
    } as const;
    h.engine.commit({ batches: [], ops: [{ ...put, sid: 1 }] }, h.nowMs);
    h.commit([{ payload: 'a', packetId: 1 }]);
    h.engine.commit({ batches: [], ops: [{ ...put, sid: 2 }] }, h.nowMs);
    h.commit([{ payload: 'a', packetId: 1, dup: true }]);
    expect(h.records()).toHaveLength(2);
  });

  test('a full buffer stalls the commit, loses nothing, and goes on when something is delivered', () => {
    h.open({ bytesMax: 4 * MiB });
    const payload = Buffer.alloc(300_000, 7);
    let commits = 0;
    while (!h.events.includes('stalled buffer-full') && commits < 100) {
      h.commit([{ payload }]);
      commits++;
    }
    expect(commits).toBeGreaterThan(3);
    expect(commits).toBeLessThan(100);
    const kept = commits - 1;
    h.tick();
    expect(h.events.filter((event) => event.startsWith('committed'))).toHaveLength(kept);
    expect(h.engine.usedBytes()).toBeLessThanOrEqual(4 * MiB);
    h.delivered('main', 2, 2);
    h.tick();
    expect(h.events.filter((event) => event.startsWith('committed'))).toHaveLength(kept + 1);
    expect(h.events).toContain('resumed');
    expect(h.engine.lanes[0].nextOffset).toBe(commits);
    expect(h.engine.usedBytes()).toBeLessThanOrEqual(4 * MiB);
  });

  test('stays within buffer.maxBytes, WAL included, while a long run is stored and delivered', () => {
    h.open({ bytesMax: 8 * MiB });
    const payload = Buffer.alloc(100_000, 7);
    let most = 0;
    for (let i = 0; i < 400; i++) {
      h.commit([{ payload }]);
      h.delivered('main', i + 1, 1);
      h.tick();
      most = Math.max(most, h.engine.usedBytes());
    }
    expect(h.engine.lanes[0].nextOffset).toBe(400);
    expect(most).toBeLessThanOrEqual(8 * MiB);
  });

  test('a disk with too little free stalls before it is full', () => {
    h.open({ diskFreeBytesMin: Number.MAX_SAFE_INTEGER });
    h.commit([{ payload: 'a' }]);
    expect(h.events).toEqual(['stalled disk-full']);
  });

  test('is as full as what cannot be deleted, however large the file has become', () => {
    h.open({ bytesMax: 16 * MiB, tailBytes: 4 * MiB });
    const payload = Buffer.alloc(500_000, 7);
    const empty = h.engine.fill();
    for (let i = 0; i < 20; i++) h.commit([{ payload }]);
    const full = h.engine.fill();
    expect(full - empty).toBeGreaterThan(0.5);
    h.delivered('main', 20, 20);
    expect(h.engine.fill()).toBeLessThan(full - 0.1);
    h.tick();
    expect(h.engine.fill() - empty).toBeLessThan(0.1);
    expect(h.engine.usedBytes()).toBeGreaterThan(8 * MiB);
  });
});
