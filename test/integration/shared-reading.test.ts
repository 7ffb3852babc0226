// All TCP clients are read into one buffer: what one sends must never show up in what another one has sent, however
// long the gateway holds on to it - a frame in parts, a message on its way to subscribers, a retained one, a will.

import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encode, publishPacket, RawClient } from '../support/raw-client.ts';
import { RunningGateway } from '../support/running-gateway.ts';
import { TemporaryDirectory } from '../support/temporary-directory.ts';

const CONNECTIONS_MAX = 20;
const NOISE = 'x'.repeat(8000);

let directory: TemporaryDirectory;
let gateway: RunningGateway;

beforeAll(async () => {
  directory = new TemporaryDirectory();
  const listeners = [{ type: 'tcp', host: '127.0.0.1', port: 0, maxConnections: CONNECTIONS_MAX }];
  // Commits come late enough for the other client to be read first.
  gateway = await RunningGateway.start(directory.path, { listeners, commit: { lingerMs: 50 } });
});
afterAll(async () => {
  await gateway.stop();
  directory[Symbol.dispose]();
});

/** Fills the buffer from its beginning. */
function noise(client: RawClient): void {
  client.send(publishPacket('noise', NOISE));
}

describe('what one client has sent is not overwritten by what another one sends', () => {
  test('a message and its properties on their way to a subscriber and to the disk', async () => {
    using subscriber = await RawClient.connect(gateway.port, 5, { clientId: 'subscriber' });
    using publisher = await RawClient.connect(gateway.port, 5, { clientId: 'publisher' });
    using noisy = await RawClient.connect(gateway.port, 5, { clientId: 'noisy' });
    await subscriber.subscribe('quiet/#', 1);
    const properties = { correlationData: Buffer.from('correlation'), userProperties: { name: 'value' } };
    publisher.send(publishPacket('quiet/one', 'payload', { qos: 1, messageId: 1, properties }));
    noise(noisy);
    const delivered = await subscriber.next('publish');
    expect(String(delivered.payload)).toBe('payload');
    expect(String(delivered.properties?.correlationData)).toBe('correlation');
    expect(delivered.properties?.userProperties).toMatchObject({ name: 'value' });
    await publisher.next('puback');
    const kept = gateway.records().find(({ device }) => device === 'publisher');
    expect(kept).toMatchObject({ topic: 'quiet/one', payload: 'payload' });
  });

  test('a frame of which half has come', async () => {
    using publisher = await RawClient.connect(gateway.port, 4, { clientId: 'halves' });
    using noisy = await RawClient.connect(gateway.port, 4, { clientId: 'noisy-2' });
    const frame = Buffer.concat(
      [1, 2, 3].map((id) => encode(publishPacket('quiet/half', `part ${id}`, { qos: 1, messageId: id }), 4)),
    );
    for (let at = 0; at < frame.length; at += 7) {
      publisher.write(frame.subarray(at, at + 7));
      noisy.send({ cmd: 'pingreq' });
      noise(noisy);
      await noisy.next('pingresp');
    }
    await publisher.take('puback', 3);
    const kept = gateway.records().filter(({ device }) => device === 'halves');
    expect(kept.map(({ payload }) => payload)).toEqual(['part 1', 'part 2', 'part 3']);
  });

  test('a retained message, and a will that is published later', async () => {
    const will = { topic: 'quiet/will', payload: Buffer.from('last words'), qos: 1 as const, retain: true };
    const mortal = await RawClient.connect(gateway.port, 4, { clientId: 'mortal', will });
    using noisy = await RawClient.connect(gateway.port, 4, { clientId: 'noisy-3' });
    mortal.send(publishPacket('quiet/retained', 'kept', { qos: 1, messageId: 1, retain: true }));
    noise(noisy);
    await mortal.next('puback');
    using heir = await RawClient.connect(gateway.port, 4, { clientId: 'heir' });
    await heir.subscribe('quiet/will', 1);
    await heir.subscribe('quiet/retained', 1);
    expect(String((await heir.next('publish')).payload)).toBe('kept');
    await mortal.drop();
    expect(String((await heir.next('publish')).payload)).toBe('last words');
  });
});

test('no more clients than allowed are taken, and there is room again when one leaves', async () => {
  const taken = await Promise.all(
    Array.from({ length: CONNECTIONS_MAX }, (_, i) =>
      RawClient.connect(gateway.port, 4, { clientId: `crowd-${i}` }),
    ),
  );
  const refused = connect(gateway.port, '127.0.0.1');
  refused.on('error', () => {});
  refused.resume();
  await once(refused, 'close');
  await taken[0].drop();
  await expect
    .poll(async () => {
      const client = await RawClient.connect(gateway.port, 4, { clientId: 'after' }).catch(() => null);
      client?.[Symbol.dispose]();
      return client !== null;
    })
    .toBe(true);
  for (const client of taken.slice(1)) client[Symbol.dispose]();
});
