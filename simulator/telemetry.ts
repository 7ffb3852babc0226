// What a simulated machine measures: quantities that wander as real ones do, instead of numbers drawn anew each time,
// because compression and the eye both judge by that. Seeded: the same seed and times give the same bytes.

import { seededRandom } from './seeded-random.ts';

export interface Reading {
  /** 1, 2, 3, ...: a device's own count, by which a gap shows at the far end. */
  seq: number;
  time: string;
  temperatureC: number;
  pressureHpa: number;
  humidityPercent: number;
  vibrationMmPerS: number;
  speedRpm: number;
  state: 'running' | 'idle' | 'fault';
}

interface Walk {
  readonly min: number;
  readonly max: number;
  /** Largest change between two readings. */
  readonly step: number;
  readonly decimals: number;
  value: number;
}

const IDLE_SHARE = 0.02;
const FAULT_SHARE = 0.002;

export class Telemetry {
  readonly #random: () => number;
  readonly #temperature: Walk;
  readonly #pressure: Walk;
  readonly #humidity: Walk;
  readonly #vibration: Walk;
  readonly #speed: Walk;
  #seq = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.#temperature = this.#walk({ min: 15, max: 95, step: 0.4, decimals: 2 });
    this.#pressure = this.#walk({ min: 980, max: 1040, step: 0.3, decimals: 1 });
    this.#humidity = this.#walk({ min: 20, max: 90, step: 0.8, decimals: 1 });
    this.#vibration = this.#walk({ min: 0.1, max: 12, step: 0.25, decimals: 3 });
    this.#speed = this.#walk({ min: 600, max: 3000, step: 25, decimals: 0 });
  }

  /** The next reading, taken at `timeMs` (ms since 1970). */
  next(timeMs: number): Reading {
    this.#seq++;
    return {
      seq: this.#seq,
      time: new Date(timeMs).toISOString(),
      temperatureC: this.#step(this.#temperature),
      pressureHpa: this.#step(this.#pressure),
      humidityPercent: this.#step(this.#humidity),
      vibrationMmPerS: this.#step(this.#vibration),
      speedRpm: this.#step(this.#speed),
      state: this.#state(),
    };
  }

  #walk(range: Omit<Walk, 'value'>): Walk {
    // Begins in the middle half, so that devices differ and none begins at a limit.
    const span = range.max - range.min;
    return { ...range, value: range.min + span * (0.25 + 0.5 * this.#random()) };
  }

  #step(walk: Walk): number {
    const moved = walk.value + walk.step * (2 * this.#random() - 1);
    walk.value = Math.min(walk.max, Math.max(walk.min, moved));
    return Number(walk.value.toFixed(walk.decimals));
  }

  #state(): Reading['state'] {
    const draw = this.#random();
    if (draw < FAULT_SHARE) return 'fault';
    return draw < FAULT_SHARE + IDLE_SHARE ? 'idle' : 'running';
  }
}
