// One connection through the link: the client's socket, one to the target, and a wire each way. Each side may end its
// half alone, as TCP allows; that one side is gone is told to the other by the wire, and so not at all when that has
// lost bytes: then a half-open connection stays until the other side closes, or the link is cut.

import { connect, type Socket } from 'node:net';
import type { Clock } from '../../config/clock.ts';
import { messageOf } from '../../config/errors.ts';
import type { LinkFaults } from './link-faults.ts';
import type { SharedLine } from './shared-line.ts';
import { type DirectionCounters, Wire } from './wire.ts';

export interface Lanes<T> {
  readonly up: T;
  readonly down: T;
}

export interface LinkConnectionOptions {
  client: Socket;
  target: { host: string; port: number };
  faults: LinkFaults;
  lines: Lanes<SharedLine>;
  counters: Lanes<DirectionCounters>;
  random: () => number;
  clock: Clock;
  /** Reset because as many bytes have gone as the faults allow. */
  onSpent: () => void;
  /** The target does not take connections; the client is reset. */
  onUnreachable: (reason: string) => void;
  /** Both sockets are closed. */
  onClosed: () => void;
}

export class LinkConnection {
  readonly #client: Socket;
  readonly #target: Socket;
  readonly #up: Wire;
  readonly #down: Wire;
  readonly #options: LinkConnectionOptions;
  #openSockets = 2;
  #isReached = false;

  constructor(options: LinkConnectionOptions) {
    this.#options = options;
    this.#client = options.client;
    this.#target = connect({ ...options.target, allowHalfOpen: true, noDelay: true });
    this.#client.setNoDelay(true);
    this.#up = this.#wire('up', this.#client, this.#target);
    this.#down = this.#wire('down', this.#target, this.#client);
    this.#attach(this.#client, this.#up, this.#down);
    this.#attach(this.#target, this.#down, this.#up);
    this.#target.once('connect', () => {
      this.#isReached = true;
    });
  }

  /** The faults have changed. */
  wake(): void {
    this.#up.wake();
    this.#down.wake();
  }

  /** Resets both sides at once, whatever is under way. */
  reset(): void {
    this.#up.close();
    this.#down.close();
    this.#client.resetAndDestroy();
    if (this.#isReached) this.#target.resetAndDestroy();
    else this.#target.destroy(); // a socket that still connects would be reset only when it has
  }

  #wire(direction: 'up' | 'down', source: Socket, sink: Socket): Wire {
    const { faults, lines, counters, random, clock, onSpent } = this.#options;
    return new Wire({
      faults: faults[direction],
      line: lines[direction],
      counters: counters[direction],
      source,
      sink,
      random,
      clock,
      onSpent: () => {
        this.reset();
        onSpent();
      },
    });
  }

  #attach(socket: Socket, outgoing: Wire, incoming: Wire): void {
    socket.on('data', (chunk) => outgoing.take(chunk));
    socket.on('drain', () => incoming.drained());
    socket.on('end', () => outgoing.finish('end'));
    socket.on('error', (error) => {
      // 'close' follows and tells the other side; only a target that never answered is worth a word.
      if (socket === this.#target && !this.#isReached) this.#options.onUnreachable(messageOf(error));
    });
    socket.on('close', (hadError) => {
      outgoing.finish(hadError ? 'reset' : 'end');
      incoming.drained();
      if (--this.#openSockets === 0) this.#closed();
    });
  }

  #closed(): void {
    this.#up.close();
    this.#down.close();
    this.#options.onClosed();
  }
}
