import { describe, expect, test } from 'vitest';
import { DeviceFleet } from '../../../../simulator/fleet/device-fleet.ts';
import type { ReceiverSnapshot } from '../../../../simulator/receive/receiver-messages.ts';
import { Sampler } from '../../../../simulator/run/sampler.ts';
import { every, groupUnderTest } from '../../../support/simulated-devices.ts';
import { latency, snapshotOf } from './receiver-parts.ts';

function samplerUnderTest(snapshot: () => ReceiverSnapshot | undefined) {
  const time = { nowMs: 0 };
  const nowMs = () => time.nowMs;
  const plan = { nowMs, steps: () => every(100) };
  const made = [groupUnderTest(plan), groupUnderTest({ ...plan, first: 1, change: { qos: 0 } })];
  for (const { clients } of made) clients[0]!.window = 1000;
  const groups = made.map(({ group }) => group);
  const fleet = new DeviceFleet({ groups, nowMs, after: () => ({ clear: () => {} }) });
  const sampler = new Sampler({
    fleet,
    isAccounted: [true, false],
    nowMs,
    snapshot: async () => {
      time.nowMs += 5; // it takes a while to be told
      return snapshot();
    },
  });
  const runTo = (ms: number) => {
    time.nowMs = ms;
    for (const group of groups) group.runDue(ms + 1000, () => {});
  };
  return { sampler, groups, client: made[0]!.clients[0]!, runTo };
}

describe('a sample', () => {
  test('puts together what the fleet has done and what has arrived', async () => {
    const recent = latency(40);
    const { sampler, client, groups, runTo } = samplerUnderTest(() =>
      snapshotOf({ delivered: 12, deliveredByGroup: [4, 8], recent }),
    );
    runTo(1000);
    client.ack(7, 3);
    groups[0]!.acked(3);
    expect(await sampler.take('warm-up')).toEqual({
      atMs: 1005,
      phase: 'warm-up',
      connected: 2,
      sent: 20,
      acked: 7,
      refused: 0,
      delivered: 12,
      lag: 3, // of the group that is acknowledged: 7 less 4
      ackP50Ms: 3,
      ackP99Ms: 3,
      endToEndP50Ms: 40,
      endToEndP99Ms: 120,
      generatorLateMs: 0,
    });
    expect(sampler.samples).toHaveLength(1);
    expect(sampler.latestAskedAtMs).toBe(1000);
  });

  test('has the acknowledgements since the one before', async () => {
    const { sampler, groups } = samplerUnderTest(() => undefined);
    groups[0]!.acked(8);
    expect((await sampler.take('a')).ackP99Ms).toBe(8);
    expect((await sampler.take('a')).ackP99Ms).toBe(0);
  });

  test('has no arrivals and no lag when nothing is verified', async () => {
    const { sampler, client, runTo } = samplerUnderTest(() => undefined);
    runTo(1000);
    client.ack(7);
    expect(await sampler.take('a')).toMatchObject({ acked: 7, delivered: 0, lag: 0, endToEndP50Ms: 0 });
    expect(sampler.latest).toBeUndefined();
  });

  test('does not count as a lag what arrived before its acknowledgement', async () => {
    const { sampler, client, runTo } = samplerUnderTest(() => snapshotOf({ deliveredByGroup: [9, 0] }));
    runTo(1000);
    client.ack(7);
    expect((await sampler.take('a')).lag).toBe(0);
    client.ack(3);
    expect(sampler.lag).toBe(1); // between samples too: 10 acknowledged by now
  });
});

test('the receiver counts as busy when it was for much of the run, not for a moment', async () => {
  let busyShare = 1;
  const { sampler, runTo } = samplerUnderTest(() => snapshotOf({ busyShare }));
  const take = async (atMs: number) => {
    runTo(atMs);
    await sampler.take('a');
  };
  await take(100);
  expect(sampler.isReceiverBusy).toBe(false); // whoever does anything is busy for a while
  await take(2000);
  expect(sampler.isReceiverBusy).toBe(true);
  busyShare = 0.4;
  await take(9000);
  expect(sampler.isReceiverBusy).toBe(true);
  await take(11_000);
  expect(sampler.isReceiverBusy).toBe(false);
});

test('acknowledgements are told by phase and group, also those between two samples', async () => {
  const { sampler, groups, runTo } = samplerUnderTest(() => undefined);
  sampler.enter('quiet');
  groups[0]!.acked(3);
  groups[1]!.acked(50);
  runTo(1000);
  await sampler.take('quiet');
  groups[0]!.acked(4);
  runTo(2000);
  sampler.enter('loud');
  groups[0]!.acked(90);
  const { ackP99Ms } = await sampler.take('loud');
  expect(ackP99Ms).toBeGreaterThan(89); // and of the time since the last sample all the same
  runTo(2500);
  sampler.leave();
  expect(sampler.phasesOf(0)).toMatchObject([
    { name: 'quiet', lengthMs: 2000, ack: { count: 2, max: 4 } },
    { name: 'loud', lengthMs: 500, ack: { count: 1, max: 90 } },
  ]);
  expect(sampler.phasesOf(1)).toMatchObject([{ ack: { count: 1, max: 50 } }, { ack: { count: 0 } }]);
});
