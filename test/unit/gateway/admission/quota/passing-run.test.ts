import { expect, test } from 'vitest';
import { verdict } from '../../../../../gateway/admission/quota/verdict.ts';
import type { Random } from '../../../../support/mqtt-frame-random.ts';
import { seededRun } from '../../../../support/seeded-run.ts';
import { type QuotaConnection, QuotaRig } from './quota-rig.ts';

const DEVICES = 4;
const SCRIPTS = 60;
const STEPS = 60;

function settingsOf(random: Random): object {
  const some = (key: string, ...values: unknown[]) =>
    random.chance(50) ? { [key]: random.pick(values) } : {};
  const rates = () => ({
    ...some('messagesPerS', '5/s', '50/s', '1000/s'),
    ...some('bytesPerS', '5KiB', '100KiB'),
    ...some('storedBytesMax', 3000, 50_000),
    ...some('dailyBytesMax', 10_000, 1_000_000),
  });
  const { storedBytesMax: _, ...ofAll } = rates() as { storedBytesMax?: number };
  const device = {
    ...rates(),
    ...some('over', 'delay', 'refuse', 'drop-qos0', 'sample'),
    ...some('sample', 'latest'),
  };
  return { devices: [device], groups: { line: rates() }, gateway: ofAll };
}

/** One step of a script, the same for every rig; `pick` tells who. */
function stepOf(random: Random): (rig: QuotaRig, connections: QuotaConnection[]) => void {
  const who = random.int(DEVICES);
  const [count, bytes, qos] = [random.between(1, 60), random.between(10, 2000), random.int(2)];
  const [advanceMs, stored] = [random.int(3000), random.int(5000)];
  switch (random.int(5)) {
    case 0:
      return ({ quotas }, connections) => quotas.setStored(connections[who].handle, stored);
    case 1:
      return (rig) => rig.clock.advance(advanceMs);
    default:
      return (_rig, connections) => connections[who].send(count, { bytes, qos });
  }
}

test('what follows each other has the same fate, and the same is charged, as if each were alone', () =>
  seededRun(async (random) => {
    let kept = 0;
    let turnedAway = 0;
    for (let script = 0; script < SCRIPTS; script++) {
      const settings = settingsOf(random);
      const rigs = [new QuotaRig(settings), new QuotaRig(settings)];
      rigs[1].isOneByOne = true;
      const connections = rigs.map((rig) =>
        Array.from({ length: DEVICES }, (_, i) =>
          rig.connect({ group: i < 2 ? 'line' : 'default', clientId: `device-${i % 3}` }),
        ),
      );
      for (let step = 0; step < STEPS; step++) {
        const act = stepOf(random);
        for (const [i, rig] of rigs.entries()) act(rig, connections[i]);
        const [together, alone] = connections.map((ofRig) =>
          ofRig.map(({ counts, left, isWaiting }) => ({ counts, left, isWaiting })),
        );
        expect(together).toEqual(alone);
        expect(rigs[0].quotas.status()).toEqual(rigs[1].quotas.status());
      }
      for (const { kept: ofOne, counts, isWaiting } of connections[0]) {
        kept += ofOne;
        turnedAway += counts.refuse + counts.drop + counts.thin + counts.hold + Number(isWaiting);
      }
    }
    // Both fates in numbers, or sameness says nothing.
    expect(kept).toBeGreaterThan(SCRIPTS * 50);
    expect(turnedAway).toBeGreaterThan(SCRIPTS);
  }));

test('a message that finds no room is not charged until there is', () => {
  const rig = new QuotaRig({ gateway: { messagesPerS: '1000/s' } });
  const one = rig.connect();
  rig.room = 5;
  one.send(8);
  expect([one.kept, rig.quotas.status().accepted]).toEqual([5, 5]);
  rig.room = Infinity;
  one.work();
  expect([one.kept, rig.quotas.status().accepted]).toEqual([8, 8]);
});

test('somebody who closes in the midst of it has what was kept charged', () => {
  const rig = new QuotaRig({ devices: [{ messagesPerS: '10/s' }] });
  const one = rig.connect({ clientId: 'a' });
  const nowMs = rig.clock.monotonicMs();
  for (let i = 0; i < 7; i++) {
    expect(rig.quotas.decide(one.handle, 100, 1, nowMs)).toBe(verdict.accept);
    rig.quotas.settle(one.handle, verdict.accept, 100, nowMs);
  }
  one.close();
  const again = rig.connect({ clientId: 'a' });
  again.send(7);
  expect(again.kept).toBe(3);
});
