// Simulated devices on connections that the test moves by hand, and groups of them.

import { DeviceGroup, type DeviceGroupOptions } from '../../simulator/fleet/device-group.ts';
import { GroupCounters } from '../../simulator/fleet/group-counters.ts';
import { SimulatedDevice, type SimulatedDeviceOptions } from '../../simulator/fleet/simulated-device.ts';
import type { ProfileStep } from '../../simulator/profile/profile.ts';
import { FakeDeviceClient } from './fake-device-client.ts';

export interface DeviceUnderTest {
  device: SimulatedDevice;
  client: FakeDeviceClient;
  counters: GroupCounters;
}

export function deviceUnderTest(change: Partial<SimulatedDeviceOptions> = {}): DeviceUnderTest {
  const counters = change.counters ?? new GroupCounters();
  let client: FakeDeviceClient | undefined;
  const device = new SimulatedDevice({
    index: 7,
    run: 'test',
    topic: 'plant/7',
    qos: 1,
    retain: false,
    storeReadings: 0,
    flushesOnly: false,
    isFlood: false,
    saysAtOnce: false,
    wallStartMs: () => 1_000_000,
    payload: { next: ({ mark }) => Buffer.from(mark) },
    nowMs: () => 0,
    onAck: () => {},
    createClient: (events) => {
      client = new FakeDeviceClient(events);
      return client;
    },
    ...change,
    counters,
  });
  return { device, client: client!, counters };
}

export interface GroupUnderTest {
  group: DeviceGroup;
  clients: FakeDeviceClient[];
  counters: GroupCounters;
}

export interface GroupPlan {
  name?: string;
  devices?: number;
  nowMs: () => number;
  /** Of each device, in its own time; `connect` comes first by itself. */
  steps?: (member: number) => Iterator<ProfileStep>;
  startMs?: (member: number) => number;
  connectsAtStart?: boolean;
  rates?: DeviceGroupOptions['rates'];
  /** Index of the first device in the fleet. */
  first?: number;
  change?: Partial<SimulatedDeviceOptions>;
}

/** Connected as soon as they are switched on. */
export function groupUnderTest(plan: GroupPlan): GroupUnderTest {
  const { name = 'group', devices = 1, nowMs, first = 0, startMs = () => 0, connectsAtStart = true } = plan;
  const { rates = [] } = plan;
  const counters = new GroupCounters();
  const made = Array.from({ length: devices }, (_, member) =>
    deviceUnderTest({ ...plan.change, index: first + member, counters, nowMs }),
  );
  for (const { client } of made) client.connectsAtOnce = true;
  const members = made.map(({ device }, member) => {
    const steps = plan.steps?.(member);
    const next = () => steps?.next().value as ProfileStep | undefined;
    return { device, next, startMs: startMs(member), connectsAtStart };
  });
  const group = new DeviceGroup({ name, counters, members, rates, nowMs });
  return { group, clients: made.map(({ client }) => client), counters };
}

/** A reading every so often, for ever. */
export function* every(periodMs: number): Generator<ProfileStep> {
  for (let atMs = periodMs; ; atMs += periodMs) yield { atMs, kind: 'publish' };
}
