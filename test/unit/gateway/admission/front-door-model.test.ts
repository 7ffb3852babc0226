// The front door under seeded random guests, against a count of who is there.

import { expect, test } from 'vitest';
import type { Random } from '../../../support/mqtt-frame-random.ts';
import { seededRun } from '../../../support/seeded-run.ts';
import { DoorRig, settled, type Visit } from './door-rig.ts';

test('whatever guests do, and in whatever order it is found out who they are, the counts are those of who is there', () =>
  seededRun(async (random) => {
    for (let run = 0; run < 20; run++) await anyOrder(random);
  }));

const users = ['u', 'v', ''];
const PER_USER_MAX = 3;
const GROUP_MAX = 5;

async function anyOrder(random: Random): Promise<void> {
  const rig = new DoorRig({
    access: { groups: { g: {} }, failures: { free: 2, delayMs: 50, delayMaxMs: 100, forgetMs: '1s' } },
    quotas: {
      connections: { perUserMax: PER_USER_MAX, perAddressMax: 8, pendingMax: 10 },
      groups: { g: { connectionsMax: GROUP_MAX } },
    },
  });
  const silent = new Set<NonNullable<ReturnType<DoorRig['knock']>>>();
  const visits: Visit[] = [];
  /** In the order in which they were let in. */
  const entered = new Set<Visit>();
  for (let step = 0; step < 120; step++) {
    switch (random.int(6)) {
      case 0: {
        const guest = rig.knock({ address: random.pick(['192.0.2.1', '192.0.2.2']) });
        if (guest !== null) silent.add(guest);
        break;
      }
      case 1: {
        const [guest] = silent;
        if (guest === undefined) break;
        silent.delete(guest);
        const clientId = random.pick(['a', 'b', 'c', 'd', 'e', 'f', 'g']);
        visits.push(await rig.signIn(guest, { clientId, username: random.pick(users) }));
        break;
      }
      case 2: {
        const [verification] = rig.verifications.splice(random.int(rig.verifications.length + 1), 1);
        if (random.chance(25)) await verification?.refuse('bad-credentials');
        else await verification?.accept({ group: random.pick(['g', 'default']) });
        break;
      }
      case 3: {
        const guest = random.pick([...silent, ...visits.map((visit) => visit.guest), null]);
        if (guest === null) break;
        rig.door.leave(guest);
        silent.delete(guest);
        break;
      }
      default:
        rig.clock.advance(random.int(40));
        await settled();
    }
    for (const visit of visits) if (visit.outcome === 'in') entered.add(visit);
    const waiting = visits.filter((visit) => !visit.guest.isGone && !entered.has(visit)).length;
    expectCounts(rig, silent.size + waiting, [...entered]);
  }
  for (const guest of [...silent, ...visits.map((visit) => visit.guest)]) rig.door.leave(guest);
  const { addresses: _rest, refused: _refused, ...counts } = rig.limits.counts();
  expect(counts).toEqual({ connections: 0, pending: 0, signedIn: 0, users: 0, groups: 0 });
  for (const { client } of entered) expect(client.quota.entry?.connections).toBe(0);
}

/** Of a client id that is there twice the later one counts, and holds the name as long as it is there. */
function expectCounts(rig: DoorRig, pending: number, entered: readonly Visit[]): void {
  const inside = entered.filter(({ guest }) => !guest.isGone);
  const latest = new Map(entered.map((visit) => [visit.client.clientId, visit]));
  const counted = [...latest.values()].filter(({ guest }) => !guest.isGone);
  const names = counted.map(({ client }) => client.identity);
  expect(rig.limits.counts()).toMatchObject({
    connections: pending + inside.length,
    pending,
    signedIn: counted.length,
    users: new Set(names.map(({ user }) => user).filter((user) => user !== '')).size,
    groups: new Set(names.map(({ group }) => group)).size,
  });
  for (const user of users.filter((name) => name !== ''))
    expect(names.filter((name) => name.user === user).length).toBeLessThanOrEqual(PER_USER_MAX);
  expect(names.filter(({ group }) => group === 'g').length).toBeLessThanOrEqual(GROUP_MAX);
}
