// One gateway for all tests of a file, or of a describe: started before the first of them, stopped after the last, in
// order, with what was fatal thrown.

import { afterAll, beforeAll } from 'vitest';
import type { TestSettings } from './gateway-settings.ts';
import { RawClient } from './raw-client.ts';
import { RunningGateway } from './running-gateway.ts';
import type { StoredRecord } from './stored-records.ts';
import { TemporaryDirectory } from './temporary-directory.ts';

export class SharedGateway {
  #running: RunningGateway | undefined;
  #path = '';

  /** To be called where hooks may be registered. */
  constructor(settings: TestSettings = {}) {
    let directory: TemporaryDirectory | undefined;
    beforeAll(async () => {
      directory = new TemporaryDirectory();
      this.#path = directory.path;
      this.#running = await RunningGateway.start(directory.path, settings);
    });
    afterAll(async () => {
      await this.#running?.stop();
      directory?.[Symbol.dispose]();
    });
  }

  /** Of its data, and what else it keeps. */
  get path(): string {
    return this.#path;
  }

  get port(): number {
    return this.#gateway.port;
  }

  records(): StoredRecord[] {
    return this.#gateway.records();
  }

  counters() {
    return this.#gateway.counters();
  }

  get #gateway(): RunningGateway {
    if (this.#running === undefined) throw new Error('the gateway is there from the first test on');
    return this.#running;
  }
}

export interface PublishedTo {
  port: number;
  topic: string;
}

/** Publishes each payload and waits until it is acknowledged, so that it is in the queue of who is away. */
export async function publishAll(
  { port, topic }: PublishedTo,
  payloads: readonly string[],
  rest: object = {},
): Promise<void> {
  using client = await RawClient.connect(port, 5, { clientId: `publisher-of-${topic}` });
  for (const [i, payload] of payloads.entries())
    client.publish(topic, payload, { qos: 1, messageId: i + 1, ...rest });
  await client.take('puback', payloads.length);
}
