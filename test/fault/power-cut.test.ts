// The promise when the power goes: at a random moment the process dies and the disk keeps only what was
// synced. It must start on that every time, with everything it has acknowledged. What the upstream has is
// outside the cut. The same with synchronous=normal must lose something, or this test could not tell.
// TEST_LONG=1 cuts 100 times.

import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { PowerCut } from '../../simulator/system/power-cut.ts';
import { NOTHING_WRONG } from '../support/delivery-account.ts';
import { FaultRig } from '../support/fault-rig.ts';
import type { GatewayProcess } from '../support/gateway-process.ts';
import { hasCompiler } from '../support/machine-tools.ts';
import { hasMosquitto } from '../support/mosquitto.ts';
import { seededRun } from '../support/seeded-run.ts';
import { pause } from '../support/wait-for.ts';

const CUTS = process.env.TEST_LONG ? 100 : 10;
/** A cut of an unsafe store loses something nearly every time. */
const UNSAFE_CUTS_MAX = 10;
const SOURCE = fileURLToPath(new URL('../../simulator/system/powercut.c', import.meta.url));
const hasTools = hasMosquitto() && hasCompiler();

describe.skipIf(!hasTools)('a power cut under load', () => {
  test(`loses nothing acknowledged in ${CUTS} cuts`, { timeout: CUTS * 10_000 }, () =>
    seededRun(async (random) => {
      await using rig = await FaultRig.create({ load: { messagesPerSecond: 4000 } });
      const { gateway, fleet, network, upstream } = rig;
      const disk = powerCutOf(gateway);
      await gateway.server.start();
      fleet.start();
      for (let cut = 0; cut < CUTS; cut++) {
        network.set({ isRefusing: random.chance(50) });
        await pause(random.between(0, 500));
        await disk.cutAndRestart();
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
      const disk = powerCutOf(gateway);
      await gateway.server.start();
      fleet.start();
      let lost = 0;
      for (let cut = 0; cut < UNSAFE_CUTS_MAX && lost === 0; cut++) {
        fleet.goOn();
        await pause(random.between(200, 500));
        await disk.cutAndRestart();
        await fleet.finish();
        // Lanes keep their order: once these have arrived, so has everything before them that there still is.
        using markers = rig.addFleet({ name: `marker-${cut}`, devices: 1 });
        markers.connect();
        await markers.publish(2);
        await upstream.receivedAll(markers.devices);
        lost = upstream.account.lostCount(fleet.devices);
      }
      expect(lost).toBeGreaterThan(0);
    }),
  );
});

/** Before it starts; its files are in the directory of the gateway, and go with it. */
function powerCutOf({ server, dataDir }: GatewayProcess): PowerCut {
  return new PowerCut({ server, dataDir, sourceFile: SOURCE });
}
