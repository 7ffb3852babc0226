// Makes the fleet that a scenario asks for. Device indexes run through all groups, in the scenario's order; what
// is random about a device follows from the run's seed and its index, with a sequence of its own for everything that
// draws at its own time: when it speaks, what it says, and how long it waits to connect again.

import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import type { Clock } from '../../config/clock.ts';
import { messageOf, SluiceError } from '../../config/errors.ts';
import type { DeviceClient, DeviceClientEvents, DeviceClientOptions } from '../fleet/device-client.ts';
import { DeviceFleet } from '../fleet/device-fleet.ts';
import { DeviceGroup, type GroupDevice } from '../fleet/device-group.ts';
import { FaithfulClient } from '../fleet/faithful-client.ts';
import { GroupCounters } from '../fleet/group-counters.ts';
import { LeanClient } from '../fleet/lean-client.ts';
import { SimulatedDevice } from '../fleet/simulated-device.ts';
import { createPayloadSource } from '../payload/create-payload-source.ts';
import type { Recordings } from '../payload/recordings.ts';
import { createProfile, isAsleepAtFirst } from '../profile/create-profile.ts';
import type { Group, Scenario } from '../scenario/scenario-settings.ts';
import { derivedSeed, seededRandom } from '../seeded-random.ts';
import { ratePlan } from './rate-plan.ts';
import type { RunClock } from './run-clock.ts';

export interface FleetPlan {
  scenario: Scenario;
  gatewayUrl: string;
  /** Mark of the run. */
  run: string;
  clock: Clock;
  runClock: RunClock;
  /** Stays the caller's, who closes it after the run. */
  recordings: Recordings;
}

/** Connects nobody yet, and has no end. Throws SluiceError when a recorded file or a certificate cannot be used. */
export function createFleet(plan: FleetPlan): DeviceFleet {
  const { scenario, clock, runClock } = plan;
  const { nowMs } = runClock;
  let first = 0;
  const groups = Object.entries(scenario.groups).map(([name, settings]) => {
    const group = createGroup(plan, { name, settings, first });
    first += settings.devices;
    return group;
  });
  return new DeviceFleet({ groups, nowMs, after: (delayMs, fn) => clock.after(delayMs, fn) });
}

interface GroupPlan {
  name: string;
  settings: Group;
  /** Index of its first device. */
  first: number;
}

function createGroup(plan: FleetPlan, group: GroupPlan): DeviceGroup {
  const { settings, name } = group;
  const counters = new GroupCounters();
  const acked = (latencyMs: number) => created.acked(latencyMs);
  const tls = tlsOf(settings);
  const wallStartMs = wallStartOf(plan, settings);
  const members = Array.from({ length: settings.devices }, (_, member) =>
    createDevice(plan, group, { member, counters, acked, wallStartMs, tls }),
  );
  const rates = ratePlan(plan.scenario.timeline, name);
  const created = new DeviceGroup({ name, counters, members, rates, nowMs: plan.runClock.nowMs });
  return created;
}

interface DevicePlan {
  /** In its group. */
  member: number;
  counters: GroupCounters;
  acked: (latencyMs: number) => void;
  wallStartMs: () => number;
  tls: ConnectionOptions | undefined;
}

function createDevice(
  plan: FleetPlan,
  group: GroupPlan,
  { member, counters, acked, wallStartMs, tls }: DevicePlan,
): GroupDevice {
  const { scenario, run, runClock, recordings } = plan;
  const { name, settings, first } = group;
  const index = first + member;
  const seed = scenario.seed;
  const random = seededRandom(derivedSeed(seed ^ PROFILE_SEED, index));
  const words = { index: String(member), group: name };
  const clientId = filled(settings.clientId, words);
  const payload = createPayloadSource(settings.payload, { seed, clientId, index, recordings });
  const hasChanged = (atMs: number) => payload.hasChanged(atMs);
  const profile = createProfile(settings.profile, random, { hasChanged, index, recordings });
  const device = new SimulatedDevice({
    index,
    run,
    topic: filled(settings.topic, { ...words, client: clientId }),
    qos: settings.qos,
    retain: settings.retain,
    storeReadings: settings.store,
    flushesOnly: settings.profile.type === 'store-and-flush',
    isFlood: settings.profile.type === 'flood',
    saysAtOnce: settings.profile.type === 'on-change' || settings.profile.type === 'replay',
    wallStartMs,
    payload,
    counters,
    nowMs: runClock.nowMs,
    onAck: acked,
    createClient: (events) =>
      createClient(plan, settings, {
        clientId,
        username: filled(settings.username, { ...words, client: clientId }),
        tls,
        random: seededRandom(derivedSeed(seed ^ CONNECTION_SEED, index)),
        events,
      }),
  });
  return {
    device,
    next: () => profile.next(),
    startMs: (settings.startWithin * member) / settings.devices,
    connectsAtStart: !isAsleepAtFirst(settings.profile),
  };
}

/** So that a device's profile, its connection and its values do not draw the same numbers. */
const PROFILE_SEED = 0x5bd1e995;
const CONNECTION_SEED = 0x2545f491;

interface ClientPlan {
  clientId: string;
  username: string;
  tls: ConnectionOptions | undefined;
  random: () => number;
  events: DeviceClientEvents;
}

function createClient(plan: FleetPlan, settings: Group, client: ClientPlan): DeviceClient {
  const { clientId, username, tls, random, events } = client;
  const options: DeviceClientOptions = {
    url: plan.gatewayUrl,
    clientId,
    version: settings.version === '5' ? 5 : 4,
    cleanSession: settings.session === 'clean',
    sessionExpiryS: Math.round(settings.sessionExpiry / 1000),
    keepAliveS: Math.round(settings.keepAlive / 1000),
    windowMessages: settings.window,
    reconnect: {
      minMs: settings.reconnectMin,
      maxMs: Math.max(settings.reconnectMin, settings.reconnectMax),
    },
    random,
    ...(username === '' ? {} : { username, password: settings.password }),
    ...(tls === undefined ? {} : { tls }),
  };
  return settings.driver === 'lean'
    ? new LeanClient(options, events, plan.clock)
    : new FaithfulClient(options, events, plan.clock);
}

function tlsOf({ tls: { ca, cert, key, verify } }: Group): ConnectionOptions | undefined {
  if (ca === '' && cert === '' && key === '' && verify) return undefined;
  return {
    rejectUnauthorized: verify,
    ...(ca === '' ? {} : { ca: textOf(ca) }),
    ...(cert === '' ? {} : { cert: textOf(cert) }),
    ...(key === '' ? {} : { key: textOf(key) }),
  };
}

function textOf(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new SluiceError('CANNOT_READ', `cannot read ${file}: ${messageOf(cause)}`, {
      kind: 'permanent',
      hint: 'Name files for tls that are there; relative ones are looked for beside the scenario.',
      cause,
    });
  }
}

/** `{word}` replaced; what is not among the words stays. */
function filled(text: string, words: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\{([a-z]+)\}/g, (whole, word: string) => words[word] ?? whole);
}

/** What the devices of a group believe the time to be at the run's start. */
function wallStartOf({ scenario, runClock }: FleetPlan, { clockSkew }: Group): () => number {
  if (scenario.startTime === '') return () => Math.round(runClock.startEpochMs) + clockSkew;
  const startMs = Date.parse(scenario.startTime) + clockSkew;
  return () => startMs;
}
