// `sluice receive` against a broker that plays the cloud: both formats, gaps and duplicates, lost connections, and what
// happens to records when receivers die or targets are away.

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


for (let k = 0; k < 14; k++) test('z' + k, async () => {
    await using broker = await TestBroker.start();
    await using target = await TestBroker.start();
    await using upstream = await upstreamOf(broker);
    await using consumer = await consumerOf(target);
    const seen: unknown[] = [];
    target.broker.on('publish', (p: any, c: any) => { const n = p.properties?.userProperties?.sluice; if (n && c) seen.push(n); });
    await using receiver = await new Receiver({ from: broker.url, mode: { kind: 'republish', url: target.url, topicTemplate: '{topic}' } }).started();
    for (let round = 0; round < 4; round++) {
      await upstream.batch(round * 2000, 2000);
      if (round === 1) await target.close();
      if (round === 2) await target.open();
    }
    await until(() => new Set(consumer.packets.map(nameOf)).size === 8000);
    await receiver.end();
    const check = (l: unknown[]) => { const f = [...new Set(l)].map((n) => Number(String(n).split('/')[2])); return f.filter((v, i) => i > 0 && v < f[i - 1]).length; };
    console.log(k, 'arrived', seen.length, check(seen), 'consumed', consumer.packets.length, check(consumer.packets.map(nameOf)));
});
