// Rates from counts. A rate is taken over at least one second, however close the samples lie, because a queue that is
// emptied in gulps would otherwise look like a saw.

import type { Sample } from './report.ts';
import type { Point } from './thin.ts';

const WINDOW_MS = 1000;

export type CountName = 'sent' | 'acked' | 'refused' | 'delivered';

/** Messages per second of one count at each sample; the run starts with nothing at 0 ms. */
export function rateOverTime(samples: readonly Sample[], name: CountName): Point[] {
  let before = -1;
  return samples.map((sample, i) => {
    while (before + 1 < i && samples[before + 1].atMs <= sample.atMs - WINDOW_MS) before++;
    const fromMs = before < 0 ? 0 : samples[before].atMs;
    const fromCount = before < 0 ? 0 : samples[before][name];
    const spanMs = sample.atMs - fromMs;
    return { atMs: sample.atMs, value: spanMs > 0 ? ((sample[name] - fromCount) * 1000) / spanMs : null };
  });
}
