// What a gateway in a process of its own holds on to: its heaps after a collection of garbage, and the memory outside
// of them that they account for. Resident memory says something else: what V8 has taken so far, garbage and all, which
// it does not give back.

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { GatewayProcess } from './gateway-process.ts';
import { TemporaryDirectory } from './temporary-directory.ts';
import { waitFor } from './wait-for.ts';

const preload = fileURLToPath(new URL('./heap-probe-preload.ts', import.meta.url));

/** A gateway's: the one of the listeners, storage and bridge. */
const THREADS = 3;

interface ProbeLine {
  thread: number;
  /** Counts the signals; 0: the thread has started. */
  serial: number;
  heapBytes: number;
  externalBytes: number;
}

export class HeapProbe implements Disposable {
  readonly #directory = new TemporaryDirectory();
  readonly #file = this.#directory.file('heap');
  #taken: Promise<unknown> = Promise.resolve();
  #serial = 0;

  /** For the gateway's start. One probe measures one start of one gateway. */
  get env(): Record<string, string> {
    return { NODE_OPTIONS: `--import=${preload}`, HEAP_PROBE_FILE: this.#file };
  }

  /** Bytes that are still held, of all threads; one measurement after the other. */
  async heldBytes(gateway: GatewayProcess): Promise<number> {
    const taken = this.#taken.then(() => this.#measure(gateway));
    this.#taken = taken;
    return await taken;
  }

  [Symbol.dispose](): void {
    this.#directory[Symbol.dispose]();
  }

  async #measure({ server }: GatewayProcess): Promise<number> {
    const serial = ++this.#serial;
    const areThere = (of: number) => !server.isRunning || this.#lines(of).length === THREADS;
    // It serves clients before all of them have started.
    await waitFor(() => areThere(0), { what: `${THREADS} threads` });
    server.signal('SIGUSR2');
    await waitFor(() => areThere(serial), { what: `what ${THREADS} threads hold` });
    const held = this.#lines(serial).map(({ heapBytes, externalBytes }) => heapBytes + externalBytes);
    return held.reduce((sum, bytes) => sum + bytes, 0);
  }

  #lines(serial: number): ProbeLine[] {
    if (!existsSync(this.#file)) return [];
    const whole = readFileSync(this.#file, 'utf8').split('\n').slice(0, -1);
    return whole.map((line) => JSON.parse(line) as ProbeLine).filter((line) => line.serial === serial);
  }
}
