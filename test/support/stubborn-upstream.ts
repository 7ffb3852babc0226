// Something on the upstream's port that speaks just enough MQTT 5 to be a nuisance: refuses every CONNECT as
// not authorised, or accepts it, takes everything, and never acknowledges anything. `passTo` ends that: from
// then on it hands new connections on to a real broker.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export type Stubbornness = 'not-authorised' | 'never-acknowledging';

/** MQTT 5.0 3.2: no session, reason code 0 or 0x87 (not authorised), no properties. */
const CONNACK = { 'never-acknowledging': [0x20, 3, 0, 0, 0], 'not-authorised': [0x20, 3, 0, 0x87, 0] };

export class StubbornUpstream implements AsyncDisposable {
  connections = 0;
  bytes = 0;
  readonly #server: Server;
  readonly #how: Stubbornness;
  readonly #sockets = new Set<Socket>();
  #target: number | null = null;

  private constructor(how: Stubbornness) {
    this.#how = how;
    this.#server = createServer((socket) => this.#connected(socket));
  }

  static async start(how: Stubbornness): Promise<StubbornUpstream> {
    const upstream = new StubbornUpstream(how);
    upstream.#server.listen(0, '127.0.0.1');
    await once(upstream.#server, 'listening');
    return upstream;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Connections there are stay as they are. */
  passTo(port: number): void {
    this.#target = port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #connected(socket: Socket): void {
    this.connections++;
    this.#keep(socket);
    if (this.#target !== null) {
      const broker = this.#keep(connect(this.#target, '127.0.0.1'));
      socket.pipe(broker).pipe(socket);
      return;
    }
    socket.once('data', () => {
      socket.write(Buffer.from(CONNACK[this.#how]));
      if (this.#how === 'not-authorised') socket.end();
    });
    socket.on('data', (chunk) => {
      this.bytes += chunk.length;
    });
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket);
    socket.on('error', () => {}); // 'close' follows
    socket.on('close', () => this.#sockets.delete(socket));
    return socket;
  }
}
