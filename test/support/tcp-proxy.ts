// A TCP proxy on a free loopback port that makes a bad network: latency, a bandwidth limit, a black hole
// (bytes disappear, the connection stays), cut connections, refused ones, a reset after so many bytes. What
// is set applies to connections there are and to new ones.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface ProxyFaults {
  /** Added to each direction. */
  latencyMs: number;
  /** Of each direction of each connection; 0: no limit. */
  bytesPerSecond: number;
  /** Bytes are read and disappear. */
  isBlackhole: boolean;
  /** New connections are closed at once. */
  isRefusing: boolean;
  /** Each new connection is reset when so many bytes have come from the client; 0: never. */
  resetAfterBytes: number;
}

export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** Connections taken so far. */
  readonly connections: number;
  /** Bytes that clients sent, forwarded or not. */
  readonly bytesFromClients: number;
  set(faults: Partial<ProxyFaults>): void;
  /** Resets every connection there is. */
  cut(): void;
  /** New connections go to another port; those there are stay. */
  retarget(port: number): void;
  stop(): Promise<void>;
}

const HEALTHY: ProxyFaults = {
  latencyMs: 0,
  bytesPerSecond: 0,
  isBlackhole: false,
  isRefusing: false,
  resetAfterBytes: 0,
};
/** A throttled direction moves at most this share of a second's bytes at a time. */
const SLICES_PER_SECOND = 50;
const UNDER_WAY_BYTES_MAX = 4 * 1024 * 1024;

export async function startTcpProxy(
  targetPort: number,
  initial: Partial<ProxyFaults> = {},
): Promise<TcpProxy> {
  const faults = { ...HEALTHY, ...initial };
  let port = targetPort;
  const sockets = new Set<Socket>();
  const counts = { connections: 0, bytesFromClients: 0 };
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {}); // the other side sees the close
    socket.on('close', () => sockets.delete(socket));
  };
  const server = createServer((client) => {
    counts.connections++;
    keep(client);
    if (faults.isRefusing) return void client.resetAndDestroy();
    const upstream = connect(port, '127.0.0.1');
    keep(upstream);
    client.once('close', () => upstream.destroy());
    upstream.once('close', () => client.destroy());
    const resetAfter = faults.resetAfterBytes;
    let fromClient = 0;
    void carry(client, upstream, faults, (bytes) => {
      fromClient += bytes;
      counts.bytesFromClients += bytes;
      if (resetAfter > 0 && fromClient >= resetAfter) client.resetAndDestroy();
    });
    void carry(upstream, client, faults, () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  const stop = async () => {
    cut();
    if (!server.listening) return;
    server.close();
    await once(server, 'close');
  };
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return counts.connections;
    },
    get bytesFromClients() {
      return counts.bytesFromClients;
    },
    set: (changed) => Object.assign(faults, changed),
    cut,
    retarget: (newPort) => {
      port = newPort;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Moves bytes one way until either side is gone; reads on only while little is under way. */
async function carry(
  from: Socket,
  to: Socket,
  faults: ProxyFaults,
  count: (bytes: number) => void,
): Promise<void> {
  const wire = new Wire(to, faults);
  let underWay = 0;
  let last = Promise.resolve();
  const deliver = async (before: Promise<void>, chunk: Buffer, dueMs: number) => {
    await before;
    await until(dueMs);
    if (!faults.isBlackhole) await wire.pass(chunk);
    underWay -= chunk.length;
  };
  try {
    for await (const chunk of from as AsyncIterable<Buffer>) {
      count(chunk.length);
      underWay += chunk.length;
      last = deliver(last, chunk, performance.now() + faults.latencyMs);
      if (underWay > UNDER_WAY_BYTES_MAX || faults.bytesPerSecond > 0) await last;
    }
    await last;
    to.end();
  } catch {
    to.destroy(); // `from` was reset
  }
}

/** One direction's bandwidth. */
class Wire {
  readonly #to: Socket;
  readonly #faults: ProxyFaults;
  /** When what has been sent so far has passed. */
  #freeAtMs = 0;

  constructor(to: Socket, faults: ProxyFaults) {
    this.#to = to;
    this.#faults = faults;
  }

  async pass(chunk: Buffer): Promise<void> {
    for (let at = 0; at < chunk.length && !this.#to.destroyed; ) {
      const { bytesPerSecond } = this.#faults;
      const sliceMax = bytesPerSecond > 0 ? Math.ceil(bytesPerSecond / SLICES_PER_SECOND) : chunk.length;
      const slice = chunk.subarray(at, at + sliceMax);
      at += slice.length;
      if (bytesPerSecond > 0) {
        this.#freeAtMs = Math.max(this.#freeAtMs, performance.now()) + (1000 * slice.length) / bytesPerSecond;
        await until(this.#freeAtMs);
      }
      if (!this.#to.write(slice)) await Promise.race([once(this.#to, 'drain'), once(this.#to, 'close')]);
    }
  }
}

/** Waits, unless it is hardly worth a timer. */
async function until(dueMs: number): Promise<void> {
  const leftMs = dueMs - performance.now();
  if (leftMs > 2) await new Promise((resolve) => setTimeout(resolve, leftMs));
}
