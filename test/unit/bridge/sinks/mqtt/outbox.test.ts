import { describe, expect, test } from 'vitest';
import { FrameWriter } from '../../../../../bridge/sinks/mqtt/frame-writer.ts';
import type { MessageRun, Written } from '../../../../../bridge/sinks/mqtt/message.ts';
import { Outbox, type OutboxOptions } from '../../../../../bridge/sinks/mqtt/outbox.ts';
import type { SendResult, UpstreamBatch } from '../../../../../bridge/sinks/sink.ts';
import { settled } from '../../settled.ts';

interface Sent {
  offset: number;
  packetId: number;
}

/** An outbox, and messages that only note that they were written. */
function setUp(changes: Partial<OutboxOptions> = {}) {
  const sent: Sent[] = [];
  const released: number[] = [];
  const outbox = new Outbox({
    out: new FrameWriter(() => {}),
    limits: { messageBytesMax: 1, qosMax: 2, retainAvailable: true },
    messagesMax: 100,
    singlyCount: 0,
    laterMs: 50,
    notAllowedMs: 5000,
    release: (packetId) => released.push(packetId),
    ...changes,
  });
  let firstOffset = 0;
  /** A batch of `count` records, as one message or one each. */
  const add = (
    count: number,
    options: { messages?: number; lane?: string; written?: (index: number) => Written } = {},
  ) => {
    const { messages = count, lane = 'main', written = () => 1 } = options;
    const batch = { gateway: 'gw', lane, firstOffset, count, body: null as unknown as UpstreamBatch['body'] };
    const from = firstOffset;
    firstOffset += count;
    let index = 0;
    const run: MessageRun = {
      count: messages,
      writeNext(_out, packetId) {
        const result = written(index);
        if (typeof result === 'number') sent.push({ offset: from + index, packetId });
        index++;
        return result;
      },
    };
    const result: { value: SendResult | null } = { value: null };
    void outbox.add(batch, run).then((value) => {
      result.value = value;
    });
    outbox.write();
    return result;
  };
  const ack = (offset: number, code = 0) => {
    const { packetId } = sent.findLast((message) => message.offset === offset)!;
    outbox.acknowledged('puback', packetId, code);
    outbox.write();
  };
  return { outbox, add, ack, sent, released, offsets: () => sent.map(({ offset }) => offset) };
}

describe('acknowledgements', () => {
  test('a batch is delivered with the last of its messages', async () => {
    const { add, ack } = setUp();
    const result = add(3);
    ack(2);
    ack(0);
    await settled();
    expect(result.value).toBeNull();
    ack(1);
    await settled();
    expect(result.value).toEqual({ kind: 'delivered' });
  });

  test('no matching subscribers (0x10) is an acknowledgement', async () => {
    const { add, ack } = setUp();
    const result = add(1);
    ack(0, 0x10);
    await settled();
    expect(result.value).toEqual({ kind: 'delivered' });
  });

  test('QoS 2 is released after PUBREC and done with PUBCOMP', async () => {
    const { add, outbox, sent, released } = setUp();
    const result = add(1, { written: () => 2 });
    const [{ packetId }] = sent;
    outbox.acknowledged('puback', packetId, 0);
    outbox.acknowledged('pubcomp', packetId, 0);
    await settled();
    expect([result.value, released]).toEqual([null, []]);
    outbox.acknowledged('pubrec', packetId, 0);
    outbox.acknowledged('pubrec', packetId, 0);
    expect(released).toEqual([packetId]);
    outbox.acknowledged('pubcomp', packetId, 0);
    await settled();
    expect(result.value).toEqual({ kind: 'delivered' });
  });

  test('one that answers nothing is ignored', () => {
    const { outbox, add, sent } = setUp();
    add(1);
    outbox.acknowledged('puback', sent[0].packetId + 1, 0);
    outbox.acknowledged('puback', 60_000, 0x97);
    expect(outbox.open).toBe(1);
  });
});

describe('window', () => {
  test('no more messages are open than allowed, over all batches and in order', () => {
    const { add, ack, offsets, outbox } = setUp({ messagesMax: 4 });
    add(3);
    add(5);
    expect(offsets()).toEqual([0, 1, 2, 3]);
    ack(1);
    ack(0);
    expect(offsets()).toEqual([0, 1, 2, 3, 4, 5]);
    expect(outbox.open).toBe(4);
  });

  test('packet ids are not used twice at a time', () => {
    const { add, ack, sent } = setUp({ messagesMax: 3 });
    add(50);
    const open = new Set(sent.map(({ packetId }) => packetId));
    for (let offset = 0; offset < 47; offset++) {
      open.delete(sent.find((message) => message.offset === offset)!.packetId);
      ack(offset);
      const next = sent.at(-1)!;
      expect(open.has(next.packetId)).toBe(false);
      open.add(next.packetId);
    }
  });

  test('after a connection that one of them ended, messages go one at a time, then as usual', () => {
    const { add, ack, offsets } = setUp({ singlyCount: 2 });
    add(10);
    expect(offsets()).toEqual([0]);
    ack(0);
    expect(offsets()).toEqual([0, 1]);
    ack(1);
    expect(offsets().length).toBe(10);
  });
});

describe('refusals', () => {
  test.each([0x80, 0x83, 0x97])('0x%x is for now: the rest of the batch is not sent', async (code) => {
    const { add, ack, offsets } = setUp({ messagesMax: 4 });
    const result = add(10);
    ack(0);
    ack(1, code);
    ack(2);
    ack(3);
    await settled();
    expect(result.value).toBeNull(); // 4 went out with the room that 0 made
    ack(4);
    await settled();
    expect(result.value).toMatchObject({ kind: 'retry', afterMs: 50, settledCount: 1, rejections: [] });
    expect(offsets()).toEqual([0, 1, 2, 3, 4]);
  });

  test('not authorized is tried again slowly', async () => {
    const { add, ack } = setUp();
    const result = add(1);
    ack(0, 0x87);
    await settled();
    expect(result.value).toMatchObject({
      kind: 'retry',
      reason: 'not authorized',
      afterMs: 5000,
      settledCount: 0,
    });
  });

  test('what waits behind in the same lane is not sent ahead; other lanes are', async () => {
    const { add, ack, offsets } = setUp({ messagesMax: 2 });
    const first = add(2, { lane: 'a' });
    const behind = add(2, { lane: 'a' });
    const other = add(1, { lane: 'b' });
    ack(0, 0x97);
    ack(1);
    ack(4);
    await settled();
    expect(offsets()).toEqual([0, 1, 4]);
    expect(first.value).toMatchObject({ kind: 'retry', settledCount: 0 });
    expect(behind.value).toMatchObject({ kind: 'retry', settledCount: 0 });
    expect(other.value).toEqual({ kind: 'delivered' });
  });

  test.each([
    [0x90, 'topic-name-invalid'],
    [0x95, 'too-large'],
    [0x99, 'payload-format-invalid'],
  ])('0x%x is for good: just that record is rejected', async (code, reason) => {
    const { add, ack } = setUp();
    const result = add(3);
    ack(0);
    ack(1, code);
    ack(2);
    await settled();
    expect(result.value).toEqual({ kind: 'rejected', rejections: [{ firstOffset: 1, count: 1, reason }] });
  });

  test('a message that is a whole batch is rejected as a whole', async () => {
    const { add, ack } = setUp();
    const result = add(500, { messages: 1 });
    ack(0, 0x99);
    await settled();
    const rejections = [{ firstOffset: 0, count: 500, reason: 'payload-format-invalid' }];
    expect(result.value).toEqual({ kind: 'rejected', rejections });
  });

  test('a PUBREC can refuse as well, and is not released', async () => {
    const { add, outbox, sent, released } = setUp();
    const result = add(1, { written: () => 2 });
    outbox.acknowledged('pubrec', sent[0].packetId, 0x97);
    await settled();
    expect(result.value).toMatchObject({ kind: 'retry', reason: 'quota exceeded' });
    expect(released).toEqual([]);
  });

  test('records that cannot be written do not hold up the others', async () => {
    const { add, ack } = setUp({ messagesMax: 1 });
    const result = add(3, { written: (index) => (index === 1 ? 1 : 'expired') });
    ack(1);
    await settled();
    expect(result.value).toEqual({
      kind: 'rejected',
      rejections: [0, 2].map((firstOffset) => ({ firstOffset, count: 1, reason: 'expired' })),
    });
  });
});

describe('a lost connection', () => {
  test('fails what is unanswered, and tells what is settled', async () => {
    const { add, ack, outbox } = setUp({ messagesMax: 5 });
    const first = add(4, { written: (index) => (index === 1 ? 'expired' : 1) });
    const second = add(4);
    const third = add(1);
    ack(0);
    ack(2);
    outbox.fail('reset');
    await settled();
    expect(first.value).toEqual({
      kind: 'retry',
      reason: 'reset',
      afterMs: 0,
      settledCount: 3,
      rejections: [{ firstOffset: 1, count: 1, reason: 'expired' }],
    });
    for (const { value } of [second, third])
      expect(value).toMatchObject({ kind: 'retry', settledCount: 0, afterMs: 0 });
    expect(outbox.open).toBe(0);
  });

  test('is blamed on a message only when it was the only one', async () => {
    const alone = setUp();
    const result = alone.add(1);
    expect(alone.outbox.blame(0x95)).toBe(true);
    await settled();
    expect(result.value).toMatchObject({ kind: 'rejected', rejections: [{ reason: 'too-large' }] });
    const several = setUp();
    several.add(2);
    expect(several.outbox.blame(0x95)).toBe(false);
  });
});
