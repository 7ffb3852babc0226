// A disk or card that damages what was stored, between a kill and the next start: bits turn over, tails are
// torn off, in the database and in its write-ahead log. The gateway starts, says what it found and put aside,
// delivers what can be read - under its old names - and takes and delivers new messages, never under a name
// that was given before.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { FaultRig } from '../support/fault-rig.ts';
import { flipBits, tearOff } from '../support/file-damage.ts';
import type { GatewayProcess, LogLine } from '../support/gateway-process.ts';
import { hasMosquitto } from '../support/mosquitto.ts';
import type { Random } from '../support/mqtt-frame-random.ts';
import { seededRun } from '../support/seeded-run.ts';

const MiB = 1024 * 1024;
const DELIVERED = 300;
const BACKLOG = 3000;
const NEW = 300;
/** Two or three wrong bits, or a tail, among a hundred batches. */
const LOST_MAX = BACKLOG / 4;
const BITS_MAX = 3;
const TAIL_BYTES_MAX = 64 * 1024;

interface Case {
  what: string;
  /** Where most of the backlog is: in the database, or still in the write-ahead log. */
  checkpointBytes: number;
  damage(database: string, random: Random): void;
  /** The end of a log that is gone looks like a log that never was longer. */
  isSilent?: boolean;
}

const CASES: Case[] = [
  {
    what: 'bits turned over in the database',
    checkpointBytes: MiB / 4,
    damage: (database, random) => flipBits(database, random.between(1, BITS_MAX), random),
  },
  {
    what: 'bits turned over in the write-ahead log',
    checkpointBytes: 16 * MiB,
    damage: (database, random) => flipBits(`${database}-wal`, random.between(1, BITS_MAX), random),
  },
  {
    what: 'the end of the database torn off',
    checkpointBytes: MiB / 4,
    damage: (database, random) => tearOff(database, TAIL_BYTES_MAX, random),
  },
  {
    what: 'the end of the write-ahead log torn off',
    checkpointBytes: 16 * MiB,
    damage: (database, random) => tearOff(`${database}-wal`, TAIL_BYTES_MAX, random),
    isSilent: true,
  },
  {
    what: 'a hole in the middle of the log',
    checkpointBytes: MiB / 4,
    damage: cutOutBatch,
  },
];

describe.skipIf(!hasMosquitto())('a store with', () => {
  test.each(CASES)(
    '$what is opened, keeps what can be read, and goes on',
    ({ checkpointBytes, damage, isSilent }) =>
      seededRun(async (random) => {
        const buffer = { compression: 'none', checkpointBytes };
        await using rig = await FaultRig.create({ settings: { buffer }, load: { fillerBytes: 200 } });
        const { gateway, fleet, network, upstream } = rig;
        await leaveBacklog(rig);
        damage(join(gateway.dataDir, 'sluice.db'), random);

        gateway.lines.length = 0;
        await gateway.server.start();
        network.set({ isRefusing: false });
        using newcomers = rig.addFleet({ name: 'new' });
        newcomers.connect();
        await newcomers.publish(NEW);
        await upstream.receivedAll(newcomers.devices);

        const { reordered, renamed, reused, foreign } = rig.verdict;
        expect({ reordered, renamed, reused, foreign }).toEqual({
          reordered: [],
          renamed: [],
          reused: [],
          foreign: [],
        });
        const lost = upstream.account.lostCount(fleet.devices);
        expect(lost).toBeLessThan(LOST_MAX);
        const told = gateway.lines.filter(tellsOfDamage);
        if (lost > 0 && isSilent !== true) expect(told).not.toEqual([]);
        for (const path of putAside(told)) expect(existsSync(join(gateway.dataDir, path)), path).toBe(true);
      }),
  );
});

/** Some messages are delivered, many are not; the gateway is dead. */
async function leaveBacklog({ gateway, fleet, network, upstream }: FaultRig): Promise<void> {
  await gateway.server.start();
  fleet.connect();
  await fleet.publish(DELIVERED);
  await upstream.receivedAll(fleet.devices);
  network.set({ isRefusing: true });
  network.cut();
  await fleet.publish(BACKLOG);
  await gateway.server.kill();
}

/** From the store when it is opened, from the bridge when it meets a batch that is damaged or gone. */
function tellsOfDamage({ level, component, msg }: GatewayProcess['lines'][number]): boolean {
  if (component === 'store') return level === 'warn' || level === 'error';
  return component === 'bridge' && level === 'error' && /records/.test(msg);
}

function putAside(lines: readonly LogLine[]): string[] {
  const reports = lines.flatMap(({ salvage, repair }) => [salvage, repair]) as (
    | { putAside?: string }
    | undefined
  )[];
  return reports.flatMap((report) => report?.putAside ?? []);
}

/** A row that SQLite does not find any more, as after a page that was written to the wrong place. */
function cutOutBatch(database: string, random: Random): void {
  const db = new Database(database);
  const ids = db.prepare('SELECT id FROM log ORDER BY id').pluck().all() as number[];
  db.prepare('DELETE FROM log WHERE id = ?').run(ids[random.between(ids.length >> 1, ids.length - 2)]);
  db.close();
}
