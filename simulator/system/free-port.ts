// A loopback port for a server that goes away and comes back. It lies below the range from which the kernel takes
// ports for outgoing connections: otherwise, while the server is away, a client's connection could be given its port
// - one that keeps trying to connect to it on the loopback would even reach itself.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { SluiceError } from '../../config/errors.ts';

const LOWEST = 10_240;
const ATTEMPTS = 100;
/** Linux's default. */
const FIRST_EPHEMERAL = 32_768;
const RANGE_FILE = '/proc/sys/net/ipv4/ip_local_port_range';

/** Free a moment ago; another program may still take it first. */
export async function freePort(): Promise<number> {
  const end = firstEphemeralPort();
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = LOWEST + Math.floor(Math.random() * (end - LOWEST));
    if (await isFree(port)) return port;
  }
  throw new SluiceError('NO_FREE_PORT', `no free port between ${LOWEST} and ${end}`, { kind: 'transient' });
}

/** ip(7). */
function firstEphemeralPort(): number {
  try {
    return Math.max(LOWEST + ATTEMPTS, Number.parseInt(readFileSync(RANGE_FILE, 'utf8'), 10));
  } catch {
    return FIRST_EPHEMERAL; // no such file: not Linux
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const isTaken = new Promise<true>((resolve) => server.once('error', () => resolve(true)));
  server.listen(port, '127.0.0.1');
  if (await Promise.race([isTaken, once(server, 'listening').then(() => false)])) return false;
  server.close();
  await once(server, 'close');
  return true;
}
