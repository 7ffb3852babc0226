// Puts together what a run has to say: the fleet's figures, the receiver's verification, the checks and the remarks.

import { cpus, totalmem } from 'node:os';
import type { DeviceFleet } from '../fleet/device-fleet.ts';
import { LatencyHistogram } from '../latency-histogram.ts';
import type { Verification } from '../receive/receiver-messages.ts';
import { type ListingOptions, type LossKind, listing } from '../receive/verify.ts';
import {
  type FaultSpan,
  type GroupTotals,
  type LatencySummary,
  type PhaseOfGroup,
  type PhaseSpan,
  REPORT_VERSION,
  type Report,
  type Sample,
  type Totals,
} from '../report/report.ts';
import { isGeneratorLate } from '../report/verdict-words.ts';
import type { Scenario } from '../scenario/scenario-settings.ts';
import { checksOf, verdictOf } from './checks.ts';
import type { SystemUnderTest } from './system-under-test.ts';

export interface ReportParts {
  scenario: Scenario;
  file: string | null;
  run: { id: string; seed: number; startedAt: string; durationMs: number };
  system: SystemUnderTest;
  fleet: DeviceFleet;
  phases: PhaseSpan[];
  faults: FaultSpan[];
  samples: Sample[];
  /** By phase, of the group with this index. */
  phasesOf: (group: number) => PhaseOfGroup[];
  /** null: nothing was verified. */
  verification: Verification | null;
  drainMs: number | null;
  /** Share of the time in which the generator's own thread was busy, 0 to 1. */
  generatorBusy: number;
  /** The receiver's thread had no time left for much of the run. */
  isReceiverBusy: boolean;
  /** Somebody ended it before its time. */
  isInterrupted: boolean;
}

/** From here on the generator's thread has no time left, however punctual it still is. */
const BUSY = 0.97;

export function buildReport(parts: ReportParts): Report {
  const { scenario, file, run, system, verification, generatorBusy } = parts;
  const totals = totalsOf(parts);
  const verified = verification !== null;
  const isLate = isGeneratorLate(totals.generatorLateP99Ms) || generatorBusy > BUSY;
  const groups = parts.fleet.groups.map((_, g) => groupOf(parts, g));
  const checks = checksOf(scenario.verdict, {
    totals,
    groups,
    samples: parts.samples,
    isVerified: verified,
    isGeneratorLate: isLate,
    isReceiverSure: isReceiverSure(verification),
  });
  return {
    version: REPORT_VERSION,
    scenario: { name: scenario.name, why: scenario.why, file },
    run,
    system: {
      gateway: system.gatewayText,
      upstream: system.upstreamText,
      machine: machine(),
      node: process.version,
    },
    phases: parts.phases,
    faults: parts.faults,
    samples: parts.samples,
    sampleEveryMs: scenario.sampleEvery,
    groups,
    verified,
    totals,
    checks,
    verdict: parts.isInterrupted ? 'inconclusive' : verdictOf(checks),
    remarks: remarksOf(parts, totals, isLate),
  };
}

function totalsOf({ fleet, verification, drainMs }: ReportParts): Totals {
  const own = fleet.totals();
  const far = verification?.totals;
  const lossOf = (kind: LossKind) => verification?.losses[kind].count ?? 0;
  const ack = new LatencyHistogram();
  for (const { counters } of fleet.groups) ack.merge(counters.ack);
  return {
    sent: own.sent + own.sentQos0,
    sentQos0: own.sentQos0,
    acked: own.acked,
    refused: own.refused,
    unacked: own.sent - own.acked - own.refused,
    skipped: own.skipped,
    unsent: own.givenUp + own.unreached,
    payloadBytes: own.payloadBytes,
    bytesSent: own.bytesSent,
    delivered: far?.delivered ?? 0,
    lost: lossOf('lost'),
    lostQos0: lossOf('lostQos0'),
    duplicatesSameName: far?.duplicatesSameName ?? 0,
    duplicatesNewName: far?.duplicatesNewName ?? 0,
    namesReused: far?.namesReused ?? 0,
    reordered: far?.reordered ?? 0,
    deliveredUnacked: lossOf('deliveredUnacked'),
    foreign: far?.foreign ?? 0,
    damaged: far?.damaged ?? 0,
    upstreamMessages: far?.upstreamMessages ?? 0,
    upstreamBytes: far?.upstreamBytes ?? 0,
    ack: ack.summary(),
    endToEnd: verification?.endToEnd ?? NOTHING,
    drainMs,
    liveWhileDraining: verification?.liveWhileDraining ?? null,
    generatorLateP99Ms: fleet.lateness.percentileMs(0.99),
    examples: verification === null ? {} : examplesOf(fleet, verification),
  };
}

const NOTHING: LatencySummary = new LatencyHistogram().summary();

function groupOf({ fleet, verification, phasesOf }: ReportParts, g: number): GroupTotals {
  const { name, counters, devices, connected } = fleet.groups[g]!;
  const { acked, refused, skipped, reconnects, connectRefusals } = counters;
  const lost = verification?.losses;
  return {
    name,
    devices: devices.length,
    connected,
    sent: counters.sent + counters.sentQos0,
    acked,
    refused,
    skipped,
    delivered: verification?.totals.deliveredByGroup[g] ?? 0,
    lost: (lost?.lost.byGroup[g] ?? 0) + (lost?.lostQos0.byGroup[g] ?? 0),
    reconnects,
    connectRefusals,
    ack: counters.ack.summary(),
    endToEnd: verification?.endToEndByGroup[g] ?? NOTHING,
    phases: phasesOf(g),
  };
}

/** "group/3 12-15, 19": the member of the group, and its sequences. */
function examplesOf(fleet: DeviceFleet, { losses, examples }: Verification): Record<string, string[]> {
  const names = fleet.groups.flatMap(({ name, devices }) => devices.map((_, member) => `${name}/${member}`));
  const options: ListingOptions = { nameOf: (device) => names[device] ?? `device ${device}` };
  const listed: Record<string, string[]> = {};
  for (const kind of ['lost', 'lostQos0'] as const)
    if (losses[kind].count > 0) listed[kind] = listing(losses[kind].devices, options);
  for (const [kind, found] of Object.entries(examples))
    if (found.length > 0)
      listed[kind] = found.map(({ device, sequence }) => `${options.nameOf(device)} ${sequence}`);
  return listed;
}

function remarksOf(parts: ReportParts, totals: Totals, isLate: boolean): string[] {
  const { verification, generatorBusy, isReceiverBusy } = parts;
  const remarks: string[] = [];
  if (parts.isInterrupted) remarks.push('Interrupted: what had been sent by then was verified, no more.');
  if (isLate) {
    const late = `${Math.round(totals.generatorLateP99Ms)} ms late (p99)`;
    const busy = `its thread busy ${Math.round(generatorBusy * 100)} % of the time`;
    remarks.push(
      `The generator was a bottleneck itself: ${late}, ${busy}. Rates and latencies say little about the gateway.`,
    );
  }
  for (const { name, counters, connected } of parts.fleet.groups) {
    const { connectRefusals } = counters;
    const why = 'wrong credentials, or the gateway is busy';
    if (connectRefusals > 0)
      remarks.push(
        `${name}: ${connectRefusals} connections were refused, ${connected} are connected: ${why}.`,
      );
  }
  if (verification === null) return remarks;
  const far = verification.totals;
  if (isReceiverBusy)
    remarks.push('The receiver was a bottleneck: the upstream end took messages more slowly than they came.');
  const { refusedDelivered } = verification.losses;
  if (refusedDelivered.count > 0)
    remarks.push(`${refusedDelivered.count} messages that were refused have arrived all the same.`);
  if (!far.isComplete)
    remarks.push('The account of arrivals ran out of room: duplicates and losses may be miscounted.');
  if (far.sessionsLost > 0)
    remarks.push(
      `The upstream broker forgot the receiver's session ${far.sessionsLost} times: it may have missed messages.`,
    );
  if (!far.isConnected)
    remarks.push('The receiver had no connection at the end: what is missing may have reached the upstream.');
  if (far.redelivered > 0)
    remarks.push(`The upstream broker itself sent ${far.redelivered} messages again to the receiver.`);
  if (verification.firstDamage !== null)
    remarks.push(`First upstream message that could not be read: ${verification.firstDamage}.`);
  return remarks;
}

/** Whether all that has reached the upstream has reached the account. */
function isReceiverSure(verification: Verification | null): boolean {
  if (verification === null) return true;
  const { isComplete, isConnected, sessionsLost } = verification.totals;
  return isComplete && isConnected && sessionsLost === 0;
}

function machine(): string {
  const all = cpus();
  const gibibytes = Math.round(totalmem() / 1024 ** 3);
  return `${all.length} x ${all[0]?.model.trim() ?? '?'}, ${gibibytes} GiB, ${process.platform} ${process.arch}`;
}
