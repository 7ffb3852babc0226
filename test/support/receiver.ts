// The two ends around an upstream broker, for tests of `sluice receive`: what a gateway's sink publishes to it, and a
// run of the receiver in this process with everything that it has written so far.

import { PassThrough } from 'node:stream';
import type { IClientPublishOptions, IPublishPacket } from 'mqtt';
import { connectAsync } from 'mqtt';
import type { Clock } from '../../config/clock.ts';
import type { ReceiveSummary } from '../../gateway/commands/receive-account.ts';
import { type ReceiveOptions, receive } from '../../gateway/commands/receive-run.ts';
import { encodeBatch } from '../../storage/record-batch/codec.ts';
import { type SampleRecord, sampleBatch } from './batch-samples.ts';
import { type TestBroker, until } from './test-broker.ts';

/** A run of `receive` in this process, and what it has written so far. */
export class Receiver implements AsyncDisposable {
  readonly out = new PassThrough();
  readonly err = new PassThrough();
  readonly result: Promise<ReceiveSummary>;
  readonly #abort = new AbortController();
  #out = '';
  #err = '';

  constructor(options: Partial<ReceiveOptions> & { from: string }, clock?: Clock) {
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
    const { signal } = this.#abort;
    const means = clock === undefined ? { signal } : { signal, clock };
    this.result = receive({ ...plain, ...options }, this, means);
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

export interface Upstream extends AsyncDisposable {
  batch(firstOffset: number, records: number | SampleRecord[]): Promise<void>;
  each(offset: number, options?: IClientPublishOptions): Promise<void>;
  raw(payload: string | Buffer, options?: IClientPublishOptions): Promise<void>;
}

/** What a gateway's sink publishes. */
export async function upstreamOf(broker: TestBroker): Promise<Upstream> {
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

/** The record name that a republished message bears. */
export const nameOf = (packet: IPublishPacket): unknown => packet.properties?.userProperties?.sluice;
export const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, i) => from + i);
