// Whose bytes wait in the log, after a start: the threads count them again, whatever the crash took.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { Random } from '../support/mqtt-frame-random.ts';
import { seededRun } from '../support/seeded-run.ts';
import { ShareStore } from '../support/share-store.ts';
import { TemporaryDirectory } from '../support/temporary-directory.ts';
import { pause, waitFor } from '../support/wait-for.ts';

const KILLS = process.env.TEST_LONG ? 50 : 4;
const WRITER = fileURLToPath(new URL('../support/share-writer.ts', import.meta.url));

describe('bytes that wait in the log', () => {
  test(`are counted again after each of ${KILLS} kills`, { timeout: KILLS * 20_000 }, () =>
    seededRun(async (random) => {
      using directory = new TemporaryDirectory();
      for (let kill = 0; kill < KILLS; kill++) {
        await writeUntilKilled(directory.path, random);
        await using store = new ShareStore(directory.path);
        await store.start();
        await store.counted();
        const owed = await store.owed();
        expect(owed.size).toBeGreaterThan(0);
        expect(store.told(owed.keys())).toEqual(owed);
        expect(store.shares.owners).toBeLessThanOrEqual(owed.size + 1);
        expect(store.faults).toEqual([]);
      }
    }),
  );

  test('are told while records are stored and delivered', async () => {
    using directory = new TemporaryDirectory();
    await using store = new ShareStore(directory.path);
    await store.start();
    for (let i = 0; i < 300; i++) store.append(`dev-${i % 3}`, Buffer.alloc(20), i % 2);
    await store.drained();
    const all = new Map(['dev-0', 'dev-1', 'dev-2'].map((device) => [device, 100 * 33]));
    expect(store.told(all.keys())).toEqual(all);
    expect(store.groupBytes()).toBe(300 * 33);
    await store.deliver('main', 150);
    await store.deliver('bulk', 150);
    await waitFor(() => store.groupBytes() === 0, { what: 'deliveries to be told' });
    expect(store.shares.owners).toBe(0);
  });

  test('are counted when the setting comes to a store that had none', async () => {
    using directory = new TemporaryDirectory();
    {
      await using store = new ShareStore(directory.path, 0);
      await store.start();
      for (let i = 0; i < 300; i++) store.append(`dev-${i % 3}`, Buffer.alloc(20), i % 2);
      await store.drained();
      expect(store.shares).toBeNull();
    }
    await using store = new ShareStore(directory.path);
    await store.start();
    await store.counted();
    expect(store.told(['dev-0'])).toEqual(new Map([['dev-0', 3300]]));
  });
});

async function writeUntilKilled(directory: string, random: Random): Promise<void> {
  const seed = String(random.int(2 ** 31));
  const writer = spawn(process.execPath, [WRITER, directory, seed], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(writer, 'exit');
  await Promise.race([once(writer.stdout, 'data'), exited]);
  expect(writer.exitCode).toBeNull();
  await pause(random.between(100, 700));
  writer.kill('SIGKILL');
  await exited;
}
