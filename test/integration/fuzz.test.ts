// Hostile bytes over real sockets: some hundred thousand seeded sequences, each a connection of its own, against two
// gateways in processes of their own (one a core). mqtt-packet says what is well-formed. FUZZ_SEED repeats a run,
// FUZZ_SEQUENCES makes it shorter or longer.

import { expect, test } from 'vitest';
import { Bystander } from '../support/bystander.ts';
import { FuzzDriver, type FuzzReport } from '../support/fuzz-driver.ts';
import { FuzzSequences } from '../support/fuzz-sequences.ts';
import { GatewayProcess } from '../support/gateway-process.ts';
import { HeapProbe } from '../support/heap-probe.ts';
import { packetMaxima } from '../support/mqtt-frame-packets.ts';
import { residentBytes } from '../support/resident-memory.ts';

const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
const total = Number(process.env.FUZZ_SEQUENCES ?? 200_000);
const GATEWAYS = 2;
const CONCURRENCY = 128;
const MIB = 1024 * 1024;
/** Of what the gateway still holds after a collection of garbage; and of resident memory, garbage and all. */
const HELD_GROWTH_BYTES_MAX = 12 * MIB;
const RESIDENT_GROWTH_BYTES_MAX = 60 * MIB;
/** Memory is looked at as often; the first quarter is warm-up. */
const RESIDENT_SAMPLES = 40;
const HELD_SAMPLES = 8;
/** A quarter of fewer sequences is not enough to warm up. */
const WARM_FROM = 100_000;
/** Publishing to a gateway that is busy with others takes its turn, but not longer. */
const BYSTANDER_WAIT_MS_MAX = 5000;

const { filtersMax: subscriptionsMax, ...maxima } = packetMaxima;
const settings = {
  mqtt: { ...maxima, subscriptionsMax },
  // Nobody knows the user names that are tried; that is no reason to make whoever comes next wait.
  access: { anonymous: true, failures: { delayMs: 0, delayMaxMs: 0 } },
  // Sequences leave sessions, retained messages and known devices behind: full is reached soon, and then memory stands
  // still.
  sessions: { sessionsMax: 50, queuedMessagesMax: 10, retainedMessagesMax: 20 },
  quotas: { devicesMax: 1000 },
};
/** Every connection that ends is an info line. */
const env = { SLUICE_LOG__LEVEL: 'error' };

/** From the end of the warm-up on. */
function growth(samples: number[]): number {
  const warm = samples.slice(samples.length / 4);
  return Math.max(...warm) - warm[0];
}

interface Account {
  report: FuzzReport;
  heldBytes: number[];
  residentBytes: number[];
  bystander: Bystander;
  gateway: GatewayProcess;
}

async function fuzz(sequences: FuzzSequences, from: number, to: number): Promise<Account> {
  using probe = new HeapProbe();
  await using gateway = await GatewayProcess.start({ settings, env: { ...env, ...probe.env } });
  const { port } = gateway;
  const { pid } = gateway.server;
  await using bystander = await Bystander.start(port, 50);
  const held: Promise<number>[] = [];
  const resident: number[] = [];
  const isSample = (done: number, samples: number) => done % Math.ceil((to - from) / samples) === 0;
  const progress = (done: number): void => {
    if (!gateway.server.isRunning) return;
    if (isSample(done, RESIDENT_SAMPLES)) resident.push(residentBytes(pid!));
    if (isSample(done, HELD_SAMPLES)) held.push(probe.heldBytes(gateway));
  };
  const report = await new FuzzDriver({
    port,
    sequences,
    from,
    to,
    concurrency: CONCURRENCY,
    progress,
  }).run();
  expect(gateway.server.pid, `seed ${seed}: ${gateway.errorOutput}`).toBe(pid);
  return { report, heldBytes: await Promise.all(held), residentBytes: resident, bystander, gateway };
}

test(`hostile bytes end their own connection and nothing else, well-formed ones do not (seed ${seed})`, async () => {
  const sequences = new FuzzSequences(seed, {
    frames: 20_000,
    mutatedPercent: 25,
    mutatedConnectPercent: 70,
  });
  const share = Math.ceil(total / GATEWAYS);
  const shares = Array.from({ length: GATEWAYS }, (_, i) => fuzz(sequences, i * share, (i + 1) * share));
  for (const { report, bystander, gateway, ...memory } of await Promise.all(shares)) {
    expect(report.failures, `seed ${seed}`).toEqual([]);
    expect(gateway.lines, `seed ${seed}: a fault that nobody noticed`).toEqual([]);
    expect(bystander.fault).toBeUndefined();
    expect(bystander.acknowledged).toBeGreaterThan(share / 10_000);
    expect(bystander.longestWaitMs).toBeLessThan(BYSTANDER_WAIT_MS_MAX);
    if (total >= WARM_FROM) {
      const why = `seed ${seed}: ${JSON.stringify(memory)}`;
      expect(growth(memory.heldBytes), why).toBeLessThan(HELD_GROWTH_BYTES_MAX);
      expect(growth(memory.residentBytes), why).toBeLessThan(RESIDENT_GROWTH_BYTES_MAX);
    }
    // Both verdicts must be there in numbers, or agreement says nothing.
    expect(report.counts.open).toBeGreaterThan(share / 10);
    expect(report.counts.ended).toBeGreaterThan(share / 4);
    expect(report.counts.waiting).toBeGreaterThan(share / 1000);
  }
});
