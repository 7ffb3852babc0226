// A TCP proxy on a free loopback port that makes a bad network: latency, a bandwidth limit, a black hole (bytes
// disappear, the connection stays), cut connections, refused ones, a reset after so many bytes. What is set applies to
// connections there are and to new ones.

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
  stop(): Promise<void>;
}

const HEALTHY: ProxyFaults = {
  latencyMs: 0,
  bytesPerSecond: 0,
  isBlackhole: false,
  isRefusing: false,
  resetAfterBytes: 0,
};
/** A throttled direction moves this share of a second at a time. */
const SLICES_PER_SECOND = 50;
const UNDER_WAY_BYTES_MAX = 4 * 1024 * 1024;

export async function startTcpProxy(
  targetPort: number,
  initial: Partial<ProxyFaults> = {},
): Promise<TcpProxy> {
  const faults = { ...HEALTHY, ...initial };
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
    const upstream = connect(targetPort, '127.0.0.1');
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
  let underWay = 0;
  let last = Promise.resolve();
  const deliver = async (before: Promise<void>, chunk: Buffer, dueMs: number) => {
    await before;
    if (dueMs > performance.now()) await pause(dueMs - performance.now());
    if (!faults.isBlackhole) await pass(chunk, to, faults);
    underWay -= chunk.length;
  };
  try {
    for await (const chunk of from as AsyncIterable<Buffer>) {
      count(chunk.length);
      underWay += chunk.length;
      last = deliver(last, chunk, performance.now() + faults.latencyMs);
      last.catch(() => {}); // `to` was reset: met at the next chunk, or at the end
      if (underWay > UNDER_WAY_BYTES_MAX || faults.bytesPerSecond > 0) await last;
    }
    await last;
    to.end();
  } catch {
    to.destroy(); // `from` was reset
  }
}

async function pass(chunk: Buffer, to: Socket, faults: ProxyFaults): Promise<void> {
  for (let at = 0; at < chunk.length; ) {
    const perSlice =
      faults.bytesPerSecond > 0
        ? Math.max(1, Math.ceil(faults.bytesPerSecond / SLICES_PER_SECOND))
        : chunk.length;
    const slice = chunk.subarray(at, at + perSlice);
    at += slice.length;
    if (faults.bytesPerSecond > 0) await pause(1000 / SLICES_PER_SECOND);
    if (to.destroyed) return;
    if (!to.write(slice)) await Promise.race([once(to, 'drain'), once(to, 'close')]);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
