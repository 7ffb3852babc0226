import { expect, test } from 'vitest';
import type { Logger } from '../../../../config/logger.ts';
import { AdmissionReport } from '../../../../gateway/admission/admission-report.ts';
import type { AdmissionStatus } from '../../../../gateway/admission/admission-status.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

const nobodyWaits = {
  delayedClients: 0,
  mostDelayed: [] as object[],
  waitingForDay: 0,
  someWaitingForDay: [] as object[],
};

function reporting() {
  const clock = new FakeClock();
  const lines: object[] = [];
  const counts = {
    refusedConnections: { anonymous: 0 } as Record<string, number>,
    refusedPublishes: {} as Record<string, number>,
    deadLetteredPublishes: {} as Record<string, number>,
    refusedSubscribes: 0,
    quotas: { delayed: {}, dropped: {}, disconnected: {}, sampledAway: 0, delays: nobodyWaits },
    pressure: { value: 0.12345, source: 'buffer', taken: [] as string[] },
  };
  const log = { info: (line: object) => lines.push(line) } as unknown as Logger;
  const early = { refusedHandshakes: { timeout: 0 } as Record<string, number> };
  let toldDelays = 0;
  const report = new AdmissionReport({
    clock,
    log,
    status: () => counts as unknown as AdmissionStatus,
    refusedEarly: () => early,
    delaysTold: () => void toldDelays++,
  });
  report.start();
  return { clock, lines, counts, report, early, toldDelays: () => toldDelays };
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
  const pressure = { value: 0.123, source: 'buffer', steps: [] };
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

test('as long as a step against pressure is in force, every minute says so', () => {
  const { clock, lines, counts } = reporting();
  counts.pressure = { value: 0.9996, source: 'buffer', taken: ['shedQos0', 'stopReading'] };
  clock.advance(120_000);
  const pressure = { value: 1, source: 'buffer', steps: ['shedQos0', 'stopReading'] };
  expect(lines).toEqual([{ pressure }, { pressure }]);
  counts.pressure.taken = [];
  clock.advance(120_000);
  expect(lines).toHaveLength(2);
});

test('those who were refused before they were clients are in it', () => {
  const { clock, lines, early } = reporting();
  early.refusedHandshakes.timeout = 2;
  clock.advance(120_000);
  expect(lines).toEqual([expect.objectContaining({ refusedHandshakes: { timeout: 2 } })]);
});

test('the clients that were made to wait are named, and counted anew once they are told', () => {
  const { clock, lines, counts, toldDelays } = reporting();
  clock.advance(60_000);
  expect(toldDelays()).toBe(0);
  const slow = { client: 'slow', group: 'default', limit: 'messageRate', times: 3, waitedMs: 900 };
  const delays = { ...nobodyWaits, delayedClients: 1, mostDelayed: [slow] };
  Object.assign(counts.quotas, { delayed: { messageRate: 3 }, delays });
  clock.advance(60_000);
  expect(lines).toEqual([expect.objectContaining({ delayed: { messageRate: 3 }, delays })]);
  expect(toldDelays()).toBe(1);
});

test('one who waits for the next day is told of again once an hour', () => {
  const { clock, lines, counts } = reporting();
  const idle = { client: 'idle', group: 'default', limit: 'dailyBytes', times: 1, waitedMs: 900 };
  const delays = { ...nobodyWaits, delayedClients: 1, waitingForDay: 1, someWaitingForDay: [idle] };
  Object.assign(counts.quotas, { delayed: { dailyBytes: 1 }, delays });
  clock.advance(60_000);
  expect(lines).toHaveLength(1);
  clock.advance(59 * 60_000);
  expect(lines).toHaveLength(1);
  clock.advance(60_000);
  expect(lines.slice(1)).toEqual([expect.objectContaining({ waiting: { dailyBytes: 1 }, delays })]);
});

test('nothing is told after the stop', () => {
  const { clock, lines, counts, report } = reporting();
  report.stop();
  counts.refusedSubscribes = 1;
  clock.advance(120_000);
  expect(lines).toEqual([]);
});
