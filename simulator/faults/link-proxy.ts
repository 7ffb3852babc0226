// A TCP proxy that makes a bad link: latency, jitter, a thin line, a black hole, a frozen link, refused and reset
// connections, each direction by itself. What is set holds for connections there are and for new ones; what each of the
// faults means is in link-faults.ts. It knows nothing of what the bytes mean, and gives nobody a timeout.
//
// Bounded: by its wires' buffers and CONNECTIONS_MAX. Connecting itself is done by the kernel, without the latency.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { type Clock, systemClock } from '../../config/clock.ts';
import { messageOf, SluiceError } from '../../config/errors.ts';
import { seededRandom } from '../seeded-random.ts';
import { type Lanes, LinkConnection } from './link-connection.ts';
import { changeFaults, healthyLink, type LinkFaultChange, type LinkFaults } from './link-faults.ts';
import { SharedLine } from './shared-line.ts';
import type { DirectionCounters } from './wire.ts';

export interface Endpoint {
  host: string;
  port: number;
}

export interface LinkProxyOptions {
  /** A host that is not given is 127.0.0.1. */
  target: Partial<Endpoint> & { port: number };
  /** 127.0.0.1 and a free port. */
  listen?: Partial<Endpoint>;
  faults?: LinkFaultChange;
  /** For the jitter; default 1. */
  seed?: number;
  clock?: Clock;
  onEvent?: (event: LinkEvent) => void;
}

/** `connection` counts from 1 over all connections taken. */
export type LinkEvent =
  | { kind: 'opened' | 'closed' | 'refused' | 'reset'; connection: number }
  | { kind: 'unreachable'; connection: number; reason: string }
  | { kind: 'accept-failed'; reason: string };

export interface LinkCounters {
  /** Taken so far, refused ones included. */
  connections: number;
  open: number;
  refused: number;
  /** By `cut` or after so many bytes. */
  resets: number;
  /** The target did not take them. */
  unreachable: number;
  up: DirectionCounters;
  down: DirectionCounters;
}

const CONNECTIONS_MAX = 20_000;
const BACKLOG = 1024;

export class LinkProxy implements AsyncDisposable {
  readonly #faults: LinkFaults = healthyLink();
  readonly #server: Server;
  readonly #connections = new Set<LinkConnection>();
  readonly #lines: Lanes<SharedLine>;
  readonly #random: () => number;
  readonly #clock: Clock;
  readonly #onEvent: (event: LinkEvent) => void;
  readonly #counters: Omit<LinkCounters, 'open'> = {
    connections: 0,
    refused: 0,
    resets: 0,
    unreachable: 0,
    up: { receivedBytes: 0, deliveredBytes: 0, swallowedBytes: 0 },
    down: { receivedBytes: 0, deliveredBytes: 0, swallowedBytes: 0 },
  };
  #target: Endpoint;
  #port = 0;

  private constructor({ target, faults, seed = 1, clock = systemClock, onEvent }: LinkProxyOptions) {
    this.#target = { host: '127.0.0.1', ...target };
    changeFaults(this.#faults, faults ?? {});
    this.#lines = {
      up: new SharedLine(this.#faults.up, clock),
      down: new SharedLine(this.#faults.down, clock),
    };
    this.#random = seededRandom(seed);
    this.#clock = clock;
    this.#onEvent = onEvent ?? (() => {});
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
  }

  /** Resolves when it listens. Throws CANNOT_LISTEN. */
  static async start(options: LinkProxyOptions): Promise<LinkProxy> {
    const proxy = new LinkProxy(options);
    const { host = '127.0.0.1', port = 0 } = options.listen ?? {};
    proxy.#server.listen({ host, port, backlog: BACKLOG });
    try {
      await once(proxy.#server, 'listening');
    } catch (error) {
      throw new SluiceError('CANNOT_LISTEN', `cannot listen on ${host}:${port}: ${messageOf(error)}`, {
        kind: 'permanent',
        hint: 'Choose another port, or end the program that has it.',
        cause: error,
      });
    }
    proxy.#port = (proxy.#server.address() as AddressInfo).port;
    proxy.#server.on('error', (error) => {
      proxy.#onEvent({ kind: 'accept-failed', reason: messageOf(error) });
    });
    return proxy;
  }

  get port(): number {
    return this.#port;
  }

  /** A copy: what is set at the moment. */
  get faults(): LinkFaults {
    return structuredClone(this.#faults);
  }

  /** A copy. */
  get counters(): LinkCounters {
    return { ...structuredClone(this.#counters), open: this.#connections.size };
  }

  set(change: LinkFaultChange): void {
    changeFaults(this.#faults, change);
    for (const connection of this.#connections) connection.wake();
    this.#lines.up.wake();
    this.#lines.down.wake();
  }

  /** Nothing is wrong with it any more; connections that have lost bytes stay dead. */
  heal(): void {
    this.set(healthyLink());
  }

  /** Resets every connection there is. */
  cut(): void {
    this.#counters.resets += this.#connections.size;
    for (const connection of this.#connections) connection.reset();
  }

  /** New connections go elsewhere; those there are stay. */
  retarget(target: Partial<Endpoint>): void {
    this.#target = { ...this.#target, ...target };
  }

  /** Repeatable. */
  async stop(): Promise<void> {
    const isClosed = this.#server.listening ? once(this.#server, 'close') : undefined;
    this.#server.close();
    for (const connection of this.#connections) connection.reset();
    await isClosed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #accept(client: Socket): void {
    const ordinal = ++this.#counters.connections;
    if (this.#faults.isRefusing || this.#connections.size >= CONNECTIONS_MAX) {
      this.#counters.refused++;
      client.on('error', () => {}); // it is being reset: nobody is left to tell
      client.resetAndDestroy();
      this.#onEvent({ kind: 'refused', connection: ordinal });
      return;
    }
    const connection = new LinkConnection({
      client,
      target: this.#target,
      faults: this.#faults,
      lines: this.#lines,
      counters: this.#counters,
      random: this.#random,
      clock: this.#clock,
      onSpent: () => {
        this.#counters.resets++;
        this.#onEvent({ kind: 'reset', connection: ordinal });
      },
      onUnreachable: (reason) => {
        this.#counters.unreachable++;
        this.#onEvent({ kind: 'unreachable', connection: ordinal, reason });
      },
      onClosed: () => {
        this.#connections.delete(connection);
        this.#onEvent({ kind: 'closed', connection: ordinal });
      },
    });
    this.#connections.add(connection);
    this.#onEvent({ kind: 'opened', connection: ordinal });
  }
}
