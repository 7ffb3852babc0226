// Latencies in buckets whose width grows with the value: bounded memory however many are recorded, and every
// percentile within 1/32 (3.1 %) of the true one. In microseconds inside, milliseconds outside.
//
// Bucket of v us: v itself below 64; above, 32 buckets for each power of two (the upper six bits of v choose).

import type { LatencySummary } from './report/report.ts';

const LINEAR_BITS = 6;
const LINEAR = 1 << LINEAR_BITS;
const PER_POWER = LINEAR / 2;
const VALUE_US_MAX = 2 ** 32 - 1;
const BUCKETS = LINEAR + (32 - LINEAR_BITS) * PER_POWER;

export class LatencyHistogram {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #maxUs = 0;

  get count(): number {
    return this.#count;
  }

  /** Exact up to 71 minutes, which is also the largest it can tell; 0 when nothing was recorded. */
  get maxMs(): number {
    return this.#maxUs / 1000;
  }

  /** Negative values, which only a jumping clock could give, count as 0. */
  record(latencyMs: number): void {
    const us = Math.min(VALUE_US_MAX, Math.max(0, Math.round(latencyMs * 1000)));
    this.#counts[bucketOf(us)]++;
    this.#count++;
    if (us > this.#maxUs) this.#maxUs = us;
  }

  /**
   * The latency that `share` (0 to 1) of the recorded ones did not exceed, rounded up to its bucket; 0 when
   * empty.
   */
  percentileMs(share: number): number {
    const rank = Math.max(1, Math.ceil(share * this.#count));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.#counts[bucket];
      if (seen >= rank) return Math.min(highestOf(bucket), this.#maxUs) / 1000;
    }
    return this.maxMs;
  }

  summary(): LatencySummary {
    return {
      count: this.#count,
      p50: this.percentileMs(0.5),
      p90: this.percentileMs(0.9),
      p99: this.percentileMs(0.99),
      p999: this.percentileMs(0.999),
      max: this.maxMs,
    };
  }

  /** Forgets everything. */
  clear(): void {
    this.#counts.fill(0);
    this.#count = 0;
    this.#maxUs = 0;
  }

  /** Adds everything that `other` has recorded. */
  merge(other: LatencyHistogram): void {
    for (let bucket = 0; bucket < BUCKETS; bucket++) this.#counts[bucket] += other.#counts[bucket];
    this.#count += other.#count;
    this.#maxUs = Math.max(this.#maxUs, other.#maxUs);
  }
}

function bucketOf(us: number): number {
  if (us < LINEAR) return us;
  const shift = 32 - Math.clz32(us) - LINEAR_BITS; // 1 or more
  return LINEAR + (shift - 1) * PER_POWER + ((us >>> shift) - PER_POWER);
}

function highestOf(bucket: number): number {
  if (bucket < LINEAR) return bucket;
  const shift = Math.floor((bucket - LINEAR) / PER_POWER) + 1;
  const upperBits = ((bucket - LINEAR) % PER_POWER) + PER_POWER;
  return (upperBits + 1) * 2 ** shift - 1;
}
