// A client that has nothing to do with what is going on: it publishes with QoS 1 at a steady pace, waits for each
// acknowledgement, and notes whether it got it and how long it took.

import { RawClient } from './raw-client.ts';

export class Bystander implements AsyncDisposable {
  acknowledged = 0;
  longestWaitMs = 0;
  /** What went wrong, if anything did. */
  fault: string | undefined;
  readonly #client: RawClient;
  readonly #intervalMs: number;
  #isStopping = false;
  readonly #finished: Promise<void>;

  private constructor(client: RawClient, intervalMs: number) {
    this.#client = client;
    this.#intervalMs = intervalMs;
    this.#finished = this.#publishAll().catch((error: Error) => {
      this.fault = error.message;
    });
  }

  static async start(port: number, intervalMs: number): Promise<Bystander> {
    const client = await RawClient.connect(port, 4, { clientId: 'bystander', keepalive: 10 });
    return new Bystander(client, intervalMs);
  }

  async #publishAll(): Promise<void> {
    for (let messageId = 1; !this.#isStopping; messageId = (messageId % 65_535) + 1) {
      const sinceMs = performance.now();
      this.#client.publish('bystander/said', 'still here', { qos: 1, messageId });
      const puback = await this.#client.next('puback');
      if (puback.messageId !== messageId) throw new Error(`PUBACK of ${puback.messageId} for ${messageId}`);
      const waitedMs = performance.now() - sinceMs;
      this.longestWaitMs = Math.max(this.longestWaitMs, waitedMs);
      this.acknowledged++;
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, this.#intervalMs - waitedMs))); // its pace
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopping = true;
    await this.#finished;
    this.#client[Symbol.dispose]();
  }
}
