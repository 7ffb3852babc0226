import { describe, expect, test } from 'vitest';
import {
  OutgoingQueue,
  PACKET_ID_MAX,
  type QueueEntry,
} from '../../../../storage/sessions/outgoing-queue.ts';
import type { QueuedMessage } from '../../../../storage/sessions/queued-messages.ts';
import { Session } from '../../../../storage/sessions/session.ts';

const session = new Session({ sid: 1, client: 'a', protocolVersion: 5, expiryS: 1, disconnectedAtMs: null });

function entryOf(seq: number, topic = 'a', retainedCopy = false): QueueEntry {
  const packet = {
    topic,
    payload: Buffer.alloc(0),
    qos: 1,
    retain: false,
    properties: undefined,
    messageExpiry: undefined,
  };
  const names = { brokerId: 'b', brokerCounter: seq, identity: `b ${seq}` };
  const message: QueuedMessage = { id: seq, packet, bytes: 10, references: 1, ...names };
  const flags = { visible: true, marked: false, sent: false, gone: false, retainedCopy };
  return {
    seq,
    session,
    message,
    qos: 1,
    retain: false,
    subscriptionIds: null,
    packetId: 0,
    connection: null,
    ...flags,
  };
}

describe('packet ids of a session', () => {
  test('are never shared by two unfinished messages, released ones included (MQTT-2.2.1-3)', () => {
    const queue = new OutgoingQueue();
    const entries = Array.from({ length: PACKET_ID_MAX }, (_, i) => entryOf(i + 1));
    for (const entry of entries) {
      queue.add(entry);
      expect(queue.assignPacketId(entry)).toBe(true);
    }
    expect(new Set(entries.map((entry) => entry.packetId)).size).toBe(PACKET_ID_MAX);
    queue.release(entries[5]);
    const late = entryOf(PACKET_ID_MAX + 1);
    queue.add(late);
    expect(queue.assignPacketId(late)).toBe(false);
    expect(late.packetId).toBe(0);
    queue.remove(entries[5]);
    expect(queue.assignPacketId(late)).toBe(true);
    expect(late.packetId).toBe(entries[5].packetId);
  });

  test('go on after the last one given, so that an id rests before it is used again', () => {
    const queue = new OutgoingQueue();
    const ids: number[] = [];
    for (let seq = 1; seq <= 3; seq++) {
      const entry = entryOf(seq);
      queue.add(entry);
      queue.assignPacketId(entry);
      ids.push(entry.packetId);
      queue.remove(entry);
    }
    expect(ids).toEqual([1, 2, 3]);
  });

  test('are as wanted where that one is free and lawful', () => {
    const queue = new OutgoingQueue();
    const [one, two, three] = [entryOf(1), entryOf(2), entryOf(3)];
    for (const entry of [one, two, three]) queue.add(entry);
    queue.assignPacketId(one, 42);
    queue.assignPacketId(two, 42);
    queue.assignPacketId(three, 65_536);
    expect(one.packetId).toBe(42);
    expect(new Set([one.packetId, two.packetId, three.packetId]).size).toBe(3);
    expect(queue.byPacketId(two.packetId)).toBe(two);
  });
});

describe('an outgoing queue', () => {
  test('counts what waits, without copies of retained messages and without what was released', () => {
    const queue = new OutgoingQueue();
    const [one, two, copy] = [entryOf(1), entryOf(2), entryOf(3, 'state', true)];
    for (const entry of [one, two, copy]) queue.add(entry);
    expect([queue.size, queue.bytes]).toEqual([2, 20]);
    expect(queue.hasRetainedCopy('state')).toBe(true);
    queue.release(one);
    expect([queue.size, queue.bytes]).toEqual([1, 10]);
    queue.remove(copy);
    expect(queue.hasRetainedCopy('state')).toBe(false);
    queue.remove(two);
    expect(queue.isEmpty()).toBe(false);
    queue.remove(one);
    expect(queue.isEmpty()).toBe(true);
    expect([queue.size, queue.bytes]).toEqual([0, 0]);
  });
});
