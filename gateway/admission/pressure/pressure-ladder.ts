// What happens at which pressure. Steps are taken in their order, as many as the pressure asks for, at once; they are
// taken back in the opposite order, one at a time, when pressure has fallen by `ease` below a step's level and nothing
// has changed for a second, so that a gateway at the edge of a level does not flap.

import { pressureSteps } from '../../../config/pressure-relations.ts';

export type PressureStep = (typeof pressureSteps)[number];

/** The pressure at which each is taken; 1 is never. They ascend (config/pressure-relations.ts). */
export type PressureLevels = { readonly [step in PressureStep]: number };

export interface LadderSettings extends PressureLevels {
  readonly ease: number;
}

export interface StepChange {
  readonly step: PressureStep;
  readonly isTaken: boolean;
}

const NEVER = 1;
const STEP_MS_MIN = 1000;

export class PressureLadder {
  /** How often each was taken. */
  readonly times: { [step in PressureStep]: number };
  readonly #taken: PressureStep[] = [];
  #settings: LadderSettings;
  #changedMs = 0;

  constructor(settings: LadderSettings) {
    this.#settings = settings;
    this.times = Object.fromEntries(pressureSteps.map((step) => [step, 0])) as typeof this.times;
  }

  set settings(settings: LadderSettings) {
    this.#settings = settings;
  }

  has(step: PressureStep): boolean {
    return this.#taken.includes(step);
  }

  /** What has changed, in the order in which it did. Monotonic time. */
  update(value: number, nowMs: number): StepChange[] {
    const changes: StepChange[] = this.#dropNever();
    for (const step of pressureSteps) {
      if (this.has(step) || this.#settings[step] >= NEVER) continue;
      if (value < this.#settings[step]) break;
      this.#taken.push(step);
      this.times[step]++;
      changes.push({ step, isTaken: true });
    }
    if (changes.length === 0 && nowMs - this.#changedMs >= STEP_MS_MIN) changes.push(...this.#ease(value));
    if (changes.length > 0) this.#changedMs = nowMs;
    return changes;
  }

  #ease(value: number): StepChange[] {
    const step = this.#taken.at(-1);
    if (step === undefined || value >= this.#settings[step] - this.#settings.ease) return [];
    this.#taken.pop();
    return [{ step, isTaken: false }];
  }

  /** Steps that are not to be taken any more, by other settings. */
  #dropNever(): StepChange[] {
    const dropped = this.#taken.filter((step) => this.#settings[step] >= NEVER).reverse();
    for (const step of dropped) this.#taken.splice(this.#taken.indexOf(step), 1);
    return dropped.map((step) => ({ step, isTaken: false }));
  }
}
