// Runs a scenario from its beginning to its report: starts what is under test, listens at the far end, lets the
// devices speak and things go wrong phase by phase, waits for what is owed, and verifies.

import { type Clock, systemClock } from '../../config/clock.ts';
import type { DeviceFleet } from '../fleet/device-fleet.ts';
import { Recordings } from '../payload/recordings.ts';
import { ReceiverThread } from '../receive/receiver-thread.ts';
import type { PhaseSpan, Report } from '../report/report.ts';
import type { Phase, Scenario } from '../scenario/scenario-settings.ts';
import type { LiveState, RunView } from '../view/run-view.ts';
import { buildReport } from './build-report.ts';
import { createFleet } from './create-fleet.ts';
import { DrainWatch } from './drain-watch.ts';
import { FaultStage } from './fault-stage.ts';
import { MischiefMakers } from './mischief-makers.ts';
import { type RunClock, startRunClock } from './run-clock.ts';
import { runFault } from './run-fault.ts';
import { Sampler } from './sampler.ts';
import type { SystemUnderTest } from './system-under-test.ts';
import { wait } from './wait.ts';

export interface RunOptions {
  scenario: Scenario;
  /** Of the scenario, for the report. */
  file: string | null;
  system: SystemUnderTest;
  view: RunView;
  /** Ends the run early, in order: what has been sent is still verified. */
  signal: AbortSignal;
  clock?: Clock;
}

const SETTLING = 'settling';
const ASK_EVERY_MS = 250;
/** When nothing more arrives for so long, nothing is on its way. */
const SILENT_MS = 500;
const GOODBYE_MS = 5000;

export async function runScenario(options: RunOptions): Promise<Report> {
  using recordings = new Recordings();
  const run = new ScenarioRun(options, recordings);
  try {
    return await run.run();
  } finally {
    await run.dispose();
  }
}

class ScenarioRun {
  readonly #options: RunOptions;
  readonly #clock: RunClock = startRunClock();
  readonly #runId: string;
  readonly #fleet: DeviceFleet;
  readonly #receiver: ReceiverThread | null;
  readonly #stage: FaultStage;
  readonly #drain: DrainWatch;
  readonly #sampler: Sampler;
  readonly #mischief: MischiefMakers;
  readonly #phases: PhaseSpan[] = [];
  readonly #planned: PhaseSpan[];
  #phase = '';
  #fault: unknown;
  readonly #failed = new AbortController();
  /** Aborted by who runs it, or because it cannot go on. */
  readonly #stop: AbortSignal;
  #sampling: Promise<void> = Promise.resolve();
  readonly #samplingEnd = new AbortController();

  constructor(options: RunOptions, recordings: Recordings) {
    const { scenario, system, signal, clock = systemClock } = options;
    this.#options = options;
    this.#runId = scenario.run === '' ? randomRunId() : scenario.run;
    const runClock = this.#clock;
    this.#stop = AbortSignal.any([signal, this.#failed.signal]);
    const { gatewayUrl } = system;
    this.#fleet = createFleet({ scenario, gatewayUrl, run: this.#runId, clock, runClock, recordings });
    this.#receiver = system.upstreamUrl === null ? null : this.#createReceiver(system.upstreamUrl);
    this.#drain = new DrainWatch(this.#receiver);
    this.#stage = new FaultStage({
      system,
      fleet: this.#fleet,
      nowMs: runClock.nowMs,
      onSpan: (span) => options.view.fault(span),
      onLinkBroken: () => this.#drain.broken(),
      onLinkHealed: (atMs) => this.#drain.healed(atMs, this.#sampler.lag),
    });
    this.#sampler = new Sampler({
      fleet: this.#fleet,
      isAccounted: Object.values(scenario.groups).map(({ qos }) => qos > 0),
      nowMs: runClock.nowMs,
      snapshot: async () => await this.#receiver?.snapshot(),
    });
    this.#mischief = new MischiefMakers(scenario.mischief, { url: system.gatewayUrl, seed: scenario.seed });
    this.#planned = plannedPhases(scenario);
  }

  async run(): Promise<Report> {
    const { scenario, view, file, system } = this.#options;
    await this.#receiver?.start();
    const busyBefore = performance.eventLoopUtilization();
    this.#fleet.start();
    this.#sampling = this.#keepSampling().catch((error: unknown) => this.#fail(error));
    for (const phase of scenario.timeline) {
      if (this.#stop.aborted) break;
      await this.#runPhase(phase);
    }
    await this.#endSampling();
    if (this.#failed.signal.aborted) throw this.#fault;
    this.#enter(SETTLING, scenario.settleWithin);
    this.#fleet.stopReading();
    await this.#settle();
    await this.#mischief.stop();
    await this.#fleet.stop(GOODBYE_MS);
    const generatorBusy = performance.eventLoopUtilization(busyBefore).utilization;
    this.#leave();
    const verification = (await this.#receiver?.verify(this.#fleet.outcomes())) ?? null;
    await this.#sample();
    const { latest } = this.#sampler;
    if (latest !== undefined) this.#drain.finish(this.#clock.nowMs(), latest);
    const report = buildReport({
      scenario,
      file,
      run: {
        id: this.#runId,
        seed: scenario.seed,
        startedAt: this.#startedAt,
        durationMs: this.#clock.nowMs(),
      },
      system,
      fleet: this.#fleet,
      phases: this.#phases,
      faults: this.#stage.spans,
      samples: this.#sampler.samples,
      verification,
      drainMs: this.#drain.longestMs,
      generatorBusy,
      isReceiverBusy: this.#sampler.isReceiverBusy,
      isInterrupted: this.#options.signal.aborted,
    });
    view.finish(report);
    return report;
  }

  async dispose(): Promise<void> {
    await this.#endSampling();
    await Promise.all([this.#fleet.stop(0), this.#mischief.stop()]);
    await this.#receiver?.stop(1000);
  }

  get #startedAt(): string {
    return new Date(this.#clock.startEpochMs).toISOString();
  }

  #createReceiver(url: string): ReceiverThread {
    const { groups } = this.#options.scenario;
    const groupOfDevice = Uint16Array.from(
      Object.values(groups).flatMap(({ devices }, g) => Array.from({ length: devices }, () => g)),
    );
    return new ReceiverThread(
      {
        url,
        filter: this.#options.system.upstreamFilter,
        ...this.#options.system.upstreamCredentials,
        run: this.#runId,
        groupOfDevice,
        startEpochMs: this.#clock.startEpochMs,
        snapshotEveryMs: 0,
      },
      {
        fault: (error) => this.#fail(error),
      },
    );
  }

  async #runPhase(phase: Phase): Promise<void> {
    this.#enter(phase.name, phase.for);
    for (const group of this.#fleet.groups) this.#stage.setRate(group, 'phase', phase.rate);
    await this.#mischief.enter(phase.name);
    const end = new AbortController();
    const phaseEnd = AbortSignal.any([this.#stop, end.signal]);
    const faults = phase.faults.map((fault) =>
      runFault(fault, this.#stage, phaseEnd).catch((error: unknown) => this.#fail(error)),
    );
    await wait(phase.for, this.#stop);
    end.abort();
    await Promise.all(faults);
  }

  /** A fault that cannot be carried out, or a receiver that ended, ends the run at once. */
  #fail(error: unknown): void {
    this.#fault ??= error;
    this.#failed.abort();
  }

  /** Waits for what devices still have, then for what has been acknowledged and has not arrived. */
  async #settle(): Promise<void> {
    const endMs = this.#clock.nowMs() + this.#options.scenario.settleWithin;
    let [arrived, sinceMs] = [-1, 0];
    while (this.#clock.nowMs() < endMs) {
      const sample = await this.#sample();
      const { upstreamMessages = 0 } = this.#sampler.latest ?? {};
      if (upstreamMessages !== arrived) [arrived, sinceMs] = [upstreamMessages, this.#clock.nowMs()];
      const isSilent = this.#receiver === null || this.#clock.nowMs() - sinceMs >= SILENT_MS;
      if (!this.#fleet.owes && sample.lag === 0 && isSilent) return;
      await wait(ASK_EVERY_MS, NEVER);
    }
  }

  async #keepSampling(): Promise<void> {
    const { sampleEvery } = this.#options.scenario;
    const untilNext = () => sampleEvery - (this.#clock.nowMs() % sampleEvery);
    while (await wait(untilNext(), this.#samplingEnd.signal)) await this.#sample();
  }

  async #endSampling(): Promise<void> {
    this.#samplingEnd.abort();
    await this.#sampling;
  }

  async #sample() {
    const sample = await this.#sampler.take(this.#phase);
    const { latest, latestAskedAtMs } = this.#sampler;
    if (latest !== undefined) this.#drain.look(latestAskedAtMs, latest);
    this.#options.view.sample(this.#liveState());
    return sample;
  }

  #enter(name: string, plannedMs: number): void {
    this.#leave();
    this.#phase = name;
    const fromMs = this.#clock.nowMs();
    this.#phases.push({ name, fromMs, toMs: fromMs });
    this.#options.view.phase({ name, fromMs, toMs: fromMs + plannedMs });
  }

  #leave(): void {
    const span = this.#phases.at(-1);
    if (span !== undefined) span.toMs = this.#clock.nowMs();
  }

  #liveState(): LiveState {
    const { samples, latest } = this.#sampler;
    const sample = samples.at(-1)!;
    const before = samples.findLast(({ atMs }) => atMs <= sample.atMs - 900) ?? {
      ...sample,
      atMs: sample.atMs - 1,
    };
    const perS = (key: 'sent' | 'acked' | 'refused' | 'delivered') =>
      ((sample[key] - before[key]) * 1000) / (sample.atMs - before.atMs);
    const totals = this.#fleet.totals();
    return {
      scenario: this.#options.scenario.name,
      phases: this.#planned,
      durationMs: this.#planned.at(-1)?.toMs ?? 0,
      elapsedMs: sample.atMs,
      phase: this.#phase,
      faults: this.#stage.active,
      devices: totals.devices,
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
}

const NEVER = new AbortController().signal;

function plannedPhases({ timeline }: Scenario): PhaseSpan[] {
  let atMs = 0;
  return timeline.map(({ name, for: lengthMs }) => {
    const span = { name, fromMs: atMs, toMs: atMs + lengthMs };
    atMs += lengthMs;
    return span;
  });
}

function randomRunId(): string {
  return Math.floor(Math.random() * 36 ** 8)
    .toString(36)
    .padStart(8, '0');
}
