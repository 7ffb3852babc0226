// `sluice receive`: the other end of a gateway's upstream. Subscribes, takes both formats apart, checks by the records'
// names that nothing is missing or doubled, and prints, republishes or only counts what is new. Upstream is told that a
// message has arrived only when its records are out of our hands, so nothing is lost when this is killed.
//
// Here: the run and its end. Arguments are receive.ts's, the books receive-account.ts's, the connection
// upstream-subscription.ts's.

import { randomBytes } from 'node:crypto';
import type { Writable } from 'node:stream';
import type { IPublishPacket } from 'mqtt';
import { type Clock, systemClock, type Timer } from '../../config/clock.ts';
import type { RecordBatch } from '../../storage/record-batch/record-batch.ts';
import type { AbortReason } from './foreground.ts';
import { LineOutput } from './line-output.ts';
import { ReceiveAccount, type ReceiveSummary } from './receive-account.ts';
import { LinePrinter, noOutput, type RecordOutput } from './record-output.ts';
import { Republisher } from './republisher.ts';
import { parseUpstreamMessage, type UpstreamMessage } from './upstream-message.ts';
import { UpstreamSubscription } from './upstream-subscription.ts';

export type ReceiveMode =
  | { kind: 'print' }
  | { kind: 'republish'; url: string; topicTemplate: string }
  | { kind: 'summary' };

export interface ReceiveOptions {
  from: string;
  filter: string;
  mode: ReceiveMode;
  /** Stop when at least so many different records have come; a batch is never taken apart. */
  count?: number;
  /** Stop after that time. */
  forMs?: number;
  clientId?: string;
  persistent: boolean;
  /** Records before the first one seen count as missing. */
  fromStart: boolean;
}

export interface ReceiveStreams {
  out: Writable;
  err: Writable;
}

/** How often is looked whether there is something new to say. */
const STATUS_EVERY_MS = 1000;
const STOP_DEADLINE_MS = 5000;

/**
 * Runs until `signal`, a limit or a fault; resolves to the summary, throws the fault. Nobody reads the output any more
 * when the signal's reason is `output-closed`.
 */
export async function receive(
  options: ReceiveOptions,
  streams: ReceiveStreams,
  { signal, clock = systemClock }: { signal: AbortSignal; clock?: Clock },
): Promise<ReceiveSummary> {
  const run = new ReceiveRun(options, streams, clock);
  const onAbort = (): void => run.end();
  signal.addEventListener('abort', onAbort);
  let deliverable = false;
  try {
    if (signal.aborted) run.end();
    await Promise.race([run.start(), run.ended]); // an interrupt need not wait for a broker that does not answer
    await run.ended;
    deliverable = signal.reason !== ('output-closed' satisfies AbortReason);
  } finally {
    signal.removeEventListener('abort', onAbort);
    await run.stop(deliverable ? STOP_DEADLINE_MS : 0);
  }
  return run.summary();
}

class ReceiveRun {
  readonly ended: Promise<void>;
  readonly #options: ReceiveOptions;
  readonly #status: LineOutput;
  readonly #clock: Clock;
  readonly #account = new ReceiveAccount();
  readonly #output: RecordOutput;
  readonly #subscription: UpstreamSubscription;
  readonly #timers = new Map<string, Timer>();
  #subscribed = false;
  #saidStatus = '';
  #end: () => void = () => {};
  #fail: (error: unknown) => void = () => {};

  constructor(options: ReceiveOptions, streams: ReceiveStreams, clock: Clock) {
    this.ended = new Promise((resolve, reject) => {
      this.#end = resolve;
      this.#fail = reject;
    });
    this.ended.catch(() => {}); // a fault before `ended` is awaited is not unhandled
    this.#options = options;
    this.#status = new LineOutput(streams.err);
    this.#clock = clock;
    this.#output = this.#openOutput(new LineOutput(streams.out));
    const { from: url, filter, persistent } = options;
    const clientId = options.clientId ?? `sluice-receive-${randomBytes(6).toString('hex')}`;
    this.#subscription = new UpstreamSubscription(
      { url, filter, clientId, persistent },
      {
        message: (packet, done) => this.#take(packet, done),
        connection: (state, reason) => this.#say(`upstream ${state}${reason === '' ? '' : `: ${reason}`}`),
        fault: (error) => this.#fail(error),
      },
      clock,
    );
  }

  async start(): Promise<void> {
    await this.#output.start();
    await this.#subscription.start();
    this.#subscribed = true;
    this.#tick();
    const { forMs } = this.#options;
    if (forMs !== undefined)
      this.#timers.set(
        'for',
        this.#clock.after(forMs, () => this.end()),
      );
  }

  end(): void {
    this.#end();
  }

  /**
   * In order: nothing more is taken, what is under way is delivered and acknowledged, then the connections
   * close.
   */
  async stop(drainMs: number): Promise<void> {
    for (const timer of this.#timers.values()) timer.clear();
    await this.#subscription.drain(drainMs);
    await this.#subscription.stop(STOP_DEADLINE_MS);
    await this.#output.stop(STOP_DEADLINE_MS);
    if (this.#subscribed) this.#say(this.#account.statusLine());
    await this.#status.flush();
  }

  summary(): ReceiveSummary {
    return this.#account.summary(this.#options.fromStart);
  }

  #openOutput(lines: LineOutput): RecordOutput {
    const { mode } = this.#options;
    switch (mode.kind) {
      case 'print':
        return new LinePrinter(lines);
      case 'republish':
        return new Republisher({ ...mode, fault: (error) => this.#fail(error) }, this.#clock);
      case 'summary':
        return noOutput;
    }
  }

  /** Returns the bytes that the message takes while it is under way. */
  #take(packet: IPublishPacket, done: () => void): number {
    let message: UpstreamMessage;
    try {
      message = parseUpstreamMessage(packet);
    } catch (error) {
      this.#fail(error); // and the message stays with upstream
      return packet.payload.length;
    }
    if (message.kind === 'damaged') this.#say(`damaged message on '${packet.topic}': ${message.reason}`);
    const records = this.#account.enter(message, packet.payload.length);
    void this.#output.deliver(records).then(done);
    if (this.#account.records >= (this.#options.count ?? Number.POSITIVE_INFINITY)) this.end();
    return message.kind === 'batch' ? batchBytes(message.batch) : packet.payload.length;
  }

  /** A line that says nothing new is left out. */
  #tick(): void {
    const status = this.#account.statusLine();
    if (status !== this.#saidStatus) this.#say(status);
    this.#saidStatus = status;
    this.#timers.set(
      'status',
      this.#clock.after(STATUS_EVERY_MS, () => this.#tick()),
    );
  }

  #say(line: string): void {
    void this.#status.write(line);
    void this.#status.flush();
  }
}

/** Data, columns, and what their lines cost that wait to be printed. */
function batchBytes(batch: RecordBatch): number {
  return batch.data.length + batch.count * 256;
}
