// A Sluice gateway of the run's own: its process, its data, the link to its upstream, and that upstream.

import { parse } from 'yaml';
import { messageOf, SluiceError } from '../../config/errors.ts';
import { LinkProxy } from '../faults/link-proxy.ts';
import type { System } from '../scenario/scenario-settings.ts';
import { DiskFill } from '../system/fill-disk.ts';
import { PowerCut } from '../system/power-cut.ts';
import { SluiceProcess } from '../system/sluice-process.ts';
import { SmallDisk } from '../system/small-disk.ts';
import type { GatewayControl, SystemUnderTest } from './system-under-test.ts';
import { type EmbeddedBroker, startUpstreamBroker } from './upstream-broker.ts';

export interface SluiceSystemOptions {
  settings: Extract<System, { type: 'sluice' }>;
  /** What runs `sluice`: program and first arguments. */
  command: readonly string[];
  embedded: EmbeddedBroker;
  seed: number;
  /** Of powercut.c. */
  powerCutSource: string;
}

const TMPFS_BYTES = 256 * 1024 * 1024;
const STOP_DEADLINE_MS = 15_000;

export async function startSluiceSystem(options: SluiceSystemOptions): Promise<SystemUnderTest> {
  const { settings, command, embedded, seed } = options;
  const { sinks, ...rest } = settingsOf(settings.settings, 'system.settings');
  const sink = settingsOf(settings.sink, 'system.sink');
  await using stack = new AsyncDisposableStack();
  const upstream = stack.use(await startUpstreamBroker(settings.upstream, embedded));
  const link = stack.use(await LinkProxy.start({ target: { port: upstream.port }, seed }));
  const disk = settings.disk === 'tmpfs' ? stack.use(SmallDisk.mount(TMPFS_BYTES)) : null;
  const gateway = stack.use(
    await SluiceProcess.create({
      command,
      settings: {
        ...rest,
        upstream: { embedded: false },
        sinks: sinks ?? { cloud: { type: 'mqtt', ...sink } },
      },
      upstreamUrl: `mqtt://127.0.0.1:${link.port}`,
      ...(disk === null ? {} : { dataDir: `${disk.directory}/data` }),
    }),
  );
  const control = controlOf(gateway, { disk, stack, options });
  stack.defer(() => gateway.server.kill()); // first of all: what follows takes its disk away
  await gateway.server.start();
  const owned = stack.move();
  return {
    gatewayUrl: gateway.url,
    upstreamUrl: `mqtt://127.0.0.1:${upstream.port}`,
    upstreamFilter: settings.upstreamFilter,
    gatewayText: `sluice ${gateway.version}${described(settings)}`,
    upstreamText: upstream.text,
    link,
    gateway: control,
    ownEndings: () => [...gateway.server.ownEndings, ...(upstream.ownEndings?.() ?? [])],
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function controlOf(
  { server, dataDir }: SluiceProcess,
  {
    disk,
    stack,
    options,
  }: { disk: SmallDisk | null; stack: AsyncDisposableStack; options: SluiceSystemOptions },
): GatewayControl {
  const powerCut =
    options.settings.disk === 'power-cut'
      ? stack.use(new PowerCut({ server, dataDir, sourceFile: options.powerCutSource }))
      : null;
  const fill = disk === null ? null : stack.use(new DiskFill(disk.directory));
  return {
    start: () => server.start(),
    kill: () => server.kill(),
    async stop() {
      await server.stop(STOP_DEADLINE_MS);
    },
    async cutPower() {
      await required(powerCut, 'power-cut').cut();
    },
    fillDisk: (leaveFreeBytes) => required(fill, 'tmpfs').fill(leaveFreeBytes),
    releaseDisk: () => required(fill, 'tmpfs').release(),
    get usage() {
      return server.usage;
    },
  };
}

function required<T>(part: T | null, disk: string): T {
  if (part !== null) return part;
  throw new SluiceError('SCENARIO', `this fault needs system.disk: ${disk}`, { kind: 'permanent' });
}

function settingsOf(text: string, path: string): Record<string, unknown> {
  const settings = parsed(text, path) ?? {};
  if (typeof settings === 'object' && !Array.isArray(settings)) return settings as Record<string, unknown>;
  throw new SluiceError('SCENARIO', `${path} is not a map of settings`, {
    kind: 'permanent',
    hint: 'Write YAML with keys and values, as in the configuration of the gateway.',
  });
}

function parsed(text: string, path: string): unknown {
  try {
    return parse(text);
  } catch (cause) {
    throw new SluiceError('SCENARIO', `${path} is no YAML: ${messageOf(cause)}`, {
      kind: 'permanent',
      cause,
    });
  }
}

function described({ settings, sink }: Extract<System, { type: 'sluice' }>): string {
  const words = [settings, sink]
    .map((text) => text.trim().replaceAll(/\s+/g, ' '))
    .filter((text) => text !== '');
  return words.length === 0 ? ', default settings' : `; ${words.join('; ')}`;
}
