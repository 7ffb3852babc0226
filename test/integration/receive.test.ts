// `sluice receive` against a broker that plays the cloud: both formats, gaps and duplicates, lost connections,
// sessions, and what happens to records that are not printed.

import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { FakeClock } from '../support/fake-clock.ts';
import { Receiver, range, upstreamOf } from '../support/receiver.ts';
import { TestBroker, until } from '../support/test-broker.ts';

describe('sluice receive', () => {
  test('prints the records of batches and single ones, each once', async () => {
    await using broker = await TestBroker.start();
    await using upstream = await upstreamOf(broker);
    await using receiver = await new Receiver({ from: broker.url }).started();
    await upstream.batch(0, [
      { device: 'd', topic: 'plant/ü', payload: '{"t":1}', qos: 2, properties: { contentType: 'x' } },
      {},
    ]);
    await upstream.each(2, { retain: true, properties: { contentType: 'y' } });
    await upstream.batch(1, 3);
    await upstream.each(3);
    await upstream.each(4);
    await until(() => receiver.lines.length === 5);
    const summary = await receiver.end();
    expect(receiver.offsets).toEqual([0, 1, 2, 3, 4]);
    expect(receiver.lines[0]).toEqual({
      ...{
        gateway: 'gw-1',
        lane: 'main',
        offset: 0,
        device: 'd',
        topic: 'plant/ü',
        time: '2026-01-01T00:00:00.000Z',
      },
      ...{
        qos: 2,
        retain: false,
        dup: false,
        will: false,
        payload: '{"t":1}',
        properties: { contentType: 'x' },
      },
    });
    expect(receiver.lines[2]).toEqual({
      ...{ gateway: 'gw-1', lane: 'main', offset: 2, topic: 'sluice/gw-1/main', qos: 1, retain: true },
      ...{ payload: 'value 2', properties: { contentType: 'y' } },
    });
    expect(summary).toMatchObject({
      ok: true,
      records: 5,
      batches: 2,
      duplicates: 3,
      gaps: 0,
      outOfOrder: 0,
      exact: true,
    });
  });

  test('finds what is missing, doubled, out of order, damaged and foreign', async () => {
    await using broker = await TestBroker.start();
    await using upstream = await upstreamOf(broker);
    await using receiver = await new Receiver({ from: broker.url, mode: { kind: 'summary' } }).started();
    for (const [firstOffset, count] of [
      [10, 5],
      [20, 5],
      [12, 2],
      [16, 1],
    ] as const)
      await upstream.batch(firstOffset, count);
    await upstream.raw('other');
    await upstream.raw(Buffer.from('d9d9f7', 'hex'));
    await until(() => receiver.status.includes('damaged message on'));
    const summary = await receiver.end();
    expect(receiver.lines).toEqual([]);
    expect(summary).toMatchObject({
      ok: false,
      ...{
        messages: 6,
        batches: 4,
        records: 11,
        duplicates: 2,
        gaps: 2,
        missing: 4,
        outOfOrder: 1,
        damaged: 1,
        foreign: 1,
      },
      lanes: [
        {
          firstOffset: 10,
          lastOffset: 24,
          firstGaps: [
            { from: 15, to: 16 },
            { from: 17, to: 20 },
          ],
        },
      ],
    });
  });

  test('does not take retained messages from before its time for new ones', async () => {
    await using broker = await TestBroker.start();
    await using upstream = await upstreamOf(broker);
    await upstream.each(1, { retain: true });
    await using receiver = await new Receiver({ from: broker.url }).started();
    await upstream.each(2);
    await until(() => receiver.lines.length > 0);
    expect(receiver.offsets).toEqual([2]);
  });

  test('stops after the count that was asked for', async () => {
    await using broker = await TestBroker.start();
    await using upstream = await upstreamOf(broker);
    await using receiver = await new Receiver({ from: broker.url, count: 3 }).started();
    await upstream.batch(0, 2);
    await upstream.batch(2, 2);
    expect(await receiver.result).toMatchObject({ ok: true, records: 4 });
    expect(receiver.offsets).toEqual([0, 1, 2, 3]);
  });

  test('stops after the time that was asked for', async () => {
    await using broker = await TestBroker.start();
    await using receiver = new Receiver({ from: broker.url, forMs: 50 });
    expect(await receiver.result).toMatchObject({ ok: true, records: 0 });
  });

  test('loses nothing when the connection breaks again and again, or the broker is away', async () => {
    await using broker = await TestBroker.start();
    await using upstream = await upstreamOf(broker);
    await using receiver = await new Receiver({ from: broker.url, forMs: undefined }).started();
    for (let round = 0; round < 3; round++) {
      await upstream.batch(round * 20, 10);
      if (round === 1) await broker.close();
      else broker.cut();
      const publishing = upstream.batch(round * 20 + 10, 10);
      if (round === 1) await broker.open();
      await publishing;
      await until(() => new Set(receiver.offsets).size === (round + 1) * 20);
    }
    expect(receiver.status).toContain('upstream lost');
    expect(receiver.status).toContain('upstream restored');
    expect(await receiver.end()).toMatchObject({ ok: true, records: 60, gaps: 0, outOfOrder: 0 });
    expect(receiver.offsets).toEqual(range(0, 60));
  });

  test('says nothing of a record to upstream before it is printed: the next receiver gets it again', async () => {
    await using broker = await TestBroker.start();
    await using upstream = await upstreamOf(broker);
    const options = { from: broker.url, clientId: 'r1', persistent: true };
    await using first = new Receiver(options);
    first.out.removeAllListeners('data');
    first.out.pause(); // and takes 16 KiB, but nothing beyond
    await first.started();
    const payload = 'x'.repeat(10_000);
    await upstream.batch(
      0,
      Array.from({ length: 10 }, () => ({ payload })),
    );
    await upstream.batch(
      10,
      Array.from({ length: 10 }, () => ({ payload })),
    );
    await until(() => first.status.includes('records 20'));
    broker.cut(); // what comes again is known, and still not printed
    await until(() => first.status.includes('duplicates 20'));
    await first.end('output-closed');
    await using second = await new Receiver(options).started();
    await until(() => second.lines.length === 20);
    expect(second.offsets).toEqual(range(0, 20));
  });

  test('has everything that came while it was away when its session is persistent', async () => {
    await using broker = await TestBroker.start();
    await using upstream = await upstreamOf(broker);
    const options = { from: broker.url, clientId: 'r1', persistent: true };
    await using first = await new Receiver(options).started();
    await upstream.batch(0, 5);
    await until(() => first.lines.length === 5);
    await first.end();
    await upstream.batch(5, 5);
    await using second = await new Receiver(options).started();
    await until(() => second.lines.length === 5);
    expect(second.offsets).toEqual(range(5, 10));
  });

  test('leaves nothing at the broker when its session is not persistent', async () => {
    await using broker = await TestBroker.start();
    await using upstream = await upstreamOf(broker);
    await using first = await new Receiver({ from: broker.url, clientId: 'r1' }).started();
    await first.end();
    await upstream.batch(0, 5);
    await using second = await new Receiver({ from: broker.url, clientId: 'r1', persistent: true }).started();
    await upstream.batch(5, 5);
    await until(() => second.lines.length >= 5);
    expect(second.offsets).toEqual(range(5, 10));
  });

  test('says so when another client takes its session, instead of fighting for it', async () => {
    await using broker = await TestBroker.start();
    await using first = await new Receiver({ from: broker.url, clientId: 'r1' }).started();
    await using _second = await new Receiver({ from: broker.url, clientId: 'r1' }).started();
    await expect(first.result).rejects.toMatchObject({ code: 'SESSION_TAKEN_OVER' });
  });

  test('ends with a hint, and without acknowledging, at a batch of a version that it does not know', async () => {
    await using broker = await TestBroker.start();
    await using upstream = await upstreamOf(broker);
    const options = { from: broker.url, clientId: 'r1', persistent: true };
    await using first = await new Receiver(options).started();
    // Version 3 and nothing else: 55799([3, ..., crc32]) as storage/README.md draws it.
    const bytes = Buffer.concat([
      Buffer.from('d9d9f78303', 'hex'),
      Buffer.from([0x54]),
      Buffer.alloc(20),
      Buffer.from('1a', 'hex'),
    ]);
    const checksum = Buffer.alloc(4);
    checksum.writeUInt32BE(crc32(bytes.subarray(0, -1)));
    await upstream.raw(Buffer.concat([bytes, checksum]));
    await expect(first.result).rejects.toMatchObject({ code: 'BATCH_VERSION' });
    await using second = new Receiver(options);
    await expect(second.result).rejects.toMatchObject({ code: 'BATCH_VERSION' });
  });
});

test('sluice receive says how it stands when that has changed, and once more at the end', async () => {
  await using broker = await TestBroker.start();
  await using upstream = await upstreamOf(broker);
  const clock = new FakeClock();
  await using receiver = await new Receiver({ from: broker.url }, clock).started();
  const stands = () => receiver.status.match(/^received .*$/gm);
  clock.advance(10_000);
  await upstream.batch(0, 2);
  await until(() => receiver.lines.length === 2);
  clock.advance(10_000);
  await receiver.end();
  const last = 'received 1, batches 1, records 2, duplicates 0, gaps 0, out of order 0';
  expect(stands()).toEqual([expect.stringMatching(/^received 0, /), last, last]);
});
