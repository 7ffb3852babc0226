// The promise when the power goes: at a random moment the process dies and the disk keeps only what was
// synced. It must start on that every time, with everything it has acknowledged. What the upstream has is
// outside the cut. The same with synchronous=normal must lose something, or this test could not tell.
// TEST_LONG=1 cuts 100 times.

import { describe, expect, test } from 'vitest';
import { NOTHING_WRONG } from '../support/delivery-account.ts';
import { FaultRig } from '../support/fault-rig.ts';
import { LoadPublisher } from '../support/load-publisher.ts';
import { hasMosquitto } from '../support/mosquitto.ts';
import { hasCompiler, PowerCutDisk } from '../support/power-cut-disk.ts';
import { seededRun } from '../support/seeded-run.ts';
import { pause } from '../support/wait-for.ts';

const CUTS = process.env.TEST_LONG ? 100 : 10;
/** A cut of an unsafe store loses something nearly every time. */
const UNSAFE_CUTS_MAX = 10;
const hasTools = hasMosquitto() && hasCompiler();

describe.skipIf(!hasTools)('a power cut under load', () => {
  test(`loses nothing acknowledged in ${CUTS} cuts`, { timeout: CUTS * 10_000 }, () =>
    seededRun(async (random) => {
      await using rig = await FaultRig.create({ load: { messagesPerSecond: 4000 } });
      const { gateway, fleet, network, upstream } = rig;
      const disk = new PowerCutDisk(gateway.dataDir);
      gateway.env = disk.env;
      await gateway.start();
      fleet.start();
      for (let cut = 0; cut < CUTS; cut++) {
        network.set({ isRefusing: random.chance(50) });
        await pause(random.between(0, 500));
        await gateway.kill();
        disk.cut();
        await gateway.start();
      }
      network.set({ isRefusing: false });
      await rig.finish();

      expect(rig.verdict).toEqual(NOTHING_WRONG);
      expect(upstream.account.messages).toBe(fleet.sent);
      expect(fleet).toMatchObject({ sessionsLost: 0, refused: 0 });
    }),
  );

  test('is seen to lose something when the store does not sync every commit', { timeout: 120_000 }, () =>
    seededRun(async (random) => {
      await using rig = await FaultRig.create({
        settings: { buffer: { synchronous: 'normal' } },
        load: { messagesPerSecond: 4000 },
      });
      const { gateway, fleet, upstream } = rig;
      const disk = new PowerCutDisk(gateway.dataDir);
      gateway.env = disk.env;
      await gateway.start();
      fleet.start();
      let lost: string[] = [];
      for (let cut = 0; cut < UNSAFE_CUTS_MAX && lost.length === 0; cut++) {
        fleet.goOn();
        await pause(random.between(200, 500));
        await gateway.kill();
        disk.cut();
        await gateway.start();
        await fleet.finish();
        // Lanes keep their order: once these have arrived, so has everything before them that there still is.
        using markers = new LoadPublisher({ port: gateway.port, name: `marker-${cut}`, devices: 1 });
        markers.connect();
        await markers.publish(2);
        await upstream.receivedAll(markers.devices);
        lost = upstream.account.lost(fleet.devices);
      }
      expect(lost).not.toEqual([]);
    }),
  );
});
