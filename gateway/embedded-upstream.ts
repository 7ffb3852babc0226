// The broker that stands in for the cloud, so that forwarding works with nothing else installed: aedes with everything
// in memory, on a thread of its own. For trying things out; nothing it holds survives it.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Component } from '../config/component.ts';
import { SluiceError } from '../config/errors.ts';
import type { Logger } from '../config/logger.ts';
import { siblingThread } from '../config/sibling-thread.ts';

export interface EmbeddedUpstreamOptions {
  host: string;
  port: number;
  log: Logger;
}

export type FromUpstream =
  | { kind: 'listening'; port: number }
  | { kind: 'failed'; code: string; message: string }
  | { kind: 'fault'; message: string };

export class EmbeddedUpstream implements Component {
  readonly #options: EmbeddedUpstreamOptions;
  #worker: Worker | null = null;
  #port = 0;

  constructor(options: EmbeddedUpstreamOptions) {
    this.#options = options;
  }

  get url(): string {
    return `mqtt://${this.#options.host}:${this.#port}`;
  }

  async start(): Promise<void> {
    const { host, port, log } = this.#options;
    const worker = new Worker(siblingThread(import.meta.url, './embedded-upstream-thread'), {
      workerData: { host, port },
      name: 'upstream',
    });
    this.#worker = worker;
    const [first] = (await once(worker, 'message')) as [FromUpstream];
    if (first.kind !== 'listening') {
      await this.stop(0);
      throw new SluiceError(
        'PORT_TAKEN',
        `the embedded upstream cannot listen on ${host}:${port}: ${first.message}`,
        {
          kind: 'fatal',
          hint: 'Stop the program on that port, set another upstream.port, or turn upstream.embedded off.',
        },
      );
    }
    this.#port = first.port;
    worker.on('message', (message: FromUpstream) => {
      if (message.kind === 'fault')
        log.warn({ reason: message.message }, 'fault in the embedded upstream broker; it goes on');
    });
    worker.on('error', (err) => log.error({ err }, 'the embedded upstream broker has stopped'));
  }

  async stop(_deadlineMs: number): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    await worker?.terminate(); // it holds nothing that could be lost
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(0);
  }
}
