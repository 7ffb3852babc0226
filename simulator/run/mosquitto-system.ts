// The rival: a mosquitto that bridges everything to another mosquitto, with the settings that its manual
// recommends for keeping messages, and the same link between the two that a Sluice gateway gets.

import { SluiceError } from '../../config/errors.ts';
import { LinkProxy } from '../faults/link-proxy.ts';
import type { System } from '../scenario/scenario-settings.ts';
import { MosquittoProcess, type MosquittoSettings } from '../system/mosquitto-process.ts';
import type { SystemUnderTest } from './system-under-test.ts';
import { startUpstreamBroker } from './upstream-broker.ts';

const STOP_DEADLINE_MS = 15_000;

export async function startMosquittoSystem(
  settings: Extract<System, { type: 'mosquitto-bridge' }>,
  seed: number,
): Promise<SystemUnderTest> {
  await using stack = new AsyncDisposableStack();
  const upstream = stack.use(await startUpstreamBroker('mosquitto', noEmbedded));
  const link = stack.use(await LinkProxy.start({ target: { port: upstream.port }, seed }));
  const everySeconds = Math.max(1, Math.round(settings.autosaveInterval / 1000));
  const broker = stack.use(
    await MosquittoProcess.create({
      name: 'the bridging mosquitto',
      autosave: { everySeconds },
      settings: linesOf(settings.settings),
      bridge: { port: link.port },
    }),
  );
  await broker.server.start();
  const { server } = broker;
  const owned = stack.move();
  return {
    gatewayUrl: `mqtt://127.0.0.1:${server.port}`,
    upstreamUrl: `mqtt://127.0.0.1:${upstream.port}`,
    upstreamFilter: settings.upstreamFilter,
    gatewayText: `${broker.version} bridging, persistent, no limits, saved every ${everySeconds} s`,
    upstreamText: upstream.text,
    link,
    gateway: {
      start: () => server.start(),
      kill: () => server.kill(),
      async stop() {
        await server.stop(STOP_DEADLINE_MS);
      },
      cutPower: () => Promise.reject(onlySluice('power-cut')),
      fillDisk: () => {
        throw onlySluice('disk-full');
      },
      releaseDisk: () => {
        throw onlySluice('disk-full');
      },
      get usage() {
        return server.usage;
      },
    },
    ownEndings: () => [...server.ownEndings, ...(upstream.ownEndings?.() ?? [])],
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function noEmbedded(): never {
  throw onlySluice('an embedded upstream');
}

function onlySluice(what: string): SluiceError {
  return new SluiceError('SCENARIO', `${what} is only for system.type: sluice`, { kind: 'permanent' });
}

function linesOf(text: string): MosquittoSettings {
  const lines = text.split('\n').map((line) => line.trim());
  return Object.fromEntries(
    lines
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => {
        const [word, ...rest] = line.split(/\s+/);
        return [word, rest.join(' ')];
      }),
  );
}
