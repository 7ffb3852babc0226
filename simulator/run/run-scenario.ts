// Runs a scenario from its beginning to its report: starts what is under test, listens at the far end, lets the
// devices speak and things go wrong phase by phase, waits for what is owed, and verifies.

import { type Clock, systemClock } from '../../config/clock.ts';
import type { DeviceFleet } from '../fleet/device-fleet.ts';
import { Recordings } from '../payload/recordings.ts';
import { ReceiverThread } from '../receive/receiver-thread.ts';
import { formatCount } from '../report/number-format.ts';
import type { PhaseSpan, Report } from '../report/report.ts';
import type { Scenario } from '../scenario/scenario-settings.ts';
import type { RunView } from '../view/run-view.ts';
import { buildReport } from './build-report.ts';
import { createFleet } from './create-fleet.ts';
import { DrainWatch } from './drain-watch.ts';
import { FaultStage } from './fault-stage.ts';
import { liveState } from './live-state.ts';
import { MischiefMakers } from './mischief-makers.ts';
import { StartableClock } from './run-clock.ts';
import { randomRunId } from './run-id.ts';
import { plannedPhases, runTimeline } from './run-timeline.ts';
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
/** From when everything is ready until the run begins, so that all threads know of it by then. */
const START_IN_MS = 50;
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
  readonly #clock = new StartableClock();
  readonly #runId: string;
  readonly #fleet: DeviceFleet;
  readonly #receiver: ReceiverThread | null;
  readonly #stage: FaultStage;
  readonly #drain: DrainWatch;
  readonly #sampler: Sampler;
  readonly #mischief: MischiefMakers;
  /** Changes of rates among them, as phases of no length. */
  readonly #phases: PhaseSpan[] = [];
  #phase: PhaseSpan | undefined;
  readonly #planned: PhaseSpan[];
  readonly #remarks: string[] = [];
  #fault: unknown;
  readonly #failed = new AbortController();
  /** Aborted by who runs it, or because it cannot go on. */
  readonly #stop: AbortSignal;
  #mischiefComes: Promise<void> = Promise.resolve();
  #sampling: Promise<void> = Promise.resolve();
  readonly #samplingEnd = new AbortController();

  constructor(options: RunOptions, recordings: Recordings) {
    const { scenario, system, signal, clock = systemClock } = options;
    this.#options = options;
    this.#runId = scenario.run === '' ? randomRunId() : scenario.run;
    const runClock = this.#clock;
    this.#stop = AbortSignal.any([signal, this.#failed.signal]);
    this.#planned = plannedPhases(scenario.timeline);
    const { gatewayUrl } = system;
    this.#fleet = createFleet({ scenario, gatewayUrl, run: this.#runId, clock, runClock, recordings });
    this.#fleet.endAt(this.#planned.at(-1)?.toMs ?? 0);
    this.#receiver = system.upstreamUrl === null ? null : this.#createReceiver(system.upstreamUrl);
    this.#drain = new DrainWatch(this.#receiver);
    this.#stage = new FaultStage({
      system,
      fleet: this.#fleet,
      nowMs: runClock.nowMs,
      onSpan: (span) => options.view.fault(span),
      onMark: (mark) => {
        this.#phases.push(mark);
        options.view.phase(mark);
      },
      onRemark: (remark) => this.#remarks.push(remark),
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
  }

  async run(): Promise<Report> {
    const { scenario, view, file, system, signal } = this.#options;
    await this.#begin();
    const busyBefore = performance.eventLoopUtilization();
    this.#sampling = this.#keepSampling().catch((error: unknown) => this.#fail(error));
    await runTimeline({
      timeline: scenario.timeline,
      stage: this.#stage,
      enter: (span) => this.#enter(span),
      fail: (error) => this.#fail(error),
      stop: this.#stop,
    });
    let isInterrupted = signal.aborted;
    await this.#mischiefComes;
    await this.#endSampling();
    if (this.#failed.signal.aborted) throw this.#fault;
    if (isInterrupted) this.#fleet.endAt(this.#clock.nowMs());
    const fromMs = this.#clock.nowMs();
    this.#enter({ name: SETTLING, fromMs, toMs: fromMs + scenario.settleWithin });
    if (!(await this.#settle(isInterrupted))) isInterrupted = true;
    await this.#mischief.stop();
    await this.#fleet.stop(GOODBYE_MS);
    const generatorBusy = performance.eventLoopUtilization(busyBefore).utilization;
    this.#leave();
    this.#sampler.leave();
    const verification = (await this.#receiver?.verify(this.#fleet.outcomes())) ?? null;
    await this.#sample();
    const { latest } = this.#sampler;
    if (latest !== undefined) this.#drain.finish(this.#clock.nowMs(), latest);
    const { startedAt } = this;
    const report = buildReport({
      scenario,
      file,
      run: { id: this.#runId, seed: scenario.seed, startedAt, durationMs: this.#clock.nowMs() },
      system,
      fleet: this.#fleet,
      phases: this.#phases,
      faults: this.#stage.spans,
      samples: this.#sampler.samples,
      phasesOf: (group) => this.#sampler.phasesOf(group),
      verification,
      drainMs: this.#drain.longestMs,
      generatorBusy,
      isReceiverBusy: this.#sampler.isReceiverBusy,
      isInterrupted,
    });
    const ended = system.ownEndings?.() ?? [];
    report.remarks.push(
      ...ended.map((text) => `Not by the scenario: ${text}.`),
      ...(isInterrupted ? [] : this.#remarks),
      ...this.#unsent(),
    );
    view.finish(report);
    return report;
  }

  async dispose(): Promise<void> {
    await this.#endSampling();
    await Promise.all([this.#fleet.stop(0), this.#mischief.stop()]);
    await this.#receiver?.stop(1000);
  }

  get startedAt(): string {
    return new Date(this.#clock.startEpochMs).toISOString();
  }

  /** The clock starts when the receiver listens and the fleet is made: nothing is late from the beginning. */
  async #begin(): Promise<void> {
    await this.#receiver?.start();
    this.#clock.startIn(START_IN_MS);
    this.#receiver?.begin(this.#clock.startEpochMs);
    this.#fleet.start();
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
        snapshotEveryMs: 0,
      },
      {
        fault: (error) => this.#fail(error),
      },
    );
  }

  /** A fault that cannot be carried out, or a receiver that ended, ends the run at once. */
  #fail(error: unknown): void {
    this.#fault ??= error;
    this.#failed.abort();
  }

  /**
   * Waits for what devices still have, then for what has been acknowledged and has not arrived. False: a person has cut
   * it short; one who has interrupted the timeline waits for this.
   */
  async #settle(wasInterrupted: boolean): Promise<boolean> {
    const { signal } = this.#options;
    const endMs = this.#clock.nowMs() + this.#options.scenario.settleWithin;
    let [arrived, sinceMs] = [-1, 0];
    while (this.#clock.nowMs() < endMs) {
      const sample = await this.#sample();
      const { upstreamMessages = 0 } = this.#sampler.latest ?? {};
      if (upstreamMessages !== arrived) [arrived, sinceMs] = [upstreamMessages, this.#clock.nowMs()];
      const isSilent = this.#receiver === null || this.#clock.nowMs() - sinceMs >= SILENT_MS;
      if (!this.#fleet.owes && sample.lag === 0 && isSilent) return true;
      if (!wasInterrupted && signal.aborted) return false;
      await wait(ASK_EVERY_MS, NEVER);
    }
    return true;
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
    const sample = await this.#sampler.take(this.#phase?.name ?? '');
    const { latest, latestAskedAtMs } = this.#sampler;
    if (latest !== undefined) this.#drain.look(latestAskedAtMs, latest);
    this.#options.view.sample(
      liveState({
        scenario: this.#options.scenario.name,
        phases: this.#planned,
        phase: this.#phase?.name ?? '',
        faults: this.#stage.active,
        fleet: this.#fleet,
        sampler: this.#sampler,
      }),
    );
    return sample;
  }

  /** `span` as planned. */
  #enter(span: PhaseSpan): void {
    this.#leave();
    const nowMs = this.#clock.nowMs();
    this.#phase = { name: span.name, fromMs: nowMs, toMs: nowMs };
    this.#phases.push(this.#phase);
    this.#sampler.enter(span.name);
    this.#options.view.phase(span);
    const comes = this.#mischief.enter(span.name).catch((error: unknown) => this.#fail(error));
    this.#mischiefComes = Promise.all([this.#mischiefComes, comes]).then(() => {});
  }

  #leave(): void {
    if (this.#phase !== undefined) this.#phase.toMs = this.#clock.nowMs();
  }

  /** Readings that were due and have not been sent, whoever was too slow. */
  #unsent(): string[] {
    const { skipped, givenUp, unreached } = this.#fleet.totals();
    const told: [number, string][] = [
      [
        skipped - givenUp - unreached,
        'were skipped: their devices could not send them, nor keep more of them',
      ],
      [givenUp, 'were still on their devices at the end'],
      [unreached, 'were due and not even taken: the generator was too late'],
    ];
    return told
      .filter(([count]) => count > 0)
      .map(([count, why]) => `Not sent: ${formatCount(count)} readings ${why}.`);
  }
}

const NEVER = new AbortController().signal;
