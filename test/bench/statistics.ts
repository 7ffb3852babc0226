// Medians, and how a figure is compared with its target.

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export interface Target {
  /** What is compared: the ratio sluice / mosquitto, or sluice's own figure. */
  of: 'ratio' | 'figure';
  is: 'at-least' | 'at-most';
  value: number;
}

export interface FigureInput {
  what: string;
  unit: string;
  /** One per round. */
  sluice: readonly number[];
  /** One per round, of the same rounds; empty where there is nothing to compare with. */
  mosquitto?: readonly number[];
  target?: Target;
}

/** One line of the table. */
export interface Figure {
  what: string;
  unit: string;
  sluice: { rounds: readonly number[]; median: number };
  mosquitto: { rounds: readonly number[]; median: number } | null;
  /** Median of the rounds' own ratios, so that a slow minute of the machine weighs on both sides. */
  ratio: number | null;
  target: Target | null;
  /** Null without a target, or when there was nothing to compare with. */
  met: boolean | null;
}

export function figureOf(input: FigureInput): Figure {
  const { what, unit, sluice, mosquitto = [], target = null } = input;
  const ratios = sluice.flatMap((value, i) => (mosquitto[i] > 0 ? [value / mosquitto[i]] : []));
  const ratio = ratios.length > 0 ? median(ratios) : null;
  const judged = target?.of === 'ratio' ? ratio : median(sluice);
  return {
    what,
    unit,
    sluice: { rounds: sluice, median: median(sluice) },
    mosquitto: mosquitto.length > 0 ? { rounds: mosquitto, median: median(mosquitto) } : null,
    ratio,
    target,
    met: target === null || judged === null ? null : meets(judged, target),
  };
}

function meets(value: number, target: Target): boolean {
  return target.is === 'at-least' ? value >= target.value : value <= target.value;
}
