import { describe, expect, test } from 'vitest';
import type { Totals } from '../../../../simulator/report/report.ts';
import { type CheckContext, checksOf, verdictOf } from '../../../../simulator/run/checks.ts';
import { parseScenario } from '../../../../simulator/scenario/load-scenario.ts';
import type { Verdict } from '../../../../simulator/scenario/scenario-settings.ts';
import { sampleReport } from '../../../support/sample-report.ts';

/** Nothing is judged but what `change` says. */
const NOTHING_JUDGED: Verdict = {
  loss: -1,
  lossQos0: -1,
  reorder: -1,
  duplicates: -1,
  namesReused: -1,
  damaged: -1,
  refused: -1,
  unacked: -1,
  skipped: -1,
  unsent: -1,
  p99Ack: 0,
  p99EndToEnd: 0,
  p99Live: 0,
  drain: 0,
  delivered: -1,
  undisturbed: [],
};

function check(verdict: Partial<Verdict>, totals: Partial<Totals>, more: Partial<CheckContext> = {}) {
  const context: CheckContext = {
    totals: { ...sampleReport().totals, ...totals },
    groups: [],
    samples: [],
    isVerified: true,
    isGeneratorLate: false,
    isReceiverSure: true,
    ...more,
  };
  return checksOf({ ...NOTHING_JUDGED, ...verdict }, context);
}

function latency(p99: number, count = 100) {
  return { count, p50: 1, p90: 1, p99, p999: 1, max: 1 };
}

describe('a threshold of a count', () => {
  test.each<[keyof Verdict, keyof Totals]>([
    ['loss', 'lost'],
    ['lossQos0', 'lostQos0'],
    ['reorder', 'reordered'],
    ['duplicates', 'duplicatesNewName'],
    ['namesReused', 'namesReused'],
    ['damaged', 'damaged'],
    ['refused', 'refused'],
    ['unacked', 'unacked'],
    ['skipped', 'skipped'],
    ['unsent', 'unsent'],
  ])('%s is kept by as many, and broken by one more', (name, total) => {
    expect(check({ [name]: 3 }, { [total]: 3 })).toEqual([{ name, wanted: 'at most 3', got: '3', ok: true }]);
    expect(check({ [name]: 3 }, { [total]: 4 })).toEqual([
      { name, wanted: 'at most 3', got: '4', ok: false },
    ]);
  });

  test('of deliveries is a least', () => {
    expect(check({ delivered: 5 }, { delivered: 5 })[0]).toMatchObject({ wanted: 'at least 5', ok: true });
    expect(check({ delivered: 5 }, { delivered: 4 })[0]).toMatchObject({ got: '4', ok: false });
  });

  test('of losses is open, not failed, when the receiver may have missed messages', () => {
    const doubt = { isReceiverSure: false };
    expect(check({ loss: 0 }, { lost: 2 }, doubt)).toEqual([
      { name: 'loss', wanted: 'at most 0', got: '2, but the receiver may have missed messages', ok: null },
    ]);
    expect(check({ lossQos0: 1, reorder: 0 }, { lostQos0: 1, reordered: 1 }, doubt)).toMatchObject([
      { name: 'lossQos0', ok: true },
      { name: 'reorder', ok: false },
    ]);
  });

  test('of what was not sent is open when the generator was late itself', () => {
    const late = { isGeneratorLate: true };
    expect(check({ unsent: 0, skipped: 0 }, { unsent: 2, skipped: 2 }, late)).toMatchObject([
      { name: 'skipped', ok: false },
      { name: 'unsent', ok: null, got: '2, but the generator was late itself' },
    ]);
  });

  test('of -1 judges nothing', () => {
    expect(check({}, { lost: 1000, delivered: 0 })).toEqual([]);
  });
});

describe('a threshold of a time', () => {
  test.each<[keyof Verdict, (ms: number) => Partial<Totals>]>([
    ['p99Ack', (p99) => ({ ack: latency(p99) })],
    ['p99EndToEnd', (p99) => ({ endToEnd: latency(p99) })],
    ['p99Live', (p99) => ({ liveWhileDraining: latency(p99) })],
    ['drain', (drainMs) => ({ drainMs })],
  ])('%s is kept up to the ms, and broken beyond', (name, totals) => {
    expect(check({ [name]: 1500 }, totals(1500))).toEqual([
      { name, wanted: 'at most 1.5 s', got: '1.5 s', ok: true },
    ]);
    expect(check({ [name]: 1500 }, totals(1500.04))).toMatchObject([{ ok: false }]);
  });

  test.each<[keyof Verdict, Partial<Totals>, RegExp]>([
    ['p99Ack', { ack: latency(0, 0) }, /nothing was acknowledged/],
    ['p99EndToEnd', { endToEnd: latency(0, 0) }, /nothing arrived/],
    ['p99Live', { liveWhileDraining: null }, /nothing new was sent/],
    ['p99Live', { liveWhileDraining: latency(0, 0) }, /nothing new was sent/],
    ['drain', { drainMs: null }, /no backlog/],
  ])('%s is not judged without anything measured, and says why', (name, totals, why) => {
    expect(check({ [name]: 1000 }, totals)).toMatchObject([{ ok: null, got: expect.stringMatching(why) }]);
  });

  test('is not failed by a generator that was late itself', () => {
    const verdict = { p99Ack: 10, drain: 10 };
    const late = check(verdict, { ack: latency(11), drainMs: 9 }, { isGeneratorLate: true });
    expect(late).toMatchObject([
      { name: 'p99Ack', ok: null, got: '11 ms, but the generator was late itself' },
      { name: 'drain', ok: true, got: '9 ms' }, // it was kept all the same
    ]);
  });
});

describe('without an upstream to verify at', () => {
  test('what only the far end can tell is not judged, and the rest is', () => {
    const verdict: Partial<Verdict> = {
      loss: 0,
      lossQos0: 0,
      reorder: 0,
      duplicates: 0,
      namesReused: 0,
      damaged: 0,
      refused: 0,
      unacked: 0,
      skipped: 0,
      unsent: 0,
      p99Ack: 100,
      p99EndToEnd: 100,
      p99Live: 100,
      drain: 100,
    };
    const totals = { refused: 0, unacked: 1, skipped: 0, unsent: 0, ack: latency(5) };
    const checks = check(verdict, totals, { isVerified: false });
    const judged = checks.filter(({ ok }) => ok !== null).map(({ name, ok }) => [name, ok]);
    expect(judged).toEqual([
      ['refused', true],
      ['unacked', false],
      ['skipped', true],
      ['unsent', true],
      ['p99Ack', true],
    ]);
    const others = checks.filter(({ ok }) => ok === null).map(({ got }) => got);
    expect(others).toHaveLength(9);
    expect(new Set(others)).toEqual(new Set(['not verified: no upstream was given']));
  });
});

describe('the verdict', () => {
  const of = (...oks: (boolean | null)[]) =>
    verdictOf(oks.map((ok) => ({ name: 'x', wanted: '', got: '', ok })));

  test('passes when everything is as it should be, or nothing is judged', () => {
    expect(of(true, true)).toBe('pass');
    expect(of()).toBe('pass');
  });

  test('is open when something could not be judged', () => {
    expect(of(true, null)).toBe('inconclusive');
  });

  test('fails for one thing that is wrong, whatever could not be judged', () => {
    expect(of(true, false, null)).toBe('fail');
  });
});

test('by default loss, disorder, reused names, damage and open ends are judged', () => {
  const loaded = parseScenario(
    'name: x\nwhy: y\nsystem: {type: external, gateway: "mqtt://h"}\n' +
      'groups: {g: {devices: 1, profile: {type: flood}, payload: {type: bytes}}}\ntimeline: [{name: p, for: 1s}]',
  );
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const { totals } = sampleReport();
  const checks = checksOf(loaded.scenario.verdict, {
    totals,
    groups: [],
    samples: [],
    isVerified: true,
    isGeneratorLate: false,
    isReceiverSure: true,
  });
  expect(checks.map(({ name }) => name)).toEqual([
    'loss',
    'reorder',
    'namesReused',
    'damaged',
    'unacked',
    'unsent',
    'delivered',
  ]);
});

describe('a group that must not feel what happens to others', () => {
  const phase = (name: string, p99: number, count = 10_000, lengthMs = 10_000) => ({
    name,
    lengthMs,
    ack: latency(p99, count),
  });
  const judged = (
    quiet: ReturnType<typeof phase>,
    loud: ReturnType<typeof phase>,
    isGeneratorLate = false,
  ) => {
    const undisturbed = [{ group: 'meter', quiet: 'quiet', during: 'loud', p99AckTimes: 2, rateShare: 0.99 }];
    const groups = [
      { name: 'baby', phases: [phase('quiet', 1), phase('loud', 1)] },
      { name: 'meter', phases: [phase('arrival', 900), quiet, loud] },
    ];
    return check({ undisturbed }, {}, { groups, isGeneratorLate });
  };

  test('is compared with itself, its latency and its rate', () => {
    expect(judged(phase('quiet', 20), phase('loud', 40, 19_800, 20_000))).toEqual([
      {
        name: 'meter p99Ack',
        wanted: 'loud at most 2 x quiet',
        got: '2.00 x (40 ms)',
        ok: true,
      },
      {
        name: 'meter rate',
        wanted: 'loud at least 99 % of quiet',
        got: '99 % (990.0/s)',
        ok: true,
      },
    ]);
  });

  test.each([
    ['slower than that', phase('loud', 41), [false, true]],
    ['less often than that', phase('loud', 20, 9899), [true, false]],
    ['not at all', phase('loud', 0, 0), [false, false]],
  ])('is disturbed when it is acknowledged %s', (_what, loud, expected) => {
    expect(judged(phase('quiet', 20), loud).map(({ ok }) => ok)).toEqual(expected);
  });

  test('is not judged where the generator was late by as much as is too much', () => {
    const undisturbed = [{ group: 'meter', quiet: 'quiet', during: 'loud', p99AckTimes: 2, rateShare: 0 }];
    const groups = [{ name: 'meter', phases: [phase('quiet', 20), phase('loud', 50)] }];
    const late = (generatorLateMs: number) => {
      const samples = [
        { phase: 'quiet', generatorLateMs: 1000 },
        { phase: 'loud', generatorLateMs: 1 },
        { phase: 'loud', generatorLateMs },
      ];
      return check({ undisturbed }, {}, { groups, samples });
    };
    expect(late(9)).toMatchObject([{ ok: false, got: '2.50 x (50 ms)' }]);
    expect(late(10)).toMatchObject([
      { ok: null, got: '2.50 x (50 ms), but the generator was up to 10 ms late itself' },
    ]);
  });

  test('is not judged by a generator that was late itself, but what was good is good', () => {
    expect(judged(phase('quiet', 20), phase('loud', 41), true)).toMatchObject([
      { ok: null, got: '2.05 x (41 ms), but the generator was late itself' },
      { ok: true },
    ]);
  });

  test('is not judged where there is nothing to compare with', () => {
    expect(judged(phase('quiet', 0, 0), phase('loud', 20))).toMatchObject([
      { ok: null, got: 'nothing to compare with' },
    ]);
    expect(judged(phase('quiet', 20), phase('another', 20))).toMatchObject([
      { ok: null, got: 'not reached' },
    ]);
  });
});
