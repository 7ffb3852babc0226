import { describe, expect, test } from 'vitest';
import { rateOverTime } from '../../../../simulator/report/rates.ts';
import type { Sample } from '../../../../simulator/report/report.ts';
import { chartsOf, POINTS_PER_LINE_MAX } from '../../../../simulator/report/report-charts.ts';
import { sampleReport } from '../../../support/sample-report.ts';

const { samples } = sampleReport();

function sampleAt(atMs: number, change: Partial<Sample>): Sample {
  return { ...samples[0], atMs, ...change };
}

describe('rates', () => {
  test('are per second, over at least a second, whatever lies between two samples', () => {
    const counted = [100, 100, 200, 200, 300].map((sent, i) => sampleAt((i + 1) * 500, { sent }));
    expect(rateOverTime(counted, 'sent').map(({ value }) => value)).toEqual([200, 100, 100, 100, 100]);
  });

  test('take what there is when samples lie further apart', () => {
    const counted = [sampleAt(5000, { sent: 50 }), sampleAt(10_000, { sent: 150 })];
    expect(rateOverTime(counted, 'sent').map(({ value }) => value)).toEqual([10, 20]);
  });
});

describe('charts', () => {
  test('a latency of which nothing was measured is a gap, not a zero', () => {
    const chart = chartsOf(sampleReport()).find(({ title }) => title === 'End-to-end latency');
    const inOutage = chart?.lines[0].points.filter(({ atMs }) => atMs > 20_000 && atMs <= 45_000);
    expect(inOutage?.length).toBe(50);
    expect(inOutage?.every(({ value }) => value === null)).toBe(true);
    expect(chart?.scale).toBe('log');
  });

  test('latencies close together have a linear scale', () => {
    const even = samples.map((sample) => ({ ...sample, ackP50Ms: 2, ackP99Ms: 9 }));
    const chart = chartsOf(sampleReport({ samples: even })).find(({ title }) => title.startsWith('Ack'));
    expect(chart?.scale).toBe('linear');
  });

  test('the generator has a chart only when it was late', () => {
    const punctual = samples.map((sample) => ({ ...sample, generatorLateMs: 3 }));
    const titles = (report: Parameters<typeof chartsOf>[0]) => chartsOf(report).map(({ title }) => title);
    expect(titles(sampleReport())).toContain('Generator lateness');
    expect(titles(sampleReport({ samples: punctual }))).not.toContain('Generator lateness');
  });

  test('what nobody looked for at the upstream end is not drawn as if it were zero', () => {
    const charts = chartsOf(sampleReport({ verified: false }));
    expect(charts.map(({ title }) => title)).not.toContain('Backlog');
    expect(charts.flatMap(({ lines }) => lines.map(({ name }) => name))).not.toContain('delivered');
  });

  test('a run that delivered and lost nothing is drawn whole where somebody looked', () => {
    const report = sampleReport();
    report.totals = { ...report.totals, delivered: 0, lost: 0 };
    expect(chartsOf(report).map(({ title }) => title)).toContain('Backlog');
  });

  test('a long run is thinned', () => {
    const long = Array.from({ length: 20_000 }, (_, i) => sampleAt(i * 1000, { sent: i * 10, lag: i % 97 }));
    for (const { lines } of chartsOf(sampleReport({ samples: long }))) {
      for (const { points } of lines) expect(points.length).toBeLessThanOrEqual(POINTS_PER_LINE_MAX);
    }
  });
});
