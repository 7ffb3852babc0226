// Carries out one fault of a phase, from its beginning to its end or the phase's, and puts right what it has made
// wrong. Its times are those of the plan, counted from the run's start: what comes late does not make the next late.
//
// How fast devices speak (`rate`, `silence`) is no deed of the moment: it is part of their clock from the start
// (rate-plan.ts), and only told here.

import { formatQuantity } from '../../config/schema/units.ts';
import { formatDataRate, parseDataRate } from '../faults/data-rate.ts';
import type { LinkProxy } from '../faults/link-proxy.ts';
import type { FaultSettings } from '../scenario/scenario-settings.ts';
import type { FaultStage } from './fault-stage.ts';
import type { LinkHarm, LinkHarms } from './link-harm.ts';
import type { GatewayControl } from './system-under-test.ts';
import { wait } from './wait.ts';

type Of<T extends FaultSettings['type']> = Extract<FaultSettings, { type: T }>;
type Repeated = { after: number; times: number; every: number };
type Lasting = { after: number; for: number };

/** As planned, on the run's clock. */
export interface PhaseTime {
  fromMs: number;
  toMs: number;
  /** Aborted when it is over. */
  end: AbortSignal;
}

interface Scene {
  stage: FaultStage;
  phase: PhaseTime;
}

/** Rejects when the system does not come back. */
export async function runFault(fault: FaultSettings, stage: FaultStage, phase: PhaseTime): Promise<void> {
  const scene: Scene = { stage, phase };
  switch (fault.type) {
    case 'link-cut':
      return await onLink(fault, scene, { name: 'upstream cut', cuts: true, isRefusing: true });
    case 'link-slow':
      return await onLink(fault, scene, slow(fault));
    case 'link-blackhole':
      return await onLink(fault, scene, { name: 'upstream is a black hole', isBlackhole: true });
    case 'link-deaf': // it takes connections and everything that is sent, and never acknowledges
      return await onLink(fault, scene, {
        name: 'upstream answers nothing',
        isBlackhole: true,
        downOnly: true,
      });
    case 'link-freeze':
      return await onLink(fault, scene, { name: 'upstream link frozen', isFrozen: true });
    case 'link-reset':
      return await repeat(fault, scene, {
        name: 'link reset',
        act: async () => {
          stage.instant('link reset');
          linkOf(stage).cut();
          return true;
        },
      });
    case 'gateway-kill':
      return await restart(fault, scene, {
        name: 'gateway kill -9',
        end: (gateway) => gateway.kill(),
      });
    case 'gateway-stop':
      return await restart(fault, scene, {
        name: 'gateway stopped',
        end: (gateway) => gateway.stop(),
      });
    case 'power-cut':
      return await restart(fault, scene, {
        name: 'power cut',
        end: (gateway) => gateway.cutPower(),
      });
    case 'disk-full':
      return await fillDisk(fault, scene);
    case 'reconnect-storm':
      return await repeat(fault, scene, {
        name: 'reconnect storm',
        act: async () => {
          stage.instant('reconnect storm');
          for (const group of stage.groups(fault.groups)) group.drop();
          return true;
        },
      });
    case 'rate':
      return await tellRate(fault, scene);
    case 'silence':
      return await silence(fault, scene);
  }
}

interface LinkFault extends LinkHarm {
  name: string;
  /** Connections there are end, too. */
  cuts?: boolean;
}

function slow({ bandwidth, latency, jitter }: Of<'link-slow'>): LinkFault {
  const bytesPerSecond = bandwidth === '' ? 0 : (parseDataRate(bandwidth) ?? 0);
  const words = [
    ...(bytesPerSecond > 0 ? [formatDataRate(bytesPerSecond)] : []),
    ...(latency > 0 ? [`${formatQuantity('duration', latency)} more latency`] : []),
    ...(jitter > 0 ? [`${formatQuantity('duration', jitter)} jitter`] : []),
  ];
  return { name: `link: ${words.join(', ')}`, bytesPerSecond, latencyMs: latency, jitterMs: jitter };
}

async function onLink(fault: Lasting, scene: Scene, { name, cuts, ...harm }: LinkFault): Promise<void> {
  if (!(await due(fault.after, scene))) return;
  const { stage } = scene;
  const harms = harmsOf(stage);
  const span = stage.begin(name);
  harms.begin(harm);
  if (cuts) linkOf(stage).cut();
  await over(fault, scene);
  harms.end(harm);
  stage.end(span);
}

async function restart(
  fault: Repeated & { down: number },
  scene: Scene,
  { name, end }: { name: string; end: (gateway: GatewayControl) => Promise<void> },
): Promise<void> {
  const { stage, phase } = scene;
  const gateway = gatewayOf(stage);
  const act = async (): Promise<boolean> => {
    let isDone = false;
    await stage.inTurn(async () => {
      if (phase.end.aborted) return; // while it waited for its turn
      isDone = true;
      const span = stage.begin(name);
      await end(gateway);
      await wait(fault.down, phase.end);
      await gateway.start(); // also when the phase is over: it is not left dead
      stage.end(span);
    });
    return isDone;
  };
  await repeat(fault, scene, { name, act });
}

async function fillDisk(fault: Of<'disk-full'>, scene: Scene): Promise<void> {
  if (!(await due(fault.after, scene))) return;
  const { stage } = scene;
  const gateway = gatewayOf(stage);
  const span = stage.begin(`disk full but for ${formatQuantity('bytes', fault.free)}`);
  stage.fillDisk(gateway, span, fault.free);
  await over(fault, scene);
  stage.releaseDisk(gateway, span);
  stage.end(span);
}

/** No fault but a change, which is told when it comes, and when it is over before its phase. */
async function tellRate(fault: Of<'rate'>, scene: Scene): Promise<void> {
  if (!(await due(fault.after, scene))) return;
  const { stage, phase } = scene;
  const who = fault.groups.length === 0 ? 'devices' : fault.groups.join(', ');
  stage.mark(`${who} at ${fault.percent} % of their rate`);
  const endMs = fault.after + fault.for;
  if (fault.for === 0 || phase.fromMs + endMs >= phase.toMs || !(await due(endMs, scene))) return;
  stage.mark(`${who} as fast as before`);
}

async function silence(fault: Of<'silence'>, scene: Scene): Promise<void> {
  if (!(await due(fault.after, scene))) return;
  const { stage } = scene;
  const span = stage.begin(fault.disconnect ? 'nobody is connected' : 'silence');
  const devices = fault.disconnect ? stage.groups().flatMap((group) => group.devices) : [];
  await Promise.all(devices.map((device) => device.keepAway(GOODBYE_MS)));
  await over(fault, scene);
  for (const device of devices) device.letBack();
  stage.end(span);
}

const GOODBYE_MS = 2000;

/**
 * Does it `times` times; the last one may still be under way when the phase ends. `act` says whether it has come to
 * it.
 */
async function repeat(
  { after, times, every }: Repeated,
  scene: Scene,
  { name, act }: { name: string; act: () => Promise<boolean> },
): Promise<void> {
  for (let done = 0; done < times; done++) {
    if ((await due(after + done * every, scene)) && (await act())) continue;
    scene.stage.remark(`${name}: ${done} of ${times} times, then its phase was over.`);
    return;
  }
}

/** Waits until so long after the phase's beginning; false: it is over before. */
function due(afterMs: number, { stage, phase }: Scene): Promise<boolean> {
  return wait(phase.fromMs + afterMs - stage.nowMs(), phase.end);
}

async function over(fault: Lasting, scene: Scene): Promise<void> {
  await due(fault.for === 0 ? Number.POSITIVE_INFINITY : fault.after + fault.for, scene);
}

/** Scenarios that have none are refused when they are loaded. */
function linkOf({ system }: FaultStage): LinkProxy {
  if (system.link === null) throw new Error('this system has no link of ours');
  return system.link;
}

function harmsOf({ linkHarms }: FaultStage): LinkHarms {
  if (linkHarms === null) throw new Error('this system has no link of ours');
  return linkHarms;
}

function gatewayOf({ system }: FaultStage): GatewayControl {
  if (system.gateway === null) throw new Error('this gateway is not ours');
  return system.gateway;
}
