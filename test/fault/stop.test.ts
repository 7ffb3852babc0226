// The end of the process, and starts that cannot be. Signals: the first one stops in order, the second one at
// once, and neither loses anything. What a person got wrong is told in one line, with what to do, and never
// as a stack trace.

import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { NOTHING_WRONG } from '../support/delivery-account.ts';
import { FaultRig } from '../support/fault-rig.ts';
import { GatewayProcess, type GatewaySettings } from '../support/gateway-process.ts';
import { hasMosquitto } from '../support/mosquitto.ts';
import { waitFor } from '../support/wait-for.ts';

const STOP_MS = 10_000;
/** In order it would wait some four seconds for the upstream. */
const AT_ONCE_MS = 3000;

describe.skipIf(!hasMosquitto())('a gateway under load', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)(
    'stops in order on %s, and what it had acknowledged is there at the next start',
    async (signal) => {
      await using rig = await FaultRig.create({ load: { messagesPerSecond: 5000 } });
      const { gateway, fleet } = rig;
      await gateway.server.start();
      fleet.start();
      await waitFor(() => fleet.acknowledged > 2000, { what: 'acknowledgements' });
      const beginMs = performance.now();
      gateway.server.signal(signal);
      expect(await gateway.server.exited).toEqual({ code: 0, signal: null });
      expect(performance.now() - beginMs).toBeLessThan(STOP_MS);
      expect(gateway.errorOutput).toBe('');
      await gateway.server.start();
      await expectNothingLost(rig);
      expect(gateway.said('store open')).toMatchObject({ outcome: 'opened', lastStopWasClean: true });
    },
  );

  test('stops in order although the upstream answers nothing any more', async () => {
    await using rig = await FaultRig.create({ load: { messagesPerSecond: 5000 } });
    const { gateway, network } = rig;
    await startWithDeadUpstream(rig);
    const beginMs = performance.now();
    expect(await gateway.server.stop()).toEqual({ code: 0, signal: null });
    expect(performance.now() - beginMs).toBeLessThan(STOP_MS);
    network.set({ isBlackhole: false });
    await gateway.server.start();
    await expectNothingLost(rig);
  });

  test('ends at once on a second signal, and loses nothing', async () => {
    await using rig = await FaultRig.create({ load: { messagesPerSecond: 5000 } });
    const { gateway, network } = rig;
    await startWithDeadUpstream(rig);
    gateway.server.signal('SIGINT');
    await waitFor(() => gateway.said(/^stopping/) !== undefined, { what: 'the gateway to begin to stop' });
    const beginMs = performance.now();
    gateway.server.signal('SIGINT');
    const { code, signal } = await gateway.server.exited;
    expect(performance.now() - beginMs).toBeLessThan(AT_ONCE_MS);
    expect(signal).toBeNull();
    expect(code).not.toBe(0);
    network.set({ isBlackhole: false });
    await gateway.server.start();
    await expectNothingLost(rig);
  });
});

describe('a start that cannot be', () => {
  test('is refused in one line when another gateway has the data', async () => {
    await using first = await GatewayProcess.start();
    await using second = await GatewayProcess.create({ dataDir: first.dataDir });
    await expectRefusal(second, first.dataDir);
    expect(first.server.isRunning).toBe(true);
  });

  test('is refused in one line when the port is taken', async () => {
    await using gateway = await GatewayProcess.create();
    const other = createServer().listen(gateway.port, '127.0.0.1');
    try {
      await expectRefusal(gateway, String(gateway.port));
    } finally {
      other.close();
    }
  });

  test('is refused in one line when the data directory cannot be made', async () => {
    await using gateway = await GatewayProcess.create({ dataDir: '/proc/sluice' });
    await expectRefusal(gateway, '/proc/sluice');
  });

  test.each<[string, GatewaySettings, RegExp]>([
    ['an unknown key', { commit: { lingerMS: 5 } }, /commit\.lingerMS.*lingerMs/],
    ['a value that is none', { buffer: { maxBytes: 'plenty' } }, /buffer\.maxBytes/],
  ])('is refused in one line because of %s', async (_what, settings, line) => {
    await using gateway = await GatewayProcess.create({ settings });
    await expectRefusal(gateway, line);
  });
});

/** Batches are under way and will not be acknowledged: stopping in order takes its time. */
async function startWithDeadUpstream({ gateway, fleet, network, upstream }: FaultRig): Promise<void> {
  await gateway.server.start();
  fleet.start();
  await waitFor(() => upstream.account.messages > 500, { what: 'messages upstream' });
  network.set({ isBlackhole: true });
  const acknowledged = fleet.acknowledged;
  await waitFor(() => fleet.acknowledged > acknowledged + 2000, { what: 'acknowledgements' });
}

async function expectNothingLost(rig: FaultRig): Promise<void> {
  await rig.finish();
  expect(rig.verdict).toEqual(NOTHING_WRONG);
  expect(rig.fleet).toMatchObject({ sessionsLost: 0, refused: 0 });
}

/** One line that names what is wrong, non-zero, and nothing else that looks like a crash. */
async function expectRefusal(gateway: GatewayProcess, what: string | RegExp): Promise<void> {
  gateway.server.launch();
  const { code } = await gateway.server.exited;
  const lines = gateway.errorOutput.trimEnd().split('\n');
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(what);
  expect(code).toBeGreaterThan(0);
  for (const { err } of gateway.lines) expect(err).toBeUndefined();
}
