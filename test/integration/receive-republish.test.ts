// `sluice receive --republish`: records go on to another broker one by one, and upstream is told only then.

import type { IPublishPacket } from 'mqtt';
import { connectAsync } from 'mqtt';
import { describe, expect, test } from 'vitest';
import { nameOf, Receiver, range, upstreamOf } from '../support/receiver.ts';
import { SluiceCommand } from '../support/sluice-command.ts';
import { TestBroker, until } from '../support/test-broker.ts';

/** A subscriber at the broker to which records are republished. */
async function consumerOf(broker: TestBroker): Promise<{ packets: IPublishPacket[] } & AsyncDisposable> {
  const client = await connectAsync(broker.url, {
    protocolVersion: 5,
    clean: false,
    clientId: 'consumer',
    properties: { sessionExpiryInterval: 60 },
  });
  const packets: IPublishPacket[] = [];
  client.on('message', (_topic, _payload, packet) => void packets.push(packet));
  await client.subscribeAsync('#', { qos: 2, rap: true });
  return { packets, [Symbol.asyncDispose]: () => client.endAsync(true) };
}

describe('sluice receive --republish', () => {
  const republish = (target: TestBroker, topicTemplate = '{topic}') => ({
    mode: { kind: 'republish', url: target.url, topicTemplate } as const,
  });

  test('publishes records one by one as their devices sent them, in order and with their names', async () => {
    await using broker = await TestBroker.start();
    await using target = await TestBroker.start();
    await using upstream = await upstreamOf(broker);
    await using consumer = await consumerOf(target);
    await using receiver = await new Receiver({
      from: broker.url,
      ...republish(target, 'site/{lane}/{topic}'),
    }).started();
    const properties = {
      contentType: 'x',
      correlationData: Buffer.from([0, 1]),
      userProperties: { k: ['1', '2'] },
    };
    await upstream.batch(0, [
      { topic: 'a', payload: 'one', qos: 0 },
      { topic: 'b', payload: Buffer.from([0, 255]), qos: 1, retain: true, properties },
      { topic: 'c', payload: '', qos: 2 },
    ]);
    await upstream.each(3);
    await until(() => consumer.packets.length === 4);
    expect(await receiver.end()).toMatchObject({ ok: true, records: 4 });
    expect(consumer.packets.map(({ topic, qos, retain }) => ({ topic, qos, retain }))).toEqual([
      { topic: 'site/main/a', qos: 0, retain: false },
      { topic: 'site/main/b', qos: 1, retain: true },
      { topic: 'site/main/c', qos: 2, retain: false },
      { topic: 'site/main/sluice/gw-1/main', qos: 1, retain: false },
    ]);
    expect(consumer.packets.map(nameOf)).toEqual(range(0, 4).map((offset) => `gw-1/main/${offset}`));
    expect(consumer.packets[1]).toMatchObject({
      payload: Buffer.from([0, 255]),
      properties: { contentType: 'x' },
    });
    expect(consumer.packets[1].properties?.userProperties).toMatchObject({ k: ['1', '2'] });
  });

  test('keeps order and loses nothing when the target stops answering, goes and comes back', async () => {
    await using broker = await TestBroker.start();
    await using target = await TestBroker.start();
    await using upstream = await upstreamOf(broker);
    const arrived: unknown[] = [];
    let answering = true;
    target.broker.authorizePublish = (_client, packet, done) => {
      arrived.push(nameOf(packet as IPublishPacket));
      if (arrived.length === 3000) answering = false;
      if (answering) done(null);
    };
    await using receiver = await new Receiver({ from: broker.url, ...republish(target) }).started();
    for (let offset = 0; offset < 8000; offset += 500) await upstream.batch(offset, 500);
    await until(() => !answering);
    await target.close();
    answering = true;
    await target.open();
    await until(() => new Set(arrived).size === 8000);
    expect(await receiver.end()).toMatchObject({ ok: true, records: 8000, duplicates: 0 });
    expect([...new Set(arrived)]).toEqual(range(0, 8000).map((offset) => `gw-1/main/${offset}`));
    expect(arrived.length).toBeGreaterThan(8000); // some went twice, under the same name
  });

  test('acknowledges upstream only what the target has acknowledged, through kill -9', async () => {
    await using broker = await TestBroker.start();
    await using target = await TestBroker.start();
    await using upstream = await upstreamOf(broker);
    await using consumer = await consumerOf(target);
    const args = [
      'receive',
      '--from',
      broker.url,
      '--republish',
      target.url,
      '--client-id',
      'r1',
      '--persistent',
    ];
    const total = 20_000;
    await using first = new SluiceCommand(args);
    await until(() => first.stderr.includes('received'));
    const publishing = (async () => {
      for (let offset = 0; offset < total; offset += 500) await upstream.batch(offset, 500);
    })();
    await until(() => consumer.packets.length > 1000);
    await first.kill('SIGKILL');
    const beforeRestart = new Set(consumer.packets.map(nameOf)).size;
    await publishing;
    await using second = new SluiceCommand(args);
    await until(() => new Set(consumer.packets.map(nameOf)).size === total);
    const { code, stderr } = await second.kill('SIGTERM');
    expect(beforeRestart).toBeLessThan(total);
    expect(code).toBe(0);
    expect(JSON.parse(stderr.trimEnd().split('\n').at(-1)!)).toMatchObject({ ok: true, gaps: 0, damaged: 0 });
  });

  test('does not take a message that comes again for one that has been republished', async () => {
    await using broker = await TestBroker.start();
    await using target = await TestBroker.start();
    await using upstream = await upstreamOf(broker);
    const options = { from: broker.url, clientId: 'r1', persistent: true };
    await using first = await new Receiver({ ...options, ...republish(target) }).started();
    await target.close();
    await upstream.batch(0, 10);
    await until(() => first.status.includes('received 1, '));
    broker.cut();
    await until(() => first.status.includes('received 2, batches 2, records 10, duplicates 10'));
    await first.end('output-closed');
    await using second = await new Receiver(options).started();
    await until(() => second.lines.length === 10);
  });

  test('stops when the target refuses a record, and upstream keeps it', async () => {
    await using broker = await TestBroker.start();
    await using target = await TestBroker.start();
    await using upstream = await upstreamOf(broker);
    target.broker.authorizePublish = (_client, packet, done) =>
      done(packet.topic === 'no' ? Object.assign(new Error('no'), { reasonCode: 0x87 }) : null);
    const options = { from: broker.url, clientId: 'r1', persistent: true };
    await using first = await new Receiver({ ...options, ...republish(target) }).started();
    await upstream.batch(0, [{ topic: 'yes' }, { topic: 'no' }]);
    await expect(first.result).rejects.toMatchObject({
      code: 'REPUBLISH_REFUSED',
      message: expect.stringContaining("'no'"),
    });
    await using second = await new Receiver(options).started();
    await until(() => second.lines.length === 2);
  });

  test('stops when the template needs a device that format each does not tell', async () => {
    await using broker = await TestBroker.start();
    await using target = await TestBroker.start();
    await using upstream = await upstreamOf(broker);
    await using receiver = await new Receiver({
      from: broker.url,
      ...republish(target, '{device}/{topic}'),
    }).started();
    await upstream.each(0);
    await expect(receiver.result).rejects.toMatchObject({ code: 'DEVICE_UNKNOWN' });
  });
});
