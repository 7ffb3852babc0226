// Where `sluice receive` puts records that are new: standard output, another broker (republisher.ts), or nowhere.

import type { LineOutput } from './line-output.ts';
import { type ReceivedRecord, recordLine } from './record-line.ts';

export interface RecordOutput {
  /** Throws a `SluiceError` when it cannot be used at all. */
  start(): Promise<void>;
  /**
   * Takes the records in order, after those of earlier calls. Resolves when they are out of our hands: upstream may be
   * told to forget them. Never rejects; while that cannot be said it stays pending. Bounded by its caller.
   */
  deliver(records: Iterable<ReceivedRecord>): Promise<void>;
  /** Nothing of it is alive afterwards. Repeatable, safe without start. */
  stop(deadlineMs: number): Promise<void>;
}

/** JSON lines on a stream. What the reader of a closed stream did not get is never said to be delivered. */
export class LinePrinter implements RecordOutput {
  readonly #lines: LineOutput;

  constructor(lines: LineOutput) {
    this.#lines = lines;
  }

  async start(): Promise<void> {}

  async deliver(records: Iterable<ReceivedRecord>): Promise<void> {
    // Not awaited line by line: the lines of one call stay together, and its caller bounds how many there are.
    for (const record of records) void this.#lines.write(recordLine(record));
    await this.#lines.flush();
    if (this.#lines.closed) await new Promise<never>(() => {});
  }

  async stop(): Promise<void> {}
}

/** For counting only. */
export const noOutput: RecordOutput = {
  start: async () => {},
  deliver: async () => {},
  stop: async () => {},
};
