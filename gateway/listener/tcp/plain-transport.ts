// Plain TCP for a protocol below MQTT that reads by itself: HTTP, for WebSockets.

import { createServer, type Server } from 'node:net';
import type { AcceptCounters } from '../accept-counters.ts';
import type { Antechamber } from '../antechamber.ts';
import { OpenSockets } from '../open-sockets.ts';
import { type OnSocket, socketOptions, type Transport } from '../transport.ts';

export interface PlainTransportOptions {
  maxConnections: number;
  counters: AcceptCounters;
  idleProbeMs: number;
  antechamber: Antechamber;
  onSocket: OnSocket;
}

export class PlainTransport implements Transport {
  readonly server: Server;
  readonly #open = new OpenSockets();

  constructor({ maxConnections, counters, idleProbeMs, antechamber, onSocket }: PlainTransportOptions) {
    const options = { ...socketOptions(idleProbeMs), allowHalfOpen: true };
    // Half-open as HTTP has it: a client that has sent its request and no more still gets the answer.
    this.server = createServer(options, (socket) => {
      if (!antechamber.enter(socket)) {
        socket.destroy();
        return;
      }
      this.#open.add(socket);
      onSocket(socket, null);
    });
    this.server.maxConnections = maxConnections;
    this.server.on('drop', () => counters.overLimit++);
  }

  get connections(): number {
    return this.#open.size;
  }

  ended(): Promise<void> {
    return this.#open.empty();
  }
}
