// What a scenario is run against: started from here, because the simulator itself knows nothing of the gateway but its
// command line and its protocol.

import { fileURLToPath } from 'node:url';
import { createLogger } from '../../config/logger.ts';
import { externalSystem } from '../../simulator/run/external-system.ts';
import { startMosquittoSystem } from '../../simulator/run/mosquitto-system.ts';
import { startSluiceSystem } from '../../simulator/run/sluice-system.ts';
import type { SystemUnderTest } from '../../simulator/run/system-under-test.ts';
import type { UpstreamBroker } from '../../simulator/run/upstream-broker.ts';
import type { Scenario } from '../../simulator/scenario/scenario-settings.ts';
import { EmbeddedUpstream } from '../embedded-upstream.ts';

const POWER_CUT_SOURCE = fileURLToPath(new URL('../../simulator/system/powercut.c', import.meta.url));

export async function startSystem({ system, seed }: Scenario): Promise<SystemUnderTest> {
  switch (system.type) {
    case 'external':
      return await externalSystem(system);
    case 'mosquitto-bridge':
      return await startMosquittoSystem(system, seed);
    case 'sluice':
      return await startSluiceSystem({
        settings: system,
        command: [process.execPath, ...process.execArgv, process.argv[1] as string],
        embedded: startEmbedded,
        seed,
        powerCutSource: POWER_CUT_SOURCE,
      });
  }
}

/** On a free port. */
export async function startEmbedded(): Promise<UpstreamBroker> {
  const log = createLogger({ level: 'warn', format: 'json' });
  const broker = new EmbeddedUpstream({ host: '127.0.0.1', port: 0, log });
  await broker.start();
  return {
    port: Number(new URL(broker.url.replace('mqtt', 'http')).port),
    text: 'embedded broker, in memory',
    [Symbol.asyncDispose]: () => broker.stop(2000),
  };
}
