// A port for a server that goes away and comes back. It lies below the range from which the kernel takes
// ports for outgoing connections: otherwise, while the server is away, somebody's connection could be given
// its port - a client that keeps trying to connect to it on the loopback would even reach itself.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';

const LOWEST = 10_240;
const ATTEMPTS = 100;

/** Free a moment ago; another program may still take it first. */
export async function quietPort(): Promise<number> {
  const end = firstEphemeralPort();
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = LOWEST + Math.floor(Math.random() * (end - LOWEST));
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port between ${LOWEST} and ${end}`);
}

/** ip(7), ip_local_port_range; Linux's default where it cannot be read. */
function firstEphemeralPort(): number {
  try {
    return Number.parseInt(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'), 10);
  } catch {
    return 32_768; // no such file: not Linux
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const taken = new Promise<false>((resolve) => server.once('error', () => resolve(false)));
  server.listen(port, '127.0.0.1');
  const free = await Promise.race([
    taken,
    once(server, 'listening').then(() => (server.address() as AddressInfo) !== null),
  ]);
  if (free) {
    server.close();
    await once(server, 'close');
  }
  return free;
}
