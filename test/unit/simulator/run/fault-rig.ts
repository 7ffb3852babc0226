// What faults act on, each part noting what is done to it and when: a link, a gateway, groups of devices.

import { healthyLink, type LinkFaults } from '../../../../simulator/faults/link-faults.ts';
import type { LinkProxy } from '../../../../simulator/faults/link-proxy.ts';
import { DeviceFleet } from '../../../../simulator/fleet/device-fleet.ts';
import type { DeviceGroup } from '../../../../simulator/fleet/device-group.ts';
import { FaultStage } from '../../../../simulator/run/fault-stage.ts';
import type { GatewayControl } from '../../../../simulator/run/system-under-test.ts';
import { type GroupPlan, type GroupUnderTest, groupUnderTest } from '../../../support/simulated-devices.ts';

export interface FaultRig {
  stage: FaultStage;
  /** "1500 cut", in order: the time and what happened. */
  events: string[];
  /** "1500 devices at 50 % of their rate" */
  marks: string[];
  remarks: string[];
  groups: GroupUnderTest[];
  /** Of the gateway: throws what is put here. */
  failure: { start?: Error };
}

export interface FaultRigOptions {
  nowMs: () => number;
  groups?: readonly Partial<GroupPlan>[];
  /** How long the gateway takes to come up. */
  startMs?: number;
}

export function faultRig({ nowMs, groups = [{}], startMs = 0 }: FaultRigOptions): FaultRig {
  const events: string[] = [];
  const marks: string[] = [];
  const remarks: string[] = [];
  const note = (what: string) => void events.push(`${nowMs()} ${what}`);
  const failure: FaultRig['failure'] = {};
  const made = groups.map((plan) => groupUnderTest({ nowMs, ...plan }));
  const fleet = new DeviceFleet({
    groups: made.map(({ group }): DeviceGroup => group),
    nowMs,
    after: () => ({ clear: () => {} }),
  });
  const link = {
    set: (faults: LinkFaults) => note(`link ${wrongWith(faults)}`),
    cut: () => note('link cut'),
  };
  const stage = new FaultStage({
    system: {
      gatewayUrl: 'mqtt://127.0.0.1',
      upstreamUrl: null,
      upstreamFilter: '#',
      gatewayText: 'a gateway',
      upstreamText: 'none',
      link: link as unknown as LinkProxy, // a fault needs no more of it
      gateway: gatewayOf(note, startMs, failure),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    },
    fleet,
    nowMs,
    onSpan: () => {},
    onMark: ({ name, fromMs }) => marks.push(`${fromMs} ${name}`),
    onRemark: (remark) => remarks.push(remark),
    onLinkBroken: () => note('broken'),
    onLinkHealed: (atMs) => note(`healed at ${atMs}`),
  });
  return { stage, events, marks, remarks, groups: made, failure };
}

/** "refusing, up isFrozen 1, down isFrozen 1": what is not as in a healthy link. */
export function wrongWith(faults: LinkFaults): string {
  const healthy = healthyLink().up;
  const keys = Object.keys(healthy) as (keyof typeof healthy)[];
  const words = (['up', 'down'] as const).flatMap((way) =>
    keys
      .filter((key) => faults[way][key] !== healthy[key])
      .map((key) => `${way} ${key} ${+faults[way][key]}`),
  );
  const all = [...(faults.isRefusing ? ['refusing'] : []), ...words];
  return all.length === 0 ? 'is well' : all.join(', ');
}

function gatewayOf(
  note: (what: string) => void,
  startMs: number,
  failure: FaultRig['failure'],
): GatewayControl {
  let isUp = true;
  const end = (how: string) => async () => {
    note(how);
    isUp = false;
  };
  return {
    async start() {
      if (isUp) throw new Error('it runs already');
      await new Promise((resolve) => setTimeout(resolve, startMs));
      if (failure.start !== undefined) throw failure.start;
      note('start');
      isUp = true;
    },
    kill: end('kill'),
    stop: end('stop'),
    cutPower: end('cut power'),
    fillDisk: (leaveFreeBytes) => note(`fill to ${leaveFreeBytes}`),
    releaseDisk: () => note('release'),
    usage: undefined,
  };
}
