// Many bare connections at once, each with the same first bytes or none, that do nothing more by themselves.

import { connect, type Socket } from 'node:net';

export interface FloodOptions {
  port: number;
  count: number;
  /** Of loopback; any of 127.0.0.0/8 on Linux. */
  from?: string;
  first?: Buffer | undefined;
}

export class SocketFlood implements Disposable {
  readonly sockets: Socket[];

  constructor({ port, count, from = '127.0.0.1', first }: FloodOptions) {
    this.sockets = Array.from({ length: count }, () => {
      const socket = connect({ port, host: '127.0.0.1', localAddress: from });
      socket.on('error', () => {}); // a reset is an end like any other here
      if (first !== undefined) socket.write(first);
      return socket.resume();
    });
  }

  /** Those that were ended. */
  get ended(): number {
    return this.sockets.filter(({ destroyed }) => destroyed).length;
  }

  [Symbol.dispose](): void {
    for (const socket of this.sockets) socket.destroy();
  }
}
