// An upstream that is not as it should be, for a while. Devices notice nothing: everything is taken and
// acknowledged. When it is well again everything arrives, in order by device and lane, and nothing has to be
// published to set it going.

import { describe, expect, test } from 'vitest';
import { NOTHING_WRONG } from '../support/delivery-account.ts';
import { FaultRig } from '../support/fault-rig.ts';
import { hasMosquitto } from '../support/mosquitto.ts';
import { type Stubbornness, StubbornUpstream } from '../support/stubborn-upstream.ts';
import { waitFor } from '../support/wait-for.ts';

const MESSAGES = 3000;
/** Before it is given up as stuck. */
const ACK_TIMEOUT_MS = 600;

describe.skipIf(!hasMosquitto())('an upstream', () => {
  test.each(['batch', 'each'])('that goes away and comes back gets everything, format %s', async (format) => {
    // MQTT keeps the order of messages of one QoS only (MQTT 5.0 4.6), and `each` sends them with their own.
    const load = { mixesQos: format === 'batch' };
    await using rig = await FaultRig.create({ sink: { format, topic: TOPICS[format] }, load });
    const { gateway, fleet, upstream } = rig;
    await gateway.server.start();
    fleet.connect();
    await fleet.publish(MESSAGES);
    await upstream.goAway();
    await fleet.publish(MESSAGES);
    await upstream.comeBack();
    await expectEverything(rig, 2 * MESSAGES);
  });

  test('that refuses connections when the gateway starts gets everything later', async () => {
    await using rig = await FaultRig.create();
    const { gateway, fleet, network } = rig;
    network.set({ isRefusing: true });
    await gateway.server.start();
    fleet.connect();
    await fleet.publish(MESSAGES);
    await waitFor(() => network.counters.connections >= 3, { what: 'the gateway to try again and again' });
    network.set({ isRefusing: false });
    await expectEverything(rig, MESSAGES);
  });

  test('whose connection is cut again and again under load gets everything', async () => {
    await using rig = await FaultRig.create({ load: { messagesPerSecond: 5000 } });
    const { gateway, fleet, network, upstream } = rig;
    await gateway.server.start();
    fleet.start();
    for (let cut = 0; cut < 10; cut++) {
      const arrived = upstream.account.messages;
      network.set({ up: { resetAfterBytes: 6000 + 4000 * cut } });
      await waitFor(() => upstream.account.messages > arrived + 200, {
        what: 'the gateway to go on after a cut',
      });
      network.cut();
    }
    network.set({ up: { resetAfterBytes: 0 } });
    await fleet.finish();
    await expectEverything(rig, fleet.sent);
  });

  test('that is slow gets everything, and devices do not wait for it', async () => {
    await using rig = await FaultRig.create({
      sink: { compression: 'none', ackTimeoutMs: 5000 },
      load: { fillerBytes: 200 },
    });
    const { gateway, fleet, network, upstream } = rig;
    network.set({ bytesPerSecondEach: 50_000 });
    await gateway.server.start();
    fleet.connect();
    await fleet.publish(MESSAGES);
    expect(upstream.account.messages).toBeLessThan(MESSAGES);
    network.set({ bytesPerSecondEach: 400_000 });
    await expectEverything(rig, MESSAGES);
    expect(gateway.said('connection to the upstream lost')).toBeUndefined();
  });

  test('that swallows everything on a connection that stays open is given up and called anew', async () => {
    await using rig = await FaultRig.create({
      sink: { ackTimeoutMs: ACK_TIMEOUT_MS, connectTimeoutMs: 1000 },
    });
    const { gateway, fleet, network } = rig;
    await gateway.server.start();
    fleet.connect();
    await fleet.publish(MESSAGES);
    network.set({ isBlackhole: true });
    await fleet.publish(MESSAGES);
    await waitFor(() => network.counters.connections >= 2, {
      what: 'the gateway to give up a connection that is stuck',
    });
    network.set({ isBlackhole: false });
    await expectEverything(rig, 2 * MESSAGES);
  });

  test.each<Stubbornness>(['not-authorised', 'never-acknowledging'])(
    'that is %s gets everything later',
    async (how) => {
      await using stubborn = await StubbornUpstream.start(how);
      await using rig = await FaultRig.create({ sink: { url: stubborn.url, ackTimeoutMs: ACK_TIMEOUT_MS } });
      const { gateway, fleet, upstream } = rig;
      await gateway.server.start();
      fleet.connect();
      await fleet.publish(MESSAGES);
      await waitFor(() => stubborn.connections >= 3, { what: 'the gateway to try again and again' });
      stubborn.passTo(upstream.port);
      await expectEverything(rig, MESSAGES);
    },
  );
});

const TOPICS: Record<string, string> = { batch: '', each: 'sluice/{topic}' };

/** Nothing is published meanwhile. */
async function expectEverything(rig: FaultRig, messages: number): Promise<void> {
  const { fleet, upstream } = rig;
  await upstream.receivedAll(fleet.devices);
  expect(rig.verdict).toEqual(NOTHING_WRONG);
  expect(upstream.account.messages).toBe(messages);
  expect(fleet).toMatchObject({ sent: messages, acknowledged: messages, disconnects: 0, refused: 0 });
}
