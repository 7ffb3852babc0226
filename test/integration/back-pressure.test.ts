// When the store has no room, publishers wait: nothing is acknowledged, nobody is disconnected, and it goes on when
// there is room again (MQTT 5.0 4.9 leaves it to the transport to slow a sender down).

import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { ClientVersion } from '../support/mqtt-frame-packets.ts';
import { publishPacket, RawClient } from '../support/raw-client.ts';
import { RunningGateway } from '../support/running-gateway.ts';
import { TemporaryDirectory } from '../support/temporary-directory.ts';
import { TestBroker } from '../support/test-broker.ts';
import { pause, waitFor } from '../support/wait-for.ts';

const KEEP_ALIVE_S = 1;
/** More than keep-alive gives a silent client. */
const STALL_MS = 2500;
/** What SQLite and the write-ahead log may have of the smallest buffer there is; payloads do not compress. */
const TINY_BUFFER = { maxBytes: '8MiB', checkpointBytes: '256KiB', tailBytes: '64KiB' };
/** The store alone is to hold them: at how full a buffer nobody is let in any more has its own tests. */
const NO_LADDER = {
  lowerReceiveMaximum: 1,
  shedQos0: 1,
  holdLowLanes: 1,
  refuseConnections: 1,
  stopReading: 1,
};
const MESSAGE_BYTES = 200_000;
const MESSAGES = 25;

/** Acknowledgements, counted as they come. */
function countAcknowledgements(client: RawClient): () => number {
  let count = 0;
  const collect = async (): Promise<void> => {
    for (;;) if ((await client.whenever()).cmd === 'puback') count++;
  };
  collect().catch(() => {}); // the end of the connection
  return () => count;
}

function repeat(intervalMs: number, act: () => void): Disposable {
  const timer = setInterval(act, intervalMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

test('publishers wait while the buffer is full, whatever their keep-alive, and all is acknowledged and forwarded when the upstream is back', async () => {
  using directory = new TemporaryDirectory();
  await using upstream = await TestBroker.start();
  const { url } = upstream;
  let forwarded = 0;
  upstream.broker.on('publish', (packet) => {
    if (packet.topic.startsWith('load/')) forwarded++;
  });
  await upstream.close();
  const sinks = {
    cloud: {
      type: 'mqtt',
      url,
      format: 'each',
      reconnect: { minMs: '50ms', maxMs: '200ms' },
      breaker: { openMs: '200ms' },
    },
  };
  await using gateway = await RunningGateway.start(directory.path, {
    buffer: TINY_BUFFER,
    pressure: NO_LADDER,
    sinks,
  });
  const versions: ClientVersion[] = [3, 4, 5];
  const clients = await Promise.all(
    versions.map((version) =>
      RawClient.connect(gateway.port, version, { clientId: `device-${version}`, keepalive: KEEP_ALIVE_S }),
    ),
  );
  // As every client does that has nothing else to send; whether it is answered is another question.
  using _pings = repeat(400, () => {
    for (const client of clients) client.send({ cmd: 'pingreq' });
  });
  const acknowledged = clients.map(countAcknowledgements);
  const total = () => acknowledged.reduce((sum, count) => sum + count(), 0);
  for (const [i, client] of clients.entries()) {
    for (let messageId = 1; messageId <= MESSAGES; messageId++) {
      client.send(publishPacket(`load/${i}`, randomBytes(MESSAGE_BYTES), { qos: 1, messageId }));
    }
  }
  await waitFor(() => gateway.lines.some(({ msg }) => msg.startsWith('no room to store')), {
    what: 'a full buffer',
  });
  const before = total();
  await pause(STALL_MS); // longer than keep-alive gives a client: that is what is tested
  expect(total()).toBe(before);
  expect(total()).toBeLessThan(versions.length * MESSAGES);
  expect(clients.map(({ socket }) => socket.destroyed || socket.readableEnded)).toEqual([
    false,
    false,
    false,
  ]);
  // Somebody who does not publish is served meanwhile.
  using other = await RawClient.connect(gateway.port, 5, { clientId: 'other' });
  await other.ping();
  await other.disconnect();

  await upstream.open();
  await waitFor(() => total() === versions.length * MESSAGES, { what: () => `${total()} acknowledgements` });
  await waitFor(() => forwarded === versions.length * MESSAGES, { what: () => `${forwarded} forwarded` });
  expect((await gateway.counters()).connections).toBe(clients.length);
  for (const client of clients) client[Symbol.dispose]();
});

test('a gateway that starts without room for anything takes connections, acknowledges nothing, and stops in time', async () => {
  using directory = new TemporaryDirectory();
  {
    const gateway = await RunningGateway.start(directory.path, { buffer: { minFreeDiskBytes: '1TiB' } });
    using client = await RawClient.connect(gateway.port, 5, { clientId: 'device', keepalive: KEEP_ALIVE_S });
    client.publish('plant/t', 'x', { qos: 1, messageId: 1 });
    client.publish('plant/t', 'y', { qos: 2, messageId: 2 });
    for (const untilMs = performance.now() + STALL_MS; performance.now() < untilMs; await pause(400))
      await client.ping();
    expect(client.pending).toEqual([]);
    const sinceMs = performance.now();
    await gateway.stop();
    expect(performance.now() - sinceMs).toBeLessThan(8000);
    await client.end();
  }
  await using gateway = await RunningGateway.start(directory.path);
  expect(gateway.records()).toEqual([]);
  using client = await RawClient.connect(gateway.port, 5, { clientId: 'device' });
  client.publish('plant/t', 'x', { qos: 1, messageId: 1, dup: true });
  await client.next('puback');
  expect(gateway.records()).toMatchObject([{ payload: 'x' }]);
});
