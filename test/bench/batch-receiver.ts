// The receiver of format `batch`: subscribes upstream, opens every batch's envelope (checksum, first offset,
// count) and insists that the offsets follow each other. It does not decompress, as mqload does not look at
// payloads beyond their heads. Runs in this process, on the same cores as everything else.

import { connect, type MqttClient } from 'mqtt';
import { decodeHeader } from '../../storage/record-batch/codec.ts';

export interface BatchReceiverOptions {
  port: number;
  /** Keep the session while away: what is published meanwhile comes when it is back. */
  persistent?: boolean;
}

interface Waiting {
  offset: number;
  resolve(atMs: number): void;
}

export class BatchReceiver implements AsyncDisposable {
  readonly #client: MqttClient;
  #waiting: Waiting[] = [];
  #nextOffset = 0;
  #duplicates = 0;
  #batches = 0;
  #bytes = 0;
  #firstAtMs = Number.NaN;
  #fault: Error | null = null;

  private constructor(client: MqttClient) {
    this.#client = client;
    client.handleMessage = (packet, done) => {
      if (packet.topic.startsWith('sluice/')) this.#take(packet.payload as Buffer);
      done();
    };
    client.on('error', () => {}); // upstream is away: the client tries again by itself
  }

  static async connect({ port, persistent = false }: BatchReceiverOptions): Promise<BatchReceiver> {
    const client = connect(`mqtt://127.0.0.1:${port}`, {
      protocolVersion: 5,
      clientId: 'bench-receiver',
      clean: !persistent,
      properties: persistent ? { sessionExpiryInterval: 3600 } : {},
      reconnectPeriod: 50,
    });
    const receiver = new BatchReceiver(client);
    await client.subscribeAsync('sluice/#', { qos: 1 });
    return receiver;
  }

  /** Records before this offset have all come. */
  get nextOffset(): number {
    return this.#nextOffset;
  }

  get firstAtMs(): number {
    return this.#firstAtMs;
  }

  get account(): { records: number; duplicates: number; batches: number; bytes: number } {
    return {
      records: this.#nextOffset,
      duplicates: this.#duplicates,
      batches: this.#batches,
      bytes: this.#bytes,
    };
  }

  /** `performance.now()` when every record before `offset` had come; throws when one is missing. */
  async received(offset: number, timeoutMs: number): Promise<number> {
    if (this.#fault === null && this.#nextOffset >= offset) return performance.now();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const fail = (): void =>
        reject(
          this.#fault ?? new Error(`${this.#nextOffset} of ${offset} records came within ${timeoutMs} ms`),
        );
      timer = setTimeout(fail, timeoutMs);
    });
    const there = new Promise<number>((resolve) => this.#waiting.push({ offset, resolve }));
    try {
      const atMs = await Promise.race([there, late]);
      if (this.#fault !== null) throw this.#fault;
      return atMs;
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.endAsync(true);
  }

  #take(bytes: Buffer): void {
    const atMs = performance.now();
    const { firstOffset, count } = decodeHeader(bytes);
    if (this.#batches++ === 0) this.#firstAtMs = atMs;
    this.#bytes += bytes.length;
    const end = firstOffset + count;
    if (firstOffset > this.#nextOffset) {
      this.#fault ??= new Error(`records ${this.#nextOffset} to ${firstOffset - 1} are missing upstream`);
    }
    this.#duplicates += Math.max(0, Math.min(end, this.#nextOffset) - firstOffset);
    this.#nextOffset = Math.max(this.#nextOffset, end);
    const done = this.#waiting.filter(({ offset }) => offset <= this.#nextOffset);
    this.#waiting = this.#waiting.filter(({ offset }) => offset > this.#nextOffset);
    for (const { resolve } of done) resolve(atMs);
  }
}
