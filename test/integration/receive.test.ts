// `sluice receive` against a broker that plays the cloud: both formats, gaps and duplicates, lost connections, and what
// happens to records when receivers die or targets are away.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import type { IClientPublishOptions, IPublishPacket, MqttClient } from 'mqtt';
import { connectAsync } from 'mqtt';
import { describe, expect, test } from 'vitest';
import type { ReceiveSummary } from '../../gateway/commands/receive-account.ts';
import { type ReceiveOptions, receive } from '../../gateway/commands/receive-run.ts';
import { encodeBatch } from '../../storage/record-batch/codec.ts';
import { type SampleRecord, sampleBatch } from '../support/batch-samples.ts';
import { SluiceCommand } from '../support/sluice-command.ts';
import { TestBroker, until } from '../support/test-broker.ts';

/** A run of `receive` in this process, and what it has written so far. */
class Receiver implements AsyncDisposable {
  readonly out = new PassThrough();
  readonly err = new PassThrough();
  readonly result: Promise<ReceiveSummary>;
  readonly #abort = new AbortController();
  #out = '';
  #err = '';

  constructor(options: Partial<ReceiveOptions> & { from: string }) {
    this.out.on('data', (text) => {
      this.#out += text;
    });
    this.err.on('data', (text) => {
      this.#err += text;
    });
    const plain = {
      filter: 'sluice/#',
      mode: { kind: 'print' },
      persistent: false,
      fromStart: false,
    } as const;
    this.result = receive({ ...plain, ...options }, this, { signal: this.#abort.signal });
    this.result.catch(() => {}); // looked at by the test
  }

  /** Resolves when it has subscribed: then it prints its first status. */
  async started(): Promise<this> {
    await Promise.race([until(() => this.#err.includes('received')), this.result]);
    return this;
  }

  get lines(): Record<string, unknown>[] {
    return this.#out
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  }

  get offsets(): unknown[] {
    return this.lines.map(({ offset }) => offset);
  }

  get status(): string {
    return this.#err;
  }

  end(reason?: string): Promise<ReceiveSummary> {
    this.#abort.abort(reason);
    return this.result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end().catch(() => {});
  }
}

interface Upstream extends AsyncDisposable {
  batch(firstOffset: number, records: number | SampleRecord[]): Promise<void>;
  each(offset: number, options?: IClientPublishOptions): Promise<void>;
  raw(payload: string | Buffer, options?: IClientPublishOptions): Promise<void>;
}

/** What a gateway's sink publishes. */
async function upstreamOf(broker: TestBroker): Promise<Upstream> {
  const client = await connectAsync(broker.url, { protocolVersion: 5, reconnectPeriod: 50 });
  const publish = async (payload: string | Buffer, options: IClientPublishOptions = {}): Promise<void> => {
    await client.publishAsync('sluice/gw-1/main', payload, { qos: 1, ...options });
  };
  return {
    batch(firstOffset, records) {
      const list = typeof records === 'number' ? Array.from({ length: records }, () => ({})) : records;
      const bytes = encodeBatch(sampleBatch({ firstOffset }, list), { compression: 'zstd', level: 1 });
      return publish(bytes, { properties: { contentType: 'application/vnd.sluice.batch+cbor' } });
    },
    each(offset, options = {}) {
      const userProperties = { ...options.properties?.userProperties, sluice: `gw-1/main/${offset}` };
      return publish(`value ${offset}`, {
        ...options,
        properties: { ...options.properties, userProperties },
      });
    },
    raw: publish,
    async [Symbol.asyncDispose]() {
      await client.endAsync(true);
    },
  };
}

/** A subscriber at the broker to which records are republished. */
async function consumerOf(
  broker: TestBroker,
): Promise<{ packets: IPublishPacket[]; client: MqttClient } & AsyncDisposable> {
  const client = await connectAsync(broker.url, {
    protocolVersion: 5,
    clean: false,
    clientId: 'consumer',
    properties: { sessionExpiryInterval: 60 },
  });
  const packets: IPublishPacket[] = [];
  client.on('message', (_topic, _payload, packet) => void packets.push(packet));
  await client.subscribeAsync('#', { qos: 2, rap: true });
  return { packets, client, [Symbol.asyncDispose]: () => client.endAsync(true) };
}

const nameOf = (packet: IPublishPacket): unknown => packet.properties?.userProperties?.sluice;
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

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
    // Version 2 and nothing else: 55799([2, ..., crc32]) as storage/README.md draws it.
    const bytes = Buffer.concat([
      Buffer.from('d9d9f78302', 'hex'),
      Buffer.from([0x54]),
      Buffer.alloc(20),
      Buffer.from('1a', 'hex'),
    ]);
    const { crc32 } = await import('node:zlib');
    const checksum = Buffer.alloc(4);
    checksum.writeUInt32BE(crc32(bytes.subarray(0, -1)));
    await upstream.raw(Buffer.concat([bytes, checksum]));
    await expect(first.result).rejects.toMatchObject({ code: 'BATCH_VERSION' });
    await using second = new Receiver(options);
    await expect(second.result).rejects.toMatchObject({ code: 'BATCH_VERSION' });
  });
});

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

describe('the receive command', () => {
  test('prints the summary as its only output with --summary, and fails when something is missing', async () => {
    await using broker = await TestBroker.start();
    await using upstream = await upstreamOf(broker);
    await using command = new SluiceCommand(['receive', '--from', broker.url, '--summary', '--count', '3']);
    await until(() => command.stderr.includes('received'));
    await upstream.batch(0, 1);
    await upstream.batch(5, 2);
    const { code, stdout } = await command.exited();
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, records: 3, gaps: 1, missing: 4 });
  });

  test('can be interrupted while it waits for a broker that does not answer', async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    const connections: Socket[] = [];
    silent.on('connection', (socket) => void connections.push(socket));
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    await using command = new SluiceCommand(['receive', '--from', `mqtt://127.0.0.1:${port}`]);
    await once(silent, 'connection');
    const { code, stderr } = await command.kill('SIGINT');
    expect({ code, lines: stderr.trimEnd().split('\n').length }).toEqual({ code: 0, lines: 1 });
    for (const socket of connections) socket.destroy();
    silent.close();
  });

  test('says every second how it stands, and ends in order at an interrupt', async () => {
    await using broker = await TestBroker.start();
    await using upstream = await upstreamOf(broker);
    await using command = new SluiceCommand(['receive', '--from', broker.url]);
    await until(() => command.stderr.includes('received'));
    await upstream.batch(0, 2);
    await until(() =>
      command.stderr.includes('received 1, batches 1, records 2, duplicates 0, gaps 0, out of order 0'),
    );
    const { code, stdout, stderr } = await command.kill('SIGINT');
    expect(code).toBe(0);
    expect(stdout.split('\n')).toHaveLength(3);
    expect(JSON.parse(stderr.trimEnd().split('\n').at(-1)!)).toMatchObject({ ok: true, records: 2 });
  });

  test('ends when nobody reads what it prints, and what was not read stays upstream', async () => {
    await using broker = await TestBroker.start();
    await using upstream = await upstreamOf(broker);
    const args = ['receive', '--from', broker.url, '--client-id', 'r1', '--persistent'];
    await using command = new SluiceCommand(args);
    await until(() => command.stderr.includes('received'));
    await upstream.batch(0, 1);
    await until(() => command.stdout !== '');
    command.process.stdout!.destroy();
    await upstream.batch(1, 1);
    const { code, stderr } = await command.exited();
    expect(code).toBe(0);
    expect(stderr).not.toContain('    at ');
    await using second = await new Receiver({ from: broker.url, clientId: 'r1', persistent: true }).started();
    await until(() => second.lines.length > 0);
    expect(second.offsets).toEqual([1]);
  });

  test.each([
    [
      ['--from', 'mqtt://127.0.0.1:1'],
      /^sluice: cannot subscribe to 'sluice\/#' at mqtt:\/\/127\.0\.0\.1:1: .*ECONNREFUSED.*\. Check/,
    ],
    [['--from', 'nonsense'], /^sluice: 'nonsense' is no address of a broker\. Write mqtt:/],
    [['--from', 'mqtt://127.0.0.1:1', '--persistent'], /^sluice: --persistent .*\. Add --client-id\./],
  ])('tells a fault in one line, with what to do, and fails (%j)', async (args, expected) => {
    const { code, stdout, stderr } = await new SluiceCommand(['receive', ...args]).exited();
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.trimEnd().split('\n')).toEqual([expect.stringMatching(expected)]);
  });
});
