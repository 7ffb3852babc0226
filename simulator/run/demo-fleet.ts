// The devices of `sluice demo`: a small plant of five lines, as a scenario of the simulator would describe it. It has
// no end and no verdict: whoever makes it starts it, looks at its counters and stops it.

import { systemClock } from '../../config/clock.ts';
import type { DeviceFleet } from '../fleet/device-fleet.ts';
import { Recordings } from '../payload/recordings.ts';
import { type LoadedScenario, parseScenario } from '../scenario/load-scenario.ts';
import type { Scenario } from '../scenario/scenario-settings.ts';
import { createFleet } from './create-fleet.ts';
import { StartableClock } from './run-clock.ts';
import { randomRunId } from './run-id.ts';

export interface DemoFleetOptions {
  /** Of the gateway, for example mqtt://127.0.0.1:1883. */
  url: string;
  devices: number;
  /** Messages per second of each device. */
  ratePerSecond: number;
  /** Unacknowledged messages of each device; default 20. More are skipped, as a small device would. */
  window?: number;
}

const LINES = 5;
/** Quantities that wander as real ones do: compression and the eye both judge by that. */
const PAYLOAD = {
  type: 'json',
  time: 'iso',
  sequence: true,
  fields: {
    temperatureC: { type: 'walk', min: 15, max: 95, step: 0.4, decimals: 2 },
    pressureHpa: { type: 'walk', min: 980, max: 1040, step: 0.3, decimals: 1 },
    humidityPercent: { type: 'walk', min: 20, max: 90, step: 0.8, decimals: 1 },
    vibrationMmPerS: { type: 'walk', min: 0.1, max: 12, step: 0.25, decimals: 3 },
    speedRpm: { type: 'walk', min: 600, max: 3000, step: 25, decimals: 0 },
    state: { type: 'enum', values: ['running', 'idle', 'fault'], weights: [978, 20, 2], stay: 0 },
  },
};

/** What is wrong with the numbers of devices and of messages is a problem like any of a scenario. */
export function demoScenario({ url, devices, ratePerSecond, window = 20 }: DemoFleetOptions): LoadedScenario {
  const lines = Math.min(LINES, devices);
  const groups = Array.from({ length: lines }, (_, line) => [
    `line${line + 1}`,
    {
      devices: Math.floor((devices + lines - 1 - line) / lines),
      clientId: '{group}-dev-{index}',
      topic: 'plant/{group}/dev-{index}/telemetry',
      window,
      store: 0,
      startWithin: '200ms',
      reconnectMin: '500ms',
      reconnectMax: '1500ms',
      profile: { type: 'fixed', rate: `${ratePerSecond}/s`, jitter: 0.4 },
      payload: PAYLOAD,
    },
  ]);
  const scenario = {
    name: 'demo',
    why: 'What the gateway looks like at work.',
    system: { type: 'external', gateway: url },
    groups: Object.fromEntries(groups),
    timeline: [{ name: 'work', for: '1d' }],
  };
  return parseScenario(JSON.stringify(scenario)); // JSON is YAML
}

export interface DemoFleet {
  /** Nobody is connected yet. */
  fleet: DeviceFleet;
  /** What a receiver upstream must know of it (receive/receiver-thread.ts). */
  run: string;
  groupOfDevice: Uint16Array;
  /** Returns when that was, ms since 1970 with a fraction. */
  start(): number;
}

export function createDemoFleet(scenario: Scenario, url: string): DemoFleet {
  const run = randomRunId();
  const runClock = new StartableClock();
  const fleet = createFleet({
    scenario,
    gatewayUrl: url,
    run,
    clock: systemClock,
    runClock,
    recordings: new Recordings(),
  });
  return {
    fleet,
    run,
    groupOfDevice: Uint16Array.from(fleet.groups.flatMap(({ devices }, g) => devices.map(() => g))),
    start() {
      runClock.startIn(0);
      fleet.start();
      return runClock.startEpochMs;
    },
  };
}
