// The receiver in its thread, against real brokers: what it tells while it runs, what it survives, what it leaves
// behind.

import { connect, connectAsync, type IClientOptions, type IConnackPacket } from 'mqtt';
import { describe, expect, test } from 'vitest';
import { writeMark } from '../../../simulator/mark.ts';
import { IntervalSet } from '../../../simulator/receive/interval-set.ts';
import type { ReceiverThreadOptions } from '../../../simulator/receive/receiver-messages.ts';
import { ReceiverThread, type ReceiverThreadEvents } from '../../../simulator/receive/receiver-thread.ts';
import type { DeviceOutcome } from '../../../simulator/receive/verify.ts';
import { listing } from '../../../simulator/receive/verify.ts';
import { freePort } from '../../../simulator/system/free-port.ts';
import { hasMosquitto, type Mosquitto, startMosquitto } from '../../support/mosquitto.ts';
import { waitFor } from '../../support/wait-for.ts';

const PERSISTENT = [
  'user root',
  'persistence true',
  'persistence_location {directory}/',
  'autosave_interval 3600',
];

function threadAt(
  port: number,
  options: Partial<ReceiverThreadOptions> = {},
  events = noFault,
): ReceiverThread {
  return new ReceiverThread(
    {
      url: `mqtt://127.0.0.1:${port}`,
      run: 'run1',
      groupOfDevice: new Uint16Array([0, 0, 1]),
      startEpochMs: performance.timeOrigin + performance.now(),
      snapshotEveryMs: 20,
      ...options,
    },
    events,
  );
}

const noFault: ReceiverThreadEvents = {
  fault(error) {
    throw error;
  },
};

interface Said {
  device: number;
  sequences: number[];
  timeMs?: number;
}

async function publish(broker: Mosquitto, ...all: Said[]): Promise<void> {
  const client = await connectAsync(`mqtt://127.0.0.1:${broker.port}`, { protocolVersion: 5 });
  for (const { device, sequences, timeMs = 0 } of all) {
    for (const sequence of sequences) {
      const payload = `{"mark":"${writeMark({ run: 'run1', device, sequence, timeMs })}"}`;
      await client.publishAsync('plant/1', payload, { qos: 1 });
    }
  }
  await client.endAsync();
}

async function delivered(thread: ReceiverThread, count: number): Promise<void> {
  await waitFor(() => thread.latest?.delivered === count, {
    what: () => `${count} delivered, there are ${thread.latest?.delivered}`,
  });
}

function outcome(parts: Partial<DeviceOutcome>): DeviceOutcome {
  return { acked: new IntervalSet(), refused: new IntervalSet(), sentCount: 0, qos0: false, ...parts };
}

async function isSessionKept(broker: Mosquitto, options: IClientOptions): Promise<boolean> {
  const client = connect(`mqtt://127.0.0.1:${broker.port}`, { ...options, clean: false });
  const connack = await new Promise<IConnackPacket>((resolve) => client.once('connect', resolve));
  await client.endAsync(true);
  return connack.sessionPresent;
}

describe.skipIf(!hasMosquitto())('the receiver in its thread', () => {
  test('tells by snapshots what has arrived, and at the end what has become of everything', async () => {
    await using broker = await startMosquitto();
    await using thread = threadAt(broker.port);
    await thread.start();
    await publish(broker, { device: 0, sequences: [0, 1, 3] }, { device: 2, sequences: [0, 1, 1] });
    await delivered(thread, 5);
    thread.setLiveFrom(1000);
    await publish(
      broker,
      { device: 0, sequences: [5], timeMs: 999 },
      { device: 0, sequences: [6], timeMs: 1000 },
    );
    await delivered(thread, 7);
    thread.setLiveFrom(null);
    await publish(broker, { device: 0, sequences: [7], timeMs: 1001 });
    await delivered(thread, 8);

    const asked = await thread.snapshot();
    expect(asked).toMatchObject({
      upstreamMessages: 9,
      isConnected: true,
      reconnects: 0,
      duplicatesNewName: 1,
    });
    expect(asked.deliveredByGroup).toEqual([6, 2]);
    expect(asked.atMs).toBeGreaterThan(0);
    expect(asked.busyShare).toSatisfy((share: number) => share > 0 && share < 1);

    const verification = await thread.verify([
      outcome({ acked: IntervalSet.below(8), sentCount: 8 }),
      outcome({ acked: IntervalSet.below(2), sentCount: 2 }),
      outcome({ sentCount: 4, qos0: true }),
    ]);
    const { losses, totals, examples, endToEndByGroup, liveWhileDraining } = verification;
    const nameOf = (device: number): string => `device-${device}`;
    expect(listing(losses.lost.devices, { nameOf })).toEqual(['device-0 2, 4', 'device-1 0-1']);
    expect(listing(losses.lostQos0.devices, { nameOf })).toEqual(['device-2 2-3']);
    expect(losses.lost.byGroup).toEqual([4, 0]);
    expect(totals.delivered).toBe(8);
    expect(examples.duplicatesNewName).toEqual([{ device: 2, sequence: 1 }]);
    expect(endToEndByGroup.map(({ count }) => count)).toEqual([6, 2]);
    expect(liveWhileDraining?.count).toBe(1);
  });

  test('misses nothing that came while the broker was away, and says that it was', async () => {
    await using broker = await startMosquitto({ lines: PERSISTENT });
    await using thread = threadAt(broker.port);
    await thread.start();
    await publish(broker, { device: 0, sequences: [0] });
    await delivered(thread, 1);
    await broker.stop();
    await waitFor(() => thread.latest?.isConnected === false, { what: 'the receiver to notice' });
    await broker.restart();
    await publish(broker, { device: 0, sequences: [1, 2] });
    await delivered(thread, 3);
    expect(thread.latest).toMatchObject({ reconnects: 1, sessionsLost: 0, duplicatesNewName: 0 });
  });

  test('subscribes again at a broker that has forgotten it, and says so', async () => {
    await using broker = await startMosquitto();
    await using thread = threadAt(broker.port);
    await thread.start();
    await broker.stop(true);
    await broker.restart();
    await waitFor(() => thread.latest?.sessionsLost === 1, { what: 'the receiver to connect again' });
    // Whether the new subscription is granted shows only by what it brings.
    let sequence = 0;
    await waitFor(
      async () => {
        await publish(broker, { device: 0, sequences: [sequence++] });
        return (await thread.snapshot()).delivered > 0;
      },
      { what: 'a message' },
    );
  });

  test.each([4, 5] as const)('with MQTT %i leaves no session at the broker', async (version) => {
    await using broker = await startMosquitto();
    const session = { clientId: 'the-receiver', protocolVersion: version };
    const thread = threadAt(broker.port, { version, clientId: session.clientId });
    await thread.start();
    await publish(broker, { device: 0, sequences: [0] });
    await delivered(thread, 1);
    expect(thread.latest?.isConnected).toBe(true);
    await thread.stop(1000);
    expect(await isSessionKept(broker, session)).toBe(false);
    await expect(thread.snapshot()).rejects.toMatchObject({ code: 'RECEIVER_STOPPED' });
  });

  test('says at once when the broker does not admit it', async () => {
    await using broker = await startMosquitto({
      allowAnonymous: false,
      lines: ['password_file {directory}/passwords'],
      files: { passwords: '' },
    });
    await using thread = threadAt(broker.port, { username: 'u', password: 'wrong', startWithinMs: 60_000 });
    await expect(thread.start()).rejects.toMatchObject({ code: 'RECEIVER_UNREACHABLE' });
  });

  test('says when nobody is there, after the time that it is given', async () => {
    await using thread = threadAt(await freePort(), { startWithinMs: 300 });
    await expect(thread.start()).rejects.toMatchObject({
      code: 'RECEIVER_UNREACHABLE',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });
});
