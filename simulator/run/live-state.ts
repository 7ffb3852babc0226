// What a view is shown of a run in the middle of it.

import type { DeviceFleet } from '../fleet/device-fleet.ts';
import type { FaultSpan, PhaseSpan } from '../report/report.ts';
import type { LiveState } from '../view/run-view.ts';
import type { Sampler } from './sampler.ts';

export interface LiveParts {
  scenario: string;
  /** As planned. */
  phases: readonly PhaseSpan[];
  phase: string;
  /** That last. */
  faults: readonly FaultSpan[];
  fleet: DeviceFleet;
  /** Of which there is a sample. */
  sampler: Sampler;
}

/** Samples that come every second come a little early or late. */
const SECOND_MS = 900;

export function liveState({ scenario, phases, phase, faults, fleet, sampler }: LiveParts): LiveState {
  const { samples, latest } = sampler;
  const sample = samples.at(-1)!;
  const before = samples.findLast(({ atMs }) => atMs <= sample.atMs - SECOND_MS) ?? {
    ...sample,
    atMs: sample.atMs - 1,
  };
  const perS = (key: 'sent' | 'acked' | 'refused' | 'delivered') =>
    ((sample[key] - before[key]) * 1000) / (sample.atMs - before.atMs);
  const totals = fleet.totals();
  return {
    scenario,
    phases,
    durationMs: phases.at(-1)?.toMs ?? 0,
    elapsedMs: sample.atMs,
    phase,
    faults,
    devices: totals.devices,
    isVerified: latest !== undefined,
    sample,
    perSecond: {
      sent: perS('sent'),
      acked: perS('acked'),
      refused: perS('refused'),
      delivered: perS('delivered'),
    },
    totals: {
      skipped: totals.skipped,
      reconnects: totals.reconnects,
      duplicatesSameName: latest?.duplicatesSameName ?? 0,
      duplicatesNewName: latest?.duplicatesNewName ?? 0,
      reordered: latest?.reordered ?? 0,
    },
  };
}
