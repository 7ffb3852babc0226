// A terminal as a view sees it: keeps what was written, and can be given another size.

import type { LiveState, ViewOutput } from '../../simulator/view/run-view.ts';
import { sampleReport } from './sample-report.ts';

export class ViewTerminal implements ViewOutput {
  readonly isTTY = true;
  columns: number;
  rows: number;
  writableNeedDrain = false;
  written = '';
  #listeners: (() => void)[] = [];

  constructor(columns = 80, rows = 24) {
    this.columns = columns;
    this.rows = rows;
  }

  write(text: string): boolean {
    this.written += text;
    return true;
  }

  on(_event: 'resize', listener: () => void): void {
    this.#listeners.push(listener);
  }

  off(_event: 'resize', listener: () => void): void {
    this.#listeners = this.#listeners.filter((other) => other !== listener);
  }

  get listeners(): number {
    return this.#listeners.length;
  }

  resize(columns: number, rows: number): void {
    this.columns = columns;
    this.rows = rows;
    for (const listener of this.#listeners) listener();
  }

  /** What was written since the last call. */
  take(): string {
    const taken = this.written;
    this.written = '';
    return taken;
  }
}

/** In the middle of the sample run's outage. */
export function liveState(change: Partial<LiveState> = {}): LiveState {
  const { scenario, phases, faults, samples } = sampleReport();
  const sample = samples.find(({ atMs }) => atMs === 30_000)!;
  return {
    scenario: scenario.name,
    phases,
    durationMs: 120_000,
    elapsedMs: 30_000,
    phase: 'outage',
    faults: [{ ...faults[0], toMs: null }],
    devices: 1000,
    isVerified: true,
    sample,
    perSecond: { sent: 1000, acked: 998, refused: 0, delivered: 0 },
    totals: { skipped: 3, duplicatesSameName: 20, duplicatesNewName: 0, reordered: 0, reconnects: 12 },
    ...change,
  };
}
