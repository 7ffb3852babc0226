// The promise under kill -9: the gateway dies at random moments - while it starts, takes, commits, sends,
// forgets - and devices connect again and resend as MQTT wants it. TEST_LONG=1 does it 200 times.

import { describe, expect, test } from 'vitest';
import { NOTHING_WRONG } from '../support/delivery-account.ts';
import { FaultRig } from '../support/fault-rig.ts';
import { hasMosquitto } from '../support/mosquitto.ts';
import { seededRun } from '../support/seeded-run.ts';
import { pause } from '../support/wait-for.ts';

const KILLS = process.env.TEST_LONG ? 200 : 20;
const TIMEOUT_MS = KILLS * 10_000;

describe.skipIf(!hasMosquitto())('kill -9 under load', () => {
  test(
    `loses nothing acknowledged in ${KILLS} kills, and every duplicate bears the same name`,
    { timeout: TIMEOUT_MS },
    () =>
      seededRun(async (random) => {
        await using rig = await FaultRig.create({ load: { messagesPerSecond: 5000 } });
        const { gateway, fleet, network, upstream } = rig;
        await gateway.server.start();
        fleet.start();
        for (let kill = 0; kill < KILLS; kill++) {
          network.set({ isRefusing: random.chance(30) });
          if (random.chance(30)) network.cut();
          await pause(random.between(0, 400));
          await gateway.server.kill();
          if (random.chance(20)) {
            gateway.server.launch();
            await pause(random.between(0, 500));
            await gateway.server.kill();
          }
          await gateway.server.start();
        }
        network.set({ isRefusing: false });
        await rig.finish();

        expect(rig.verdict).toEqual(NOTHING_WRONG);
        expect(fleet.acknowledged).toBe(fleet.sent);
        expect(upstream.account.messages).toBe(fleet.sent);
        expect(fleet).toMatchObject({ sessionsLost: 0, refused: 0 });
      }),
  );
});
