// Carries out one fault of a phase, from its beginning to its end or the phase's, and puts right what it has made
// wrong.

import { formatQuantity } from '../../config/schema/units.ts';
import { formatDataRate, parseDataRate } from '../faults/data-rate.ts';
import type { LinkFaultChange } from '../faults/link-faults.ts';
import type { LinkProxy } from '../faults/link-proxy.ts';
import type { FaultSettings } from '../scenario/scenario-settings.ts';
import type { FaultStage } from './fault-stage.ts';
import type { GatewayControl } from './system-under-test.ts';
import { wait } from './wait.ts';

type Of<T extends FaultSettings['type']> = Extract<FaultSettings, { type: T }>;
type Repeated = { after: number; times: number; every: number };
type Lasting = { after: number; for: number };

/** `phaseEnd` is aborted when the phase is over. Rejects when the system does not come back. */
export async function runFault(
  fault: FaultSettings,
  stage: FaultStage,
  phaseEnd: AbortSignal,
): Promise<void> {
  switch (fault.type) {
    case 'link-cut':
      return await onLink(fault, stage, phaseEnd, { name: 'upstream cut', ...CUT });
    case 'link-slow':
      return await onLink(fault, stage, phaseEnd, slow(fault));
    case 'link-blackhole':
      return await onLink(fault, stage, phaseEnd, { name: 'upstream is a black hole', ...BLACKHOLE });
    case 'link-deaf':
      return await onLink(fault, stage, phaseEnd, { name: 'upstream answers nothing', ...DEAF });
    case 'link-freeze':
      return await onLink(fault, stage, phaseEnd, { name: 'upstream link frozen', ...FREEZE });
    case 'link-reset':
      return await repeat(fault, phaseEnd, async () => {
        stage.instant('link reset');
        linkOf(stage).cut();
      });
    case 'gateway-kill':
      return await restart(fault, stage, phaseEnd, {
        name: 'gateway kill -9',
        end: (gateway) => gateway.kill(),
      });
    case 'gateway-stop':
      return await restart(fault, stage, phaseEnd, {
        name: 'gateway stopped',
        end: (gateway) => gateway.stop(),
      });
    case 'power-cut':
      return await restart(fault, stage, phaseEnd, {
        name: 'power cut',
        end: (gateway) => gateway.cutPower(),
      });
    case 'disk-full':
      return await fillDisk(fault, stage, phaseEnd);
    case 'reconnect-storm':
      return await repeat(fault, phaseEnd, async () => {
        stage.instant('reconnect storm');
        for (const group of stage.groups(fault.groups)) group.drop();
      });
    case 'rate':
      return await changeRate(fault, stage, phaseEnd);
    case 'silence':
      return await silence(fault, stage, phaseEnd);
  }
}

interface LinkFault {
  name: string;
  /** Connections there are end, too. */
  cuts?: boolean;
  losesBytes?: boolean;
  change: LinkFaultChange;
  heal: LinkFaultChange;
}

const CUT = { cuts: true, change: { isRefusing: true }, heal: { isRefusing: false } } as const;
/** When it is over the connections are cut: what was lost in it is missing in their streams. */
const BLACKHOLE = { losesBytes: true, change: { isBlackhole: true }, heal: { isBlackhole: false } } as const;
/** It takes connections and everything that is sent, and never acknowledges. */
const DEAF = {
  losesBytes: true,
  change: { down: { isBlackhole: true } },
  heal: { down: { isBlackhole: false } },
} as const;
const FREEZE = { change: { isFrozen: true }, heal: { isFrozen: false } } as const;

function slow({ bandwidth, latency, jitter }: Of<'link-slow'>): LinkFault {
  const bytesPerSecond = bandwidth === '' ? 0 : (parseDataRate(bandwidth) ?? 0);
  const words = [
    ...(bytesPerSecond > 0 ? [formatDataRate(bytesPerSecond)] : []),
    ...(latency > 0 ? [`${formatQuantity('duration', latency)} more latency`] : []),
    ...(jitter > 0 ? [`${formatQuantity('duration', jitter)} jitter`] : []),
  ];
  return {
    name: `link: ${words.join(', ')}`,
    change: { bytesPerSecond, latencyMs: latency, jitterMs: jitter },
    heal: { bytesPerSecond: 0, latencyMs: 0, jitterMs: 0 },
  };
}

async function onLink(
  fault: Lasting,
  stage: FaultStage,
  phaseEnd: AbortSignal,
  { name, cuts, losesBytes, change, heal }: LinkFault,
): Promise<void> {
  if (!(await wait(fault.after, phaseEnd))) return;
  const link = linkOf(stage);
  const span = stage.begin(name);
  stage.linkBroken();
  link.set(change);
  if (cuts) link.cut();
  await lasting(fault, phaseEnd);
  link.set(heal);
  if (losesBytes) link.cut();
  stage.end(span);
  stage.linkHealed();
}

async function restart(
  fault: Repeated & { down: number },
  stage: FaultStage,
  phaseEnd: AbortSignal,
  { name, end }: { name: string; end: (gateway: GatewayControl) => Promise<void> },
): Promise<void> {
  const gateway = gatewayOf(stage);
  const once = async () => {
    if (phaseEnd.aborted) return; // while it waited for its turn
    const span = stage.begin(name);
    await end(gateway);
    await wait(fault.down, phaseEnd);
    await gateway.start(); // also when the phase is over: it is not left dead
    stage.end(span);
  };
  await repeat(fault, phaseEnd, () => stage.inTurn(once));
}

async function fillDisk(fault: Of<'disk-full'>, stage: FaultStage, phaseEnd: AbortSignal): Promise<void> {
  if (!(await wait(fault.after, phaseEnd))) return;
  const gateway = gatewayOf(stage);
  const span = stage.begin(`disk full but for ${formatQuantity('bytes', fault.free)}`);
  gateway.fillDisk(fault.free);
  await lasting(fault, phaseEnd);
  gateway.releaseDisk();
  stage.end(span);
}

async function changeRate(fault: Of<'rate'>, stage: FaultStage, phaseEnd: AbortSignal): Promise<void> {
  if (!(await wait(fault.after, phaseEnd))) return;
  const groups = stage.groups(fault.groups);
  const who = fault.groups.length === 0 ? 'devices' : fault.groups.join(', ');
  const span = stage.begin(`${who} at ${fault.percent} % of their rate`);
  for (const group of groups) stage.setRate(group, span, fault.percent / 100);
  await lasting(fault, phaseEnd);
  for (const group of groups) stage.setRate(group, span, 1);
  stage.end(span);
}

async function silence(fault: Of<'silence'>, stage: FaultStage, phaseEnd: AbortSignal): Promise<void> {
  if (!(await wait(fault.after, phaseEnd))) return;
  const span = stage.begin(fault.disconnect ? 'nobody is connected' : 'silence');
  const groups = stage.groups();
  const clients = groups.flatMap(({ devices }) => devices.map(({ client }) => client));
  for (const group of groups) stage.setRate(group, span, 0);
  if (fault.disconnect) await Promise.all(clients.map((client) => client.disconnect(GOODBYE_MS)));
  await lasting(fault, phaseEnd);
  if (fault.disconnect) for (const client of clients) client.connect();
  for (const group of groups) stage.setRate(group, span, 1);
  stage.end(span);
}

const GOODBYE_MS = 2000;

/** Does it `times` times; the last one may still be under way when the phase ends. */
async function repeat(fault: Repeated, phaseEnd: AbortSignal, act: () => Promise<void>): Promise<void> {
  if (!(await wait(fault.after, phaseEnd))) return;
  for (let time = 1; ; time++) {
    await act();
    if (time === fault.times || !(await wait(fault.every, phaseEnd))) return;
  }
}

async function lasting(fault: Lasting, phaseEnd: AbortSignal): Promise<void> {
  await wait(fault.for === 0 ? Number.POSITIVE_INFINITY : fault.for, phaseEnd);
}

/** Scenarios that have none are refused when they are loaded. */
function linkOf({ system }: FaultStage): LinkProxy {
  if (system.link === null) throw new Error('this system has no link of ours');
  return system.link;
}

function gatewayOf({ system }: FaultStage): GatewayControl {
  if (system.gateway === null) throw new Error('this gateway is not ours');
  return system.gateway;
}
