// One number for how hard things are for the gateway, measured ten times a second, and what follows from it: plain
// flags for the path of every message, and whom to wake when it gets easier. What the flags mean is carried out by
// others.

import type { Clock, Timer } from '../../../config/clock.ts';
import type { Component } from '../../../config/component.ts';
import { type Logger, logKeys } from '../../../config/logger.ts';
import type { Config } from '../../../config/settings.ts';
import type { CommitLoad } from '../../../storage/group-commit.ts';
import { EasedWaiters } from './eased-waiters.ts';
import { memoryBytesMaxOf } from './memory-limit.ts';
import { type PressureBounds, PressureGauge, type SlowReadings } from './pressure-gauge.ts';
import { PressureLadder, type PressureStep, type StepChange } from './pressure-ladder.ts';
import type { PressureSource } from './pressure-sources.ts';
import { receiveMaximumUnder } from './receive-maximum.ts';

export interface PressureOptions {
  config: Config;
  clock: Clock;
  log: Logger;
  /** GroupCommit's. */
  load(): CommitLoad;
  /** Asked once a second, never while it still answers: slowReadings. */
  slowReadings(): Promise<SlowReadings>;
}

export interface PressureStatus {
  value: number;
  source: PressureSource;
  /** By source. */
  levels: { readonly [source in PressureSource]: number };
  taken: PressureStep[];
  /** How often each step was taken. */
  times: { readonly [step in PressureStep]: number };
  /** Connections that wait until it gets easier. */
  waiting: number;
}

const SAMPLE_MS = 100;
const SLOW_SAMPLES = 10;

const MEANING: { readonly [step in PressureStep]: readonly [taken: string, takenBack: string] } = {
  lowerReceiveMaximum: [
    'new connections may have fewer messages under way',
    'new connections may have all messages under way again',
  ],
  shedQos0: ['messages of QoS 0 are dropped', 'messages of QoS 0 are taken again'],
  holdLowLanes: ['messages for low lanes have to wait', 'messages for low lanes are taken again'],
  refuseConnections: ['new connections are refused', 'new connections are taken again'],
  stopReading: ['nothing is read from devices', 'devices are read again'],
};

export class Pressure implements Component {
  /** Neither sheds, holds nor stops anything: the one flag that the path of a message looks at. */
  isEased = true;
  lowersReceiveMaximum = false;
  shedsQos0 = false;
  holdsLowLanes = false;
  refusesConnections = false;
  stopsReading = false;
  readonly #options: PressureOptions;
  readonly #gauge: PressureGauge;
  readonly #ladder: PressureLadder;
  readonly #lowLaneWaiters = new EasedWaiters();
  readonly #waiters = new EasedWaiters();
  #config: Config;
  #timer: Timer | null = null;
  #isRunning = false;
  #dueMs = 0;
  #samples = 0;
  #isAsking = false;
  #hasFailed = false;

  constructor(options: PressureOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#gauge = new PressureGauge(boundsOf(options.config));
    this.#ladder = new PressureLadder(options.config.pressure);
  }

  /** 0 to 1. */
  get value(): number {
    return this.#gauge.value;
  }

  /** What is hardest. */
  get source(): PressureSource {
    return this.#gauge.source;
  }

  /** For an MQTT 5 connection that comes now. */
  get receiveMaximum(): number {
    const full = this.#config.mqtt.receiveMaximum;
    if (!this.lowersReceiveMaximum) return full;
    return receiveMaximumUnder(this.value, { full, level: this.#config.pressure.lowerReceiveMaximum });
  }

  get status(): PressureStatus {
    const { value, source, levels } = this.#gauge;
    const { times } = this.#ladder;
    const taken = (Object.keys(times) as PressureStep[]).filter((step) => this.#ladder.has(step));
    const waiting = this.#waiters.waiting + this.#lowLaneWaiters.waiting;
    return { value, source, levels: { ...levels }, taken, times: { ...times }, waiting };
  }

  async start(): Promise<void> {
    this.#isRunning = true;
    this.#dueMs = this.#options.clock.monotonicMs();
    this.#sample();
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    this.#timer?.clear();
    this.#timer = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Other settings from the next sample on. */
  reconfigure(config: Config): void {
    this.#config = config;
    this.#gauge.bounds = boundsOf(config);
    this.#ladder.settings = config.pressure;
  }

  /**
   * Calls back once when what holds a connection now may hold it no more: that nothing is read or, failing that, that
   * low lanes wait. Not all at once; try again, and wait again if need be.
   */
  whenEased(wake: () => void): void {
    if (this.holdsLowLanes && !this.stopsReading) this.#lowLaneWaiters.add(wake);
    else this.#waiters.add(wake);
  }

  #sample(): void {
    const { clock, load } = this.#options;
    const nowMs = clock.monotonicMs();
    if (this.#samples++ % SLOW_SAMPLES === 0 && !this.#isAsking) void this.#ask();
    this.#gauge.sample(load(), Math.max(0, nowMs - this.#dueMs), nowMs);
    for (const change of this.#ladder.update(this.value, nowMs)) this.#tell(change);
    this.#setFlags();
    this.#wake();
    this.#dueMs = nowMs + SAMPLE_MS;
    if (this.#isRunning) this.#timer = clock.after(SAMPLE_MS, () => this.#sample());
  }

  async #ask(): Promise<void> {
    this.#isAsking = true;
    try {
      this.#gauge.slow(await this.#options.slowReadings());
      this.#hasFailed = false;
    } catch (error) {
      if (!this.#hasFailed && this.#isRunning)
        this.#options.log.warn({ [logKeys.error]: error }, 'buffer, disk and memory cannot be measured');
      this.#hasFailed = true;
    } finally {
      this.#isAsking = false;
    }
  }

  #setFlags(): void {
    const ladder = this.#ladder;
    this.lowersReceiveMaximum = ladder.has('lowerReceiveMaximum');
    this.shedsQos0 = ladder.has('shedQos0');
    this.holdsLowLanes = ladder.has('holdLowLanes');
    this.refusesConnections = ladder.has('refuseConnections');
    this.stopsReading = ladder.has('stopReading');
    this.isEased = !(this.shedsQos0 || this.holdsLowLanes || this.stopsReading);
  }

  #wake(): void {
    if (this.stopsReading) this.#waiters.hold();
    else this.#waiters.wakeSome();
    if (this.holdsLowLanes || this.stopsReading) this.#lowLaneWaiters.hold();
    else this.#lowLaneWaiters.wakeSome();
  }

  #tell({ step, isTaken }: StepChange): void {
    const { log } = this.#options;
    const detail = { step, pressure: Number(this.value.toFixed(3)), source: this.source };
    const [taken, takenBack] = MEANING[step];
    if (isTaken) log.warn(detail, `under pressure: ${taken}`);
    else log.info(detail, `less pressure: ${takenBack}`);
  }
}

function boundsOf({ pressure, commit, buffer }: Config): PressureBounds {
  return {
    commitMs: pressure.commitMs,
    eventLoopMs: pressure.eventLoopMs,
    memoryBytesMax: memoryBytesMaxOf(pressure.memoryBytesMax),
    commitBytesMax: commit.bytesMax,
    minFreeDiskBytes: buffer.minFreeDiskBytes,
  };
}
