import { describe, expect, test } from 'vitest';
import { LINE_COLUMNS_MAX, reportLines } from '../../../../simulator/report/report-lines.ts';
import { textWidth } from '../../../../simulator/report/text-width.ts';
import { verdictSentence } from '../../../../simulator/report/verdict-words.ts';
import { sampleReport } from '../../../support/sample-report.ts';

describe('the last lines', () => {
  test('say verdict, checks, totals, examples and remarks, in columns', () => {
    expect(reportLines(sampleReport())).toEqual([
      'FAIL  outage-kill-storm: 1 of 6 checks did not hold: loss.',
      'run k3x9, seed 42, 2 min, Sluice 0.9.0, fsync every batch, keep 1 GiB',
      '',
      'checks',
      '  FAILED  loss                  wanted 0       got 5',
      '  ok      reorder               wanted 0       got 0',
      '  ok      duplicatesNewName     wanted 0       got 0',
      '  ok      p99Ack                wanted 250 ms  got 38.4 ms',
      '  ok      drain                 wanted 30 s    got 12.5 s',
      '  open    p99LiveWhileDraining  wanted 2 s     got lanes are not known',
      '',
      'totals',
      '  sent              102,927  858/s on average, 14.6 MB of payload',
      '  acked             102,905  99.97 % of QoS 1 and 2, 22 refused',
      '  delivered         102,900  99.97 % of sent',
      '  lost                    5  acked, never delivered',
      '  again, same name      842  a consumer can tell',
      '  again, new name         0  a consumer cannot tell',
      '  reordered               0  within a device',
      '  ack p99           38.4 ms  p50 1.3 ms, max 403 ms',
      '  end-to-end p99     531 ms  p50 18 ms, max 5.58 s',
      '  drain              12.5 s  until nothing was owed, live p99 6.2 s',
      '',
      'first examples',
      '  Acknowledged and never delivered:',
      '    device-7 12-15',
      '    device-803 44',
      '  Delivered again under the same name:',
      '    device-1 20',
      '    device-12 19-20',
      '',
      'remarks',
      '  The generator was up to 140 ms late in the storm: latencies there include its own delay.',
    ]);
  });

  test('are never wider than the limit and never move the cursor', () => {
    const wide = `\u001b[2J${'温度 '.repeat(60)}`;
    const report = sampleReport({
      remarks: [wide],
      checks: [{ name: wide, wanted: wide, got: wide, ok: false }],
    });
    report.scenario.name = wide;
    report.totals.examples = { lost: [wide] };
    for (const line of reportLines(report)) {
      expect(textWidth(line)).toBeLessThanOrEqual(LINE_COLUMNS_MAX);
      expect(line).not.toContain('\u001b');
    }
  });

  test('say a dash, not a zero, where nothing was verified', () => {
    const lines = reportLines(sampleReport({ verified: false }));
    expect(lines).toContainEqual(expect.stringMatching(/^Not verified: nobody listened/));
    expect(lines.filter((line) => /^ {2}(delivered|lost|again|reordered)/.test(line))).toHaveLength(5);
    expect(lines.filter((line) => /– {2}nothing was verified$/.test(line))).toHaveLength(5);
  });

  test('say a zero where somebody looked and nothing had arrived', () => {
    const report = sampleReport();
    report.totals = { ...report.totals, delivered: 0, lost: 0, lostQos0: 0 };
    const lines = reportLines(report);
    expect(lines).toContainEqual(expect.stringMatching(/^ {2}delivered +0 /));
    expect(lines.join('\n')).not.toMatch(/not verified/i);
  });

  test('leave out what there is nothing of', () => {
    const report = sampleReport({ checks: [], remarks: [], verdict: 'pass' });
    report.totals.examples = { lost: [] };
    const lines = reportLines(report);
    for (const title of ['checks', 'first examples', 'remarks']) expect(lines).not.toContain(title);
  });
});

describe('the verdict in a sentence', () => {
  const held = { name: 'loss', wanted: '0', got: '0', ok: true };

  test('names what could not be judged', () => {
    const checks = [held, { name: 'drain', wanted: '30 s', got: 'no fault', ok: null }];
    expect(verdictSentence(sampleReport({ checks, verdict: 'inconclusive' }))).toBe(
      '1 of 2 checks could not be judged: drain.',
    );
  });

  test('does not call a run good that is inconclusive for another reason', () => {
    expect(verdictSentence(sampleReport({ checks: [held], verdict: 'pass' }))).toBe('The check held.');
    expect(verdictSentence(sampleReport({ checks: [held, held], verdict: 'inconclusive' }))).toContain(
      'worth less',
    );
  });
});
