import { expect, test } from 'vitest';
import { RecentPackets, withoutKnown } from '../../../../storage/log/recent-packets.ts';
import { type RecordColumns, RecordFlag } from '../../../../storage/record-batch/record-batch.ts';

interface Packet {
  id: number;
  data: string;
  dup?: boolean;
  topic?: number;
}

function batch(packets: Packet[], withProperties = false): RecordColumns {
  return {
    count: packets.length,
    devices: ['dev'],
    topics: ['a', 'b'],
    device: Uint16Array.from(packets, () => 0),
    topic: Uint16Array.from(packets, ({ topic = 0 }) => topic),
    timeMs: Uint32Array.from(packets, (_, i) => i),
    flags: Uint8Array.from(packets, ({ dup = false }) => 1 | (dup ? RecordFlag.dup : 0)),
    payloadBytes: Uint32Array.from(packets, ({ data }) => data.length - (withProperties ? 1 : 0)),
    propertiesBytes: withProperties ? Uint32Array.from(packets, () => 1) : null,
    packetId: Uint16Array.from(packets, ({ id }) => id),
    data: Buffer.from(packets.map(({ data }) => data).join('')),
  };
}

function known(recent: RecentPackets, packets: Packet[]): number[] {
  const marks = new Uint8Array(packets.length).fill(9);
  recent.note(batch(packets), marks);
  return [...marks];
}

test('knows a packet by id and bytes, and only with DUP', () => {
  const recent = new RecentPackets(10);
  expect(
    known(recent, [
      { id: 1, data: 'one' },
      { id: 2, data: 'two' },
    ]),
  ).toEqual([0, 0]);
  expect(
    known(recent, [
      { id: 2, data: 'two', dup: true },
      { id: 1, data: 'two', dup: true },
    ]),
  ).toEqual([1, 0]);
  expect(known(recent, [{ id: 2, data: 'two' }])).toEqual([0]);
  expect(known(recent, [{ id: 2, data: 'two', dup: true, topic: 1 }])).toEqual([0]);
});

test('one changed byte anywhere makes another packet', () => {
  const text = 'the quick brown fox jumps over the lazy dog';
  const recent = new RecentPackets(1000);
  known(recent, [{ id: 7, data: text }]);
  for (let i = 0; i < text.length; i++) {
    const data = `${text.slice(0, i)}X${text.slice(i + 1)}`;
    expect(known(recent, [{ id: 7, data, dup: true }]), `byte ${i}`).toEqual([0]);
    known(recent, [{ id: 7, data: text }]);
  }
});

test('forgets the oldest beyond its bound, and a session begun anew', () => {
  const recent = new RecentPackets(3);
  known(
    recent,
    [1, 2, 3, 4].map((id) => ({ id, data: 'x' })),
  );
  expect(recent.entries).toBe(3);
  expect(known(recent, [{ id: 4, data: 'x', dup: true }])).toEqual([1]);
  expect(known(recent, [{ id: 1, data: 'x', dup: true }])).toEqual([0]);
  recent.forget('dev');
  expect(recent.entries).toBe(0);
  expect(known(recent, [{ id: 4, data: 'x', dup: true }])).toEqual([0]);
});

test('leaves out known records and keeps the others whole', () => {
  for (const withProperties of [false, true]) {
    const columns = batch(
      ['aa', 'bbb', 'c', 'dddd', 'ee'].map((data, i) => ({ id: i + 1, data })),
      withProperties,
    );
    const kept = withoutKnown(columns, Uint8Array.of(1, 0, 1, 0, 0));
    expect(kept.count).toBe(3);
    expect([...kept.packetId!]).toEqual([2, 4, 5]);
    expect(Buffer.from(kept.data).toString()).toBe('bbbddddee');
    expect([...kept.timeMs]).toEqual([1, 3, 4]);
    const bytes = [...kept.payloadBytes].map((payload, i) => payload + (kept.propertiesBytes?.[i] ?? 0));
    expect(bytes).toEqual([3, 4, 2]);
  }
});
