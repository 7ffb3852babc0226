// A sink whose every answer the test gives.

import type { ConnectResult, SendResult, Sink, UpstreamBatch } from '../../../bridge/sinks/sink.ts';

export interface PendingSend {
  batch: UpstreamBatch;
  answer: (result: SendResult) => void;
}

export class FakeSink implements Sink {
  readonly takes: Sink['takes'];
  /** Unanswered connection attempts. */
  connecting: ((result: ConnectResult) => void)[] = [];
  connects = 0;
  /** Unanswered sends. */
  sends: PendingSend[] = [];
  dropped: string[] = [];
  closed = 0;
  bytes = 0;
  /** What the sender does when a connection is lost. */
  lost: (reason: string) => void = () => {};

  constructor(takes: Sink['takes'] = 'encoded') {
    this.takes = takes;
  }

  connect(): Promise<ConnectResult> {
    this.connects++;
    return new Promise((resolve) => this.connecting.push(resolve));
  }

  /** Answers the connection attempt there is. */
  accept(limits: { messageBytesMax?: number; batchesMax?: number } = {}): void {
    this.connecting.shift()!({ kind: 'connected', messageBytesMax: 1_000_000, batchesMax: 100, ...limits });
  }

  send(batch: UpstreamBatch): Promise<SendResult> {
    return new Promise((resolve) => {
      const pending: PendingSend = {
        batch,
        answer: (result) => {
          this.sends = this.sends.filter((other) => other !== pending);
          resolve(result);
        },
      };
      this.sends.push(pending);
    });
  }

  deliver(count = this.sends.length): void {
    for (const { answer } of this.sends.slice(0, count)) answer({ kind: 'delivered' });
  }

  /** The connection breaks: as the contract says, `lost` is told and every unanswered send comes back. */
  break(reason = 'reset'): void {
    this.lost(reason);
    for (const { answer } of this.sends)
      answer({ kind: 'retry', reason, afterMs: 0, settledCount: 0, rejections: [] });
  }

  drop(reason: string): void {
    this.dropped.push(reason);
    this.break(reason);
  }

  answer(): void {}

  bytesSent(): number {
    return this.bytes;
  }

  async close(): Promise<void> {
    this.closed++;
    for (const resolve of this.connecting.splice(0)) resolve({ kind: 'retry', reason: 'closed', afterMs: 0 });
    this.break('closed');
  }
}
