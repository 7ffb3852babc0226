import { expect, test } from 'vitest';
import type { Logger } from '../../../../config/logger.ts';
import { AdmissionReport } from '../../../../gateway/admission/admission-report.ts';
import type { AdmissionStatus } from '../../../../gateway/admission/admission-status.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

function reporting() {
  const clock = new FakeClock();
  const lines: object[] = [];
  const counts = {
    refusedConnections: { anonymous: 0 } as Record<string, number>,
    refusedPublishes: {} as Record<string, number>,
    deadLetteredPublishes: {} as Record<string, number>,
    refusedSubscribes: 0,
    quotas: { delayed: {}, dropped: {}, disconnected: {}, sampledAway: 0 },
    pressure: { value: 0.12345, source: 'buffer' },
  };
  const log = { info: (line: object) => lines.push(line) } as unknown as Logger;
  const report = new AdmissionReport({ clock, log, status: () => counts as unknown as AdmissionStatus });
  report.start();
  return { clock, lines, counts, report };
}

test('a minute in which nobody was kept out is not worth a line', () => {
  const { clock, lines } = reporting();
  clock.advance(180_000);
  expect(lines).toEqual([]);
});

test('what was kept out or made to wait is told once, by reason, with the pressure', () => {
  const { clock, lines, counts } = reporting();
  counts.refusedConnections.anonymous = 3;
  counts.refusedPublishes['not-authorized'] = 2;
  counts.deadLetteredPublishes['payload-format'] = 4;
  counts.quotas.sampledAway = 7;
  clock.advance(60_000);
  const pressure = { value: 0.123, source: 'buffer' };
  expect(lines).toEqual([
    {
      refusedConnections: { anonymous: 3 },
      refusedPublishes: { 'not-authorized': 2 },
      deadLetteredPublishes: { 'payload-format': 4 },
      other: { sampledAway: 7 },
      pressure,
    },
  ]);
  counts.refusedConnections.anonymous = 4;
  clock.advance(120_000);
  expect(lines.slice(1)).toEqual([{ refusedConnections: { anonymous: 1 }, pressure }]);
});

test('nothing is told after the stop', () => {
  const { clock, lines, counts, report } = reporting();
  report.stop();
  counts.refusedSubscribes = 1;
  clock.advance(120_000);
  expect(lines).toEqual([]);
});
