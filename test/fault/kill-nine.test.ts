// The promise under kill -9: the gateway dies at random moments, while it starts, takes, commits, sends and forgets;
// devices connect again and resend, as MQTT wants it. TEST_LONG=1 does it 200 times.

import { describe, expect, test } from 'vitest';
import { NOTHING_WRONG } from '../support/delivery-account.ts';
import { GatewayProcess } from '../support/gateway-process.ts';
import { LoadPublisher, loadLanes } from '../support/load-publisher.ts';
import { hasMosquitto } from '../support/mosquitto.ts';
import { seededRun } from '../support/seeded-run.ts';
import { Upstream } from '../support/upstream.ts';
import { pause } from '../support/wait-for.ts';

const KILLS = process.env.TEST_LONG ? 200 : 20;
const SECONDS = process.env.TEST_LONG ? 900 : 100;

describe.skipIf(!hasMosquitto())('kill -9 under load', () => {
  test(`loses nothing acknowledged in ${KILLS} kills, and every duplicate bears the same name`, { timeout: SECONDS * 1000 }, () =>
    seededRun(async (random) => {
      await using upstream = await Upstream.start();
      await using gateway = await GatewayProcess.start({ settings: settings(upstream.port) });
      using fleet = new LoadPublisher({ port: gateway.port });
      fleet.start();
      for (let kill = 0; kill < KILLS; kill++) {
        await pause(random.between(0, 600));
        await gateway.kill();
        // Some die again before they take a connection.
        if (random.chance(25)) {
          gateway.launch();
          await pause(random.between(0, 400));
          await gateway.kill();
        }
        await gateway.start();
      }
      await fleet.finish();
      await upstream.receivedAll(fleet.devices);
      console.log(fleet.sent, fleet.acknowledged, fleet.disconnects, upstream.account.messages, upstream.account.duplicates, upstream.account.upstreamMessages);

      expect(upstream.account.verdict(fleet.devices)).toEqual(NOTHING_WRONG);
      expect(fleet.sessionsLost).toBe(0);
      expect(fleet.refused).toBe(0);
      expect(fleet.acknowledged).toBe(fleet.sent);
    }),
  );
});

function settings(port: number) {
  return {
    lanes: loadLanes,
    sinks: {
      cloud: { type: 'mqtt', url: `mqtt://127.0.0.1:${port}`, reconnect: { minMs: 20 }, batch: { lingerMs: 50 } },
    },
  };
}
