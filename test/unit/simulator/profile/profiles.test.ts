import { describe, expect, test } from 'vitest';
import { createPayloadSource } from '../../../../simulator/payload/create-payload-source.ts';
import { createProfile, isAsleepAtFirst } from '../../../../simulator/profile/create-profile.ts';
import { seededRandom } from '../../../../simulator/seeded-random.ts';
import { payloadsOf, readPayload } from '../payload/payload-of.ts';
import { profileOf, readProfile, stepsBefore, written } from './profile-of.ts';

const HOUR_MS = 3_600_000;

function timesOf(text: string, toMs: number, seed = 1): number[] {
  return stepsBefore(profileOf(text, seed), toMs).map(({ atMs }) => atMs);
}

function pausesOf(times: number[]): number[] {
  return times.slice(1).map((time, i) => time - times[i]);
}

describe.each([
  '{type: fixed, rate: 5/s, jitter: 1}',
  '{type: fixed, rate: 5/s, arrivals: poisson}',
  '{type: burst, every: 10s, messages: 20, spacing: 500ms}',
  '{type: diurnal, rate: 5/s, period: 60s, peakAt: 30s}',
  '{type: duty-cycle, every: 10s, messages: 7, awake: 3s}',
  '{type: store-and-flush, every: 700ms, flushEvery: 9s, awake: 2s}',
])('%s', (text) => {
  test('takes the same steps for the same seed and others for another', () => {
    const steps = (seed: number) => stepsBefore(profileOf(text, seed), 300_000);
    expect(steps(1)).toEqual(steps(1));
    expect(steps(1)).not.toEqual(steps(2));
    expect(steps(1).length).toBeGreaterThan(100);
  });

  test('never takes a step before the one it took last, nor before the start', () => {
    for (let seed = 1; seed <= 20; seed++) {
      let lastMs = 0;
      for (const { atMs } of stepsBefore(profileOf(text, seed), 300_000)) {
        expect(atMs).toBeGreaterThanOrEqual(lastMs);
        lastMs = atMs;
      }
    }
  });
});

describe('a fixed rate', () => {
  test('without jitter is a beat, devices spread over its first period', () => {
    const times = timesOf('{type: fixed, rate: 4/s}', 10_000);
    expect(times).toHaveLength(40);
    for (const pause of pausesOf(times)) expect(pause).toBeCloseTo(250, 6);
    const firsts = Array.from(
      { length: 200 },
      (_, seed) => timesOf('{type: fixed, rate: 4/s}', 250, seed)[0],
    );
    expect(Math.min(...firsts)).toBeLessThan(25);
    expect(Math.max(...firsts)).toBeGreaterThan(225);
  });

  test('begins at once with all devices together', () => {
    expect(timesOf('{type: fixed, rate: 4/s, phase: together}', 1000)).toEqual([0, 250, 500, 750]);
  });

  test('with jitter keeps the rate, and no pause strays by more than the share', () => {
    const times = timesOf('{type: fixed, rate: 10/s, jitter: 0.5}', 1_000_000);
    expect(times.length).toBe(10_000);
    const pauses = pausesOf(times);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(150.001);
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(49.999);
    expect(Math.max(...pauses) - Math.min(...pauses)).toBeGreaterThan(90);
  });

  test('with Poisson arrivals has exponential pauses: mean and deviation alike', () => {
    const times = timesOf('{type: fixed, rate: 10/s, arrivals: poisson}', 2_000_000);
    // Four deviations of the count, which are its root.
    expect(Math.abs(times.length - 20_000)).toBeLessThan(4 * Math.sqrt(20_000));
    const pauses = pausesOf(times);
    const mean = pauses.reduce((a, b) => a + b) / pauses.length;
    const deviation = Math.sqrt(pauses.reduce((sum, pause) => sum + (pause - mean) ** 2, 0) / pauses.length);
    expect(deviation / mean).toBeCloseTo(1, 1);
    const long = pauses.filter((pause) => pause > 2 * mean).length / pauses.length;
    expect(Math.abs(long - Math.exp(-2))).toBeLessThan(0.01);
  });
});

test('a burst is its messages one spacing apart, and then nothing until the next', () => {
  const text = '{type: burst, every: 1m, messages: 3, spacing: 100ms, phase: together}';
  expect(timesOf(text, 120_000)).toEqual([0, 100, 200, 60_000, 60_100, 60_200]);
});

describe('a diurnal rate', () => {
  const text = '{type: diurnal, rate: 2/s, swing: 0.9, peakAt: 15h}';
  const times = timesOf(text, 24 * HOUR_MS);

  test('has its mean over a day', () => {
    const expected = 2 * 86_400;
    expect(Math.abs(times.length - expected)).toBeLessThan(4 * Math.sqrt(expected));
  });

  test('follows the cosine hour by hour', () => {
    const byHour = new Array<number>(24).fill(0);
    for (const time of times) byHour[Math.floor(time / HOUR_MS)]++;
    for (const [hour, count] of byHour.entries()) {
      const angle = (at: number) => (2 * Math.PI * (at - 15)) / 24;
      // The integral of the rate over the hour.
      const swing = (0.9 * 24 * (Math.sin(angle(hour + 1)) - Math.sin(angle(hour)))) / (2 * Math.PI);
      const expected = 7200 * (1 + swing);
      expect(Math.abs(count - expected), `hour ${hour}`).toBeLessThan(4.5 * Math.sqrt(expected));
    }
    expect(byHour[14]).toBeGreaterThan(10 * byHour[2]);
  });
});

test('a duty cycle wakes, sends while it is awake, and sleeps', () => {
  const steps = stepsBefore(
    profileOf('{type: duty-cycle, every: 1m, messages: 2, awake: 4s, phase: together}'),
    70_000,
  );
  expect(written(steps)).toEqual([
    'connect 0',
    'publish 0',
    'publish 2000',
    'disconnect 4000',
    'connect 60000',
    'publish 60000',
    'publish 62000',
    'disconnect 64000',
  ]);
});

describe('store and flush', () => {
  test('keeps readings, and connects to send them now and then', () => {
    const text = '{type: store-and-flush, every: 2s, flushEvery: 6s, awake: 3s, phase: together}';
    expect(written(stepsBefore(profileOf(text), 13_000))).toEqual([
      'hold 0',
      'hold 2000',
      'hold 4000',
      'hold 6000',
      'connect 6000',
      'flush 6000',
      'hold 8000',
      'disconnect 9000',
      'hold 10000',
      'hold 12000',
      'connect 12000',
      'flush 12000',
    ]);
  });

  test('only flushes when it stays connected', () => {
    const text = '{type: store-and-flush, every: 2s, flushEvery: 4s, stayConnected: true, phase: together}';
    expect(written(stepsBefore(profileOf(text), 5000))).toEqual([
      'hold 0',
      'hold 2000',
      'hold 4000',
      'flush 4000',
    ]);
  });

  test('never flushes before the first reading', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const first = profileOf('{type: store-and-flush, every: 5s, flushEvery: 5s, awake: 1s}', seed).next();
      expect(first?.kind).toBe('hold');
    }
  });
});

describe('on change', () => {
  test('speaks at the readings that have changed, and at the latest after so many without', () => {
    const asked: number[] = [];
    const hasChanged = (atMs: number) => {
      asked.push(atMs);
      return atMs === 2000 || atMs === 3000;
    };
    const text = '{type: on-change, every: 1s, unchangedMax: 4, phase: together}';
    const steps = stepsBefore(profileOf(text, 1, { hasChanged }), 12_000);
    expect(written(steps)).toEqual(['publish 2000', 'publish 3000', 'publish 7000', 'publish 11000']);
    expect(asked.slice(0, 5)).toEqual([0, 1000, 2000, 3000, 4000]);
  });

  test('with payloads says only values that differ by more than the deadband', () => {
    const { settings } = readPayload('{type: json, fields: {x: {type: walk, step: 1, deadband: 3}}}');
    const source = createPayloadSource(settings, { seed: 1, clientId: 'd', index: 0 });
    const profile = profileOf('{type: on-change, every: 1s, unchangedMax: 10000}', 1, {
      hasChanged: (atMs) => source.hasChanged(atMs),
    });
    const said: number[] = [];
    let lastMs = 0;
    for (let i = 0; i < 200; i++) {
      lastMs = profile.next()!.atMs;
      said.push(JSON.parse(payloadsOf(source, 1)[0].toString()).x);
    }
    for (const [i, pause] of pausesOf(said).entries()) expect(Math.abs(pause), `${i}`).toBeGreaterThan(3);
    expect(lastMs).toBeGreaterThan(200 * 3000);
  });

  test('is a fault of the caller without payloads to ask', () => {
    const { settings } = readProfile('{type: on-change}');
    expect(() => createProfile(settings, seededRandom(1))).toThrow('made without hasChanged');
  });
});

test('only those that connect by themselves are asleep at first', () => {
  const asleep = ['fixed', 'on-change', 'burst', 'diurnal', 'duty-cycle', 'store-and-flush'].filter((type) =>
    isAsleepAtFirst(readProfile(`{type: ${type}}`).settings),
  );
  expect(asleep).toEqual(['duty-cycle', 'store-and-flush']);
  expect(isAsleepAtFirst(readProfile('{type: store-and-flush, stayConnected: true}').settings)).toBe(false);
});

describe('profile settings', () => {
  test.each(['fixed', 'on-change', 'burst', 'diurnal', 'duty-cycle', 'store-and-flush', 'replay, file: x'])(
    'of type %s have defaults that go together',
    (type) => {
      expect(readProfile(`{type: ${type}}`).problems).toEqual([]);
    },
  );

  test.each([
    ['{type: fixed, rate: fast}', 'profile.rate', '"fast" is not a rate'],
    ['{type: fixed, jitter: 2}', 'profile.jitter', '2 is more than 1'],
    ['{type: steady}', 'profile.type', '"steady" is not a known type'],
    ['{type: replay}', 'profile.file', 'is missing'],
    [
      '{type: burst, every: 1s, messages: 11, spacing: 100ms}',
      'spacing',
      'a burst takes 1s, and the next begins after 1s',
    ],
    ['{type: duty-cycle, every: 5s, awake: 5s}', 'awake', '5s is too long for every'],
    ['{type: store-and-flush, flushEvery: 3s}', 'awake', '5s is too long for flushEvery'],
    ['{type: store-and-flush, every: 2m}', 'every', '2m is too long for flushEvery'],
    ['{type: diurnal, period: 1h}', 'peakAt', '12h is too long for period'],
  ])('%s is a problem with its path and a hint', (text, path, message) => {
    const { problems } = readProfile(text);
    expect(problems).toMatchObject([{ path, message }]);
    expect(problems[0].hint).toMatch(/^(Write|Lower|Did you mean) .*[.?]/);
  });
});
