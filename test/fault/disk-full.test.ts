// No room: the disk is full, or the buffer has reached its limit. Devices are made to wait - no
// acknowledgement, no disconnect - the gateway says why, and goes on by itself when there is room again.
// Nothing acknowledged is lost.

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { PressureStatus } from '../../gateway/admission/pressure/pressure.ts';
import type { GatewayStatus } from '../../gateway/gateway.ts';
import { DiskFill } from '../../simulator/system/fill-disk.ts';
import type { ServerProcess } from '../../simulator/system/server-process.ts';
import { SmallDisk } from '../../simulator/system/small-disk.ts';
import { NOTHING_WRONG } from '../support/delivery-account.ts';
import { FaultRig } from '../support/fault-rig.ts';
import { GatewayProcess, type LogLine } from '../support/gateway-process.ts';
import { canMount } from '../support/machine-tools.ts';
import { hasMosquitto } from '../support/mosquitto.ts';
import { waitFor } from '../support/wait-for.ts';

const MiB = 1024 * 1024;
const STALLED = 'no room to store: devices are made to wait, nothing is lost';
const RESUMED = 'room again: storing goes on';
/** No acknowledgement for so long, with messages waiting for one, is a stall. */
const SILENCE_MS = 700;

describe.skipIf(!hasMosquitto() || !canMount())('a full disk', () => {
  test.each([0, 4 * MiB])(
    'stalls devices until there is room, keeping %i bytes free',
    async (minFreeDiskBytes) => {
      await using disk = SmallDisk.mount(48 * MiB);
      using ballast = new DiskFill(disk.directory);
      await using rig = await FaultRig.create({
        dataDir: join(disk.directory, 'data'),
        settings: { buffer: { minFreeDiskBytes } },
        load: { messagesPerSecond: 4000 },
      });
      const { gateway, fleet, network } = rig;
      network.set({ isRefusing: true });
      await gateway.server.start();
      fleet.start();
      await waitFor(() => fleet.acknowledged > 1000, { what: 'acknowledgements' });
      ballast.fill(0);
      await stalled(rig);
      expect(gateway.said(STALLED)).toMatchObject({ level: 'warn', reason: 'disk-full' });

      const acknowledged = fleet.acknowledged;
      ballast.release();
      await waitFor(() => fleet.acknowledged > acknowledged + 1000, {
        what: 'acknowledgements when there is room again',
      });
      expect(gateway.said(RESUMED)).toBeDefined();
      network.set({ isRefusing: false });
      await rig.finish();
      expect(rig.verdict).toEqual(NOTHING_WRONG);
      expect(fleet).toMatchObject({ disconnects: 0, refused: 0 });
    },
  );

  test('does not keep the gateway from starting after a kill, nor from delivering what it has', async () => {
    await using disk = SmallDisk.mount(48 * MiB);
    using ballast = new DiskFill(disk.directory);
    await using rig = await FaultRig.create({
      dataDir: join(disk.directory, 'data'),
      settings: { buffer: { minFreeDiskBytes: 0 } },
      load: { messagesPerSecond: 4000 },
    });
    const { gateway, fleet, network, upstream } = rig;
    network.set({ isRefusing: true });
    await gateway.server.start();
    fleet.start();
    await waitFor(() => fleet.acknowledged > 1000, { what: 'acknowledgements' });
    ballast.fill(0);
    await stalled(rig);
    await gateway.server.kill();
    ballast.fill(0);
    gateway.server.launch();
    network.set({ isRefusing: false });
    await upstream.receivedAll(fleet.devices);

    ballast.release();
    await gateway.server.accepting();
    await rig.finish();
    expect(rig.verdict).toEqual(NOTHING_WRONG);
    expect(fleet).toMatchObject({ sessionsLost: 0, refused: 0 });
  });
});

describe.skipIf(!canMount())('a start on a full disk', () => {
  const NO_ROOM = /^no room on the disk to open the store .* no device is let in until there is room$/;
  const sinks = (name: string) => ({ sinks: { [name]: { type: 'mqtt', url: 'mqtt://127.0.0.1:1' } } });
  const before = { settings: sinks('cloud'), stop: (server: ServerProcess) => server.stop() };

  test.each([
    ['of a new gateway', { before: null, settings: sinks('cloud') }],
    ['after a stop in order', { before, settings: sinks('cloud') }],
    [
      'after a kill, with a sink more',
      { before: { ...before, stop: (server: ServerProcess) => server.kill() }, settings: sinks('another') },
    ],
  ])('%s says so once, and lets devices in when there is room', async (_, { before, settings }) => {
    await using disk = SmallDisk.mount(16 * MiB);
    using ballast = new DiskFill(disk.directory);
    const dataDir = join(disk.directory, 'data');
    if (before !== null) {
      await using earlier = await GatewayProcess.start({ settings: before.settings, dataDir });
      await before.stop(earlier.server);
    }
    ballast.fill(0);
    await using gateway = await GatewayProcess.create({ settings, dataDir });
    gateway.server.launch();
    await waitFor(() => gateway.said(NO_ROOM) !== undefined, { what: () => gateway.server.output });
    expect(gateway.said(NO_ROOM)).toMatchObject({
      level: 'error',
      hint: expect.stringMatching(/^Make some room/),
    });
    expect(gateway.said('listening')).toBeUndefined();
    ballast.release();
    await gateway.server.accepting();
    expect(gateway.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
    expect(gateway.server.starts).toBe(1);
  });

  test('can be stopped while it waits for room', async () => {
    await using disk = SmallDisk.mount(16 * MiB);
    using ballast = new DiskFill(disk.directory);
    ballast.fill(0);
    const dataDir = join(disk.directory, 'data');
    await using gateway = await GatewayProcess.create({ settings: sinks('cloud'), dataDir });
    gateway.server.launch();
    await waitFor(() => gateway.said(NO_ROOM) !== undefined, { what: () => gateway.server.output });
    expect(await gateway.server.stop()).toMatchObject({ code: 0 });
  });
});

describe.skipIf(!hasMosquitto())('a buffer at its limit', () => {
  test('stalls devices until the upstream is back, and never takes more than it may', async () => {
    const maxBytes = 8 * MiB;
    await using rig = await FaultRig.create({
      settings: {
        buffer: { maxBytes, compression: 'none', checkpointBytes: 1 * MiB, tailBytes: 256 * 1024 },
        pressure: { commitMs: SILENCE_MS / 2 },
      },
      load: { fillerBytes: 600 },
    });
    const { gateway, fleet, network } = rig;
    network.set({ isRefusing: true });
    await gateway.server.start();
    const files = ['sluice.db', 'sluice.db-wal'].map((name) => join(gateway.dataDir, name));
    const usedBytes = () =>
      files.reduce((sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0), 0);
    let highestBytes = 0;
    const sampler = setInterval(() => {
      highestBytes = Math.max(highestBytes, usedBytes());
    }, 2);
    try {
      fleet.start();
      await stalled(rig);
      expect(gateway.said(STALLED)).toMatchObject({ level: 'warn', reason: 'buffer-full' });
      expect(highestBytes).toBeGreaterThan(maxBytes / 2);
      // A commit has now taken longer than `commitMs`, and not because the disk is slow.
      const pressure = await pressureOf(gateway);
      expect(pressure).toMatchObject({ value: 1, source: 'buffer' });
      expect(pressure.levels.commit).toBeLessThan(1);

      const acknowledged = fleet.acknowledged;
      network.set({ isRefusing: false });
      await waitFor(() => fleet.acknowledged > 2 * acknowledged, { what: 'as many acknowledgements again' });
      expect(gateway.said(RESUMED)).toBeDefined();
      await rig.finish();
    } finally {
      clearInterval(sampler);
    }
    expect(rig.verdict).toEqual(NOTHING_WRONG);
    expect(fleet).toMatchObject({ disconnects: 0, refused: 0 });
    expect(highestBytes).toBeLessThanOrEqual(maxBytes);
  });
});

/** The gateway says so, and for a while no device gets an acknowledgement. */
async function stalled({ gateway, fleet }: FaultRig): Promise<void> {
  const isStalled = () =>
    gateway.said(STALLED) !== undefined && fleet.inFlight > 0 && fleet.silentMs > SILENCE_MS;
  await waitFor(isStalled, { what: 'devices to be made to wait' });
}

/** As its line of status has it. */
async function pressureOf(gateway: GatewayProcess): Promise<PressureStatus> {
  gateway.server.signal('SIGUSR2');
  await waitFor(() => gateway.said('status') !== undefined, { what: 'the status' });
  const line = gateway.said('status') as LogLine;
  return (line.status as GatewayStatus).admission.pressure;
}
