// `sluice demo`: the gateway with fifty simulated devices, a line a second of what it does, and at the end what has
// become of it all.

import type { Command } from 'commander';
import { SluiceError } from '../../config/errors.ts';
import type { DeviceFleet } from '../../simulator/fleet/device-fleet.ts';
import { LatencyHistogram } from '../../simulator/latency-histogram.ts';
import { createDemoFleet, type DemoFleet, demoScenario } from '../../simulator/run/demo-fleet.ts';
import type { Gateway, GatewayStatus } from '../gateway.ts';
import { DemoArrivals } from './demo-arrivals.ts';
import { loadSettings } from './load-settings.ts';
import { type Companion, runGateway } from './start.ts';

const LINE_INTERVAL_MS = 1000;
const STOP_FLEET_MS = 2000;
/** For what is on its way when it ends. */
const DRAIN_MS = 2000;
const ASK_EVERY_MS = 100;

export function registerDemo(program: Command): void {
  program
    .command('demo')
    .description('Run the gateway with simulated devices and show what it does.')
    .option('-c, --config <file>', 'configuration file', 'config/default.yaml')
    .option('--devices <n>', 'simulated devices', '50')
    .option('--rate <n>', 'messages per second of each device', '10')
    .action(async ({ config, devices, rate }: { config: string; devices: string; rate: string }) => {
      const settings = loadSettings(config);
      const fleet = { devices: Number(devices), ratePerSecond: Number(rate) };
      if (!isPossible(fleet)) {
        process.stderr.write('sluice: --devices takes a whole number from 1, --rate a number above 0\n');
        process.exitCode = 1;
      } else if (settings === undefined) {
        process.exitCode = 1;
      } else if (!settings.config.access.anonymous) {
        process.stderr.write(
          'sluice: access.anonymous is false, and the devices of the demo have no user name. ' +
            'Name a configuration with access.anonymous: true, or drive devices with sluice simulate --username.\n',
        );
        process.exitCode = 1;
      } else {
        const quiet = { ...settings.config, log: { ...settings.config.log, level: 'warn' as const } };
        await runGateway({ ...settings, config: quiet }, (gateway) => runFleet(gateway, fleet));
      }
    });
}

interface FleetSize {
  devices: number;
  ratePerSecond: number;
}

function isPossible({ devices, ratePerSecond }: FleetSize): boolean {
  return Number.isInteger(devices) && devices >= 1 && ratePerSecond > 0;
}

async function runFleet(gateway: Gateway, options: FleetSize): Promise<Companion> {
  const url = gateway.listenerUrls[0];
  const devices = fleetOf(url, options);
  const { fleet } = devices;
  const { upstreamUrl } = gateway;
  const arrivals = upstreamUrl === null ? null : await DemoArrivals.listen(devices, upstreamUrl);
  const deliveredBefore = deliveredOf(await gateway.status());
  const startEpochMs = devices.start();
  arrivals?.begin(startEpochMs);
  process.stdout.write(
    `${options.devices} devices publish ${options.ratePerSecond} messages a second each to ${url}; Ctrl-C stops\n`,
  );
  process.stdout.write(`${HEADINGS}\n`);
  const timer = setInterval(() => {
    gateway.status().then(
      (status) => process.stdout.write(`${lineOf(status, fleet, deliveredBefore)}\n`),
      () => clearInterval(timer), // the gateway is stopping
    );
  }, LINE_INTERVAL_MS);
  return {
    async stop() {
      clearInterval(timer);
      await fleet.stop(STOP_FLEET_MS);
      const status = await drained(gateway);
      if (status === undefined) return;
      const verdict = await arrivals?.verdict(pendingOf(status));
      process.stdout.write(summaryOf(status, { deliveredBefore, verdict }));
    },
  };
}

/** The figures once nothing is pending any more, or the time for it is over; undefined: it has ended. */
async function drained(gateway: Gateway): Promise<GatewayStatus | undefined> {
  const endMs = performance.now() + DRAIN_MS;
  for (;;) {
    const status = await gateway.status().catch(() => undefined);
    if (status === undefined || pendingOf(status) === 0 || performance.now() > endMs) return status;
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
  }
}

function summaryOf(
  status: GatewayStatus,
  { deliveredBefore, verdict }: { deliveredBefore: number; verdict: string | undefined },
): string {
  const { counters, commits } = status;
  const counts = [
    `${counters.received} received`,
    `${commits.records} kept`,
    `${deliveredOf(status) - deliveredBefore} delivered`,
    `${pendingOf(status)} pending`,
  ].join(', ');
  const told = verdict ?? 'not known: they go to an upstream that is not of this demo';
  return `\n  in all    ${counts}\n  arrived   ${told}\n`;
}

/** Throws SluiceError when there are more devices, or faster ones, than the simulator takes. */
function fleetOf(url: string, size: FleetSize): DemoFleet {
  const loaded = demoScenario({ url, ...size });
  if (loaded.ok) return createDemoFleet(loaded.scenario, url);
  const { path, message, hint } = loaded.problems[0];
  throw new SluiceError('SCENARIO', `no such fleet: ${path} ${message}`, { kind: 'permanent', hint });
}

const HEADINGS = [
  'connected',
  ' received',
  '     kept',
  'delivered',
  '  pending',
  'ack p50/p99 ms',
  ' bytes in',
  'upstream',
].join('  ');

/** Over the life of the store. */
function deliveredOf({ store }: GatewayStatus): number {
  return store.books.reduce((sum, book) => sum + book.delivered, 0);
}

/** May be of earlier runs. */
function pendingOf({ store }: GatewayStatus): number {
  return store.books.reduce((sum, book) => {
    const lane = store.lanes.find(({ name }) => name === book.lane);
    return sum + (lane?.nextOffset ?? 0) - book.nextOffset;
  }, 0);
}

/** Since the start, but for what is pending. */
function lineOf(status: GatewayStatus, fleet: DeviceFleet, deliveredBefore: number): string {
  const { counters, commits, sinks } = status;
  const delivered = deliveredOf(status) - deliveredBefore;
  const ack = new LatencyHistogram();
  for (const group of fleet.groups) ack.merge(group.takeRecentAck());
  const { p50, p99 } = ack.summary();
  const upstream = sinks.reduce((sum, sink) => sum + sink.bytesUpstream, 0);
  return [
    String(counters.connections).padStart(9),
    String(counters.received).padStart(9),
    String(commits.records).padStart(9),
    String(delivered).padStart(9),
    String(pendingOf(status)).padStart(9),
    `${p50.toFixed(1)} / ${p99.toFixed(1)}`.padStart(14),
    bytes(counters.receivedBytes).padStart(9),
    bytes(upstream).padStart(8),
  ].join('  ');
}

function bytes(count: number): string {
  if (count < 1024) return `${count} B`;
  const power = Math.min(Math.floor(Math.log2(count) / 10), 4);
  return `${(count / 1024 ** power).toFixed(1)} ${' KMGT'[power]}iB`;
}
