// Hostile bytes over real sockets: some hundred thousand seeded sequences, each a connection of its own, against two
// gateways in processes of their own (one a core). mqtt-packet says what is well-formed. FUZZ_SEED repeats a run,
// FUZZ_SEQUENCES makes it shorter or longer.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Bystander } from '../support/bystander.ts';
import { FuzzDriver, type FuzzReport } from '../support/fuzz-driver.ts';
import { FuzzSequences } from '../support/fuzz-sequences.ts';
import { GatewayChild } from '../support/gateway-child.ts';
import { packetMaxima } from '../support/mqtt-frame-packets.ts';
import { TemporaryDirectory } from '../support/temporary-directory.ts';

const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
const total = Number(process.env.FUZZ_SEQUENCES ?? 200_000);
const GATEWAYS = 2;
const CONCURRENCY = 128;
const MIB = 1024 * 1024;
const GROWTH_BYTES_MAX = 60 * MIB;
/** Memory is looked at as often; the first quarter is warm-up. */
const SAMPLES = 40;
/** A quarter of fewer sequences is not enough to warm up. */
const WARM_FROM = 100_000;
/** Publishing to a gateway that is busy with others takes its turn, but not longer. */
const BYSTANDER_WAIT_MS_MAX = 5000;

const settings = {
  mqtt: packetMaxima,
  // Sequences leave sessions and retained messages behind: full is reached soon, and then memory stands still.
  sessions: { sessionsMax: 50, queuedMessagesMax: 10, retainedMessagesMax: 20 },
  log: { level: 'error' },
};

interface Account {
  report: FuzzReport;
  residentBytes: number[];
  bystander: Bystander;
  gateway: GatewayChild;
}

test(`hostile bytes end their own connection and nothing else, well-formed ones do not (seed ${seed})`, async () => {
  using directory = new TemporaryDirectory();
  const sequences = new FuzzSequences(seed, { frames: 20_000, mutatedPercent: 25, mutatedConnectPercent: 70 });
  const share = Math.ceil(total / GATEWAYS);
  const accounts = Array.from({ length: GATEWAYS }, async (_, i): Promise<Account> => {
    const home = join(directory.path, String(i));
    mkdirSync(home);
    await using gateway = await GatewayChild.start(home, { settings });
    await using bystander = await Bystander.start(gateway.port, 50);
    const residentBytes: number[] = [];
    const progress = (done: number): void => {
      if (gateway.isAlive && done % Math.ceil(share / SAMPLES) === 0) residentBytes.push(gateway.residentBytes);
    };
    const range = { from: i * share, to: (i + 1) * share };
    const run = { port: gateway.port, sequences, ...range, concurrency: CONCURRENCY, progress };
    const report = await new FuzzDriver(run).run();
    expect(gateway.isAlive, `seed ${seed}: ${gateway.said}`).toBe(true);
    return { report, residentBytes, bystander, gateway };
  });
  for (const { report, residentBytes, bystander, gateway } of await Promise.all(accounts)) {
    if (process.env.FUZZ_DEBUG) console.log(residentBytes.map((x) => (x / 1e6) | 0).join(" "), bystander.acknowledged, bystander.longestWaitMs, report.counts);
    expect(report.failures, `seed ${seed}`).toEqual([]);
    expect(gateway.said, `seed ${seed}`).not.toMatch(/ERROR|FATAL/);
    expect(bystander.fault).toBeUndefined();
    expect(bystander.acknowledged).toBeGreaterThan(share / 10_000);
    expect(bystander.longestWaitMs).toBeLessThan(BYSTANDER_WAIT_MS_MAX);
    if (total >= WARM_FROM) {
      const warm = residentBytes.slice(SAMPLES / 4);
      expect(Math.max(...warm) - warm[0], `seed ${seed}: ${residentBytes}`).toBeLessThan(GROWTH_BYTES_MAX);
    }
    // Both verdicts must be there in numbers, or agreement says nothing.
    expect(report.counts.open).toBeGreaterThan(share / 10);
    expect(report.counts.ended).toBeGreaterThan(share / 4);
    expect(report.counts.waiting).toBeGreaterThan(share / 1000);
  }
});
