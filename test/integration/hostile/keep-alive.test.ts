// Clients that have signed in and then say nothing: with a keep-alive they end by it. Without one nothing of MQTT ends
// them; the system asks for their peers instead. A peer that is gone without a word cannot be had on loopback, so what is
// shown is that the system has its timer running for the connection, set to mqtt.idleProbeMs.

import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { attacked } from '../../support/attacked-gateway.ts';
import { RawClient } from '../../support/raw-client.ts';

const SOCKETS_FILE = '/proc/net/tcp';
/** Of the file's times, whatever the kernel's own clock does. */
const TICKS_PER_S = 100;
const PROBE_TIMER = 2;

test('silent clients end by their keep-alive, and those without one stay', async () => {
  await attacked({}, async ({ gateway, served }) => {
    using stack = new DisposableStack();
    const enter = async (clientId: string, keepalive: number) =>
      stack.use(await RawClient.connect(gateway.port, 4, { clientId, keepalive }));
    const silent = await Promise.all(['a', 'b', 'c'].map((name) => enter(name, 1)));
    const patient = await enter('d', 0);
    await served();
    await Promise.all(silent.map((client) => client.end()));
    expect(await gateway.counters()).toMatchObject({ keepAliveTimeouts: 3, connections: 2 });
    await patient.ping();
  });
});

/** The timer of the gateway's side of a connection; null: there is no such connection. */
function timerOf(gatewayPort: number, clientPort: number): { kind: number; inS: number } | null {
  const hex = (port: number) => port.toString(16).toUpperCase().padStart(4, '0');
  for (const line of readFileSync(SOCKETS_FILE, 'utf8').split('\n').slice(1)) {
    const [, local = '', remote = '', , , timer = ''] = line.trim().split(/\s+/);
    if (!(local.endsWith(`:${hex(gatewayPort)}`) && remote.endsWith(`:${hex(clientPort)}`))) continue;
    const [kind, when] = timer.split(':').map((part) => Number.parseInt(part, 16));
    return { kind: kind!, inS: when! / TICKS_PER_S };
  }
  return null;
}

test.skipIf(!existsSync(SOCKETS_FILE))('the system asks for the peer of one that stays silent', async () => {
  await attacked({ mqtt: { idleProbeMs: 600_000 } }, async ({ gateway }) => {
    using client = await RawClient.connect(gateway.port, 4, { clientId: 'silent', keepalive: 0 });
    const timer = timerOf(gateway.port, client.socket.localPort!);
    expect(timer?.kind).toBe(PROBE_TIMER);
    expect(timer!.inS).toBeGreaterThan(500); // what the system has by itself is two hours
    expect(timer!.inS).toBeLessThanOrEqual(600);
  });
});
