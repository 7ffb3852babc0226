// Plain TCP for MQTT: each accepted connection becomes one that is read into the shared buffer.

import { createServer, type Server } from 'node:net';
import type { AcceptCounters } from '../accept-counters.ts';
import { OpenSockets } from '../open-sockets.ts';
import { readShared } from '../shared-read-buffer.ts';
import { type OnSocket, socketOptions, type Transport } from '../transport.ts';

export interface TcpTransportOptions {
  maxConnections: number;
  counters: AcceptCounters;
  idleProbeMs: number;
  onSocket: OnSocket;
}

export class TcpTransport implements Transport {
  readonly server: Server;
  readonly #open = new OpenSockets();

  constructor({ maxConnections, counters, idleProbeMs, onSocket }: TcpTransportOptions) {
    const options = { ...socketOptions(idleProbeMs), pauseOnConnect: true };
    this.server = createServer(options, (accepted) => {
      // Not the server's maxConnections: to the server this connection ends when its handle moves on.
      if (this.#open.size >= maxConnections) {
        counters.overLimit++;
        accepted.destroy();
        return;
      }
      const socket = readShared(accepted);
      this.#open.add(socket);
      onSocket(socket, null);
    });
  }

  get connections(): number {
    return this.#open.size;
  }

  /** All are clients from the start: they end when whoever has them ends them. */
  ended(): Promise<void> {
    return this.#open.empty();
  }
}
