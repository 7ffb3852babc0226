import { describe, expect, test } from 'vitest';
import { payloadsOf, sourceOf, valuesOf } from './payload-of.ts';

function mean(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

const seeds = [1, 2, 3, 4, 5];

describe('a walk', () => {
  test('stays between its limits and moves by at most its step', () => {
    for (const seed of seeds) {
      const values = valuesOf('{type: walk, min: -5, max: 5, step: 0.5, decimals: 3}', { count: 5000, seed });
      expect(Math.max(...values)).toBeLessThanOrEqual(5);
      expect(Math.min(...values)).toBeGreaterThanOrEqual(-5);
      for (let i = 1; i < values.length; i++)
        expect(Math.abs(values[i] - values[i - 1])).toBeLessThanOrEqual(0.5011);
      expect(new Set(values).size).toBeGreaterThan(1000);
    }
  });

  test('has the decimals that were asked for, and no minus zero', () => {
    for (const text of valuesOf('{type: walk, min: -1, max: 1, decimals: 1}').map(String))
      expect(text).toMatch(/^(0|-?0\.[1-9]|-?1)$/);
  });
});

describe('a sine', () => {
  test('goes from its smallest to its largest value and is back after a period', () => {
    const values = valuesOf('{type: sine, min: 10, max: 30, period: 100s}', { count: 201 });
    expect(Math.max(...values)).toBeCloseTo(30, 1);
    expect(Math.min(...values)).toBeCloseTo(10, 1);
    for (let i = 0; i <= 100; i++) expect(values[i + 100]).toBeCloseTo(values[i], 1);
  });

  test('has noise of at most the size that was asked for', () => {
    const options = { count: 500 };
    const smooth = valuesOf('{type: sine, decimals: 6}', options);
    const noisy = valuesOf('{type: sine, noise: 2, decimals: 6}', options);
    const deviations = noisy.map((value, i) => Math.abs(value - smooth[i]));
    expect(Math.max(...deviations)).toBeLessThanOrEqual(2.000001);
    expect(Math.max(...deviations)).toBeGreaterThan(1.9);
  });
});

describe('a step', () => {
  test('takes its levels in turn, each for its time', () => {
    const values = valuesOf('{type: step, values: [1, 5, 2.5], every: 2s}', { count: 8 });
    expect(values).toEqual([1, 1, 5, 5, 2.5, 2.5, 1, 1]);
  });

  test('without levels draws them between its limits', () => {
    const values = valuesOf('{type: step, min: 4, max: 6, every: 10s}', { count: 1000 });
    expect(new Set(values).size).toBeGreaterThan(50);
    expect(new Set(values).size).toBeLessThanOrEqual(100);
    for (let i = 0; i < 1000; i++) expect(values[i]).toBe(values[i - (i % 10)]);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(4);
    expect(Math.max(...values)).toBeLessThanOrEqual(6);
  });
});

describe('an enum', () => {
  const shareOf = (words: string[], wanted: string) =>
    words.filter((word) => word === wanted).length / words.length;

  test('draws its words by their weights', () => {
    const words = valuesOf<string>('{type: enum, values: [a, b, c, d], weights: [1, 0, 2, 1], stay: 0}', {
      count: 20_000,
    });
    expect(shareOf(words, 'a')).toBeCloseTo(0.25, 1);
    expect(shareOf(words, 'b')).toBe(0);
    expect(shareOf(words, 'c')).toBeCloseTo(0.5, 1);
  });

  test('keeps a word from one reading to the next as often as it is told', () => {
    const words = valuesOf<string>('{type: enum, values: [a, b], stay: 0.8}', { count: 20_000 });
    const kept = words.filter((word, i) => i > 0 && word === words[i - 1]).length / words.length;
    // Drawn anew a word can be the same again.
    expect(kept).toBeCloseTo(0.9, 1);
    expect(Math.abs(kept - 0.9)).toBeLessThan(0.01);
  });
});

test('a counter counts every reading', () => {
  expect(valuesOf('{type: counter, start: 10, step: -3}', { count: 4 })).toEqual([10, 7, 4, 1]);
});

test('gaussian values have the mean and deviation that were asked for', () => {
  const values = valuesOf('{type: gaussian, mean: 50, deviation: 4}', { count: 20_000 });
  expect(Math.abs(mean(values) - 50)).toBeLessThan(0.1);
  const deviation = Math.sqrt(mean(values.map((value) => (value - 50) ** 2)));
  expect(Math.abs(deviation - 4)).toBeLessThan(0.1);
  const within = values.filter((value) => Math.abs(value - 50) <= 4).length / values.length;
  expect(Math.abs(within - 0.6827)).toBeLessThan(0.01);
});

describe('a GPS track', () => {
  interface Position {
    lat: number;
    lon: number;
  }
  const metresBetween = (a: Position, b: Position) =>
    Math.hypot((a.lat - b.lat) * 111_320, (a.lon - b.lon) * 111_320 * Math.cos((a.lat * Math.PI) / 180));
  const headingOf = (a: Position, b: Position) =>
    Math.atan2((b.lon - a.lon) * Math.cos((a.lat * Math.PI) / 180), b.lat - a.lat);

  test('starts near its place and moves at its speed', () => {
    for (const seed of seeds) {
      const track = valuesOf<Position>('{type: gps, lat: 48, lon: 11, spread: 100, speed: 20}', { seed });
      expect(metresBetween(track[0], { lat: 48, lon: 11 })).toBeLessThan(101);
      for (let i = 1; i < track.length; i++) expect(metresBetween(track[i - 1], track[i])).toBeCloseTo(20, 0);
    }
  });

  test('turns smoothly, and does turn', () => {
    const track = valuesOf<Position>('{type: gps, speed: 30}', { count: 1000 });
    const turns: number[] = [];
    for (let i = 2; i < track.length; i++) {
      const turn = headingOf(track[i - 1], track[i]) - headingOf(track[i - 2], track[i - 1]);
      turns.push(Math.atan2(Math.sin(turn), Math.cos(turn)));
    }
    expect(Math.max(...turns.map(Math.abs))).toBeLessThan(0.5);
    // From one second to the next it goes on turning the same way.
    const alike = turns.filter((turn, i) => i > 0 && Math.sign(turn) === Math.sign(turns[i - 1])).length;
    expect(alike / turns.length).toBeGreaterThan(0.8);
    expect(metresBetween(track[0], track[999])).toBeLessThan(0.9 * 30 * 999);
  });

  test('stays on the globe at its edges', () => {
    for (const place of ['lat: 85, lon: 0', 'lat: 0, lon: 180', 'lat: -85, lon: -180']) {
      const track = valuesOf<Position>(`{type: gps, ${place}, speed: 1000}`, {
        count: 2000,
        everyMs: 60_000,
      });
      for (const { lat, lon } of track) {
        expect(Math.abs(lat)).toBeLessThanOrEqual(85);
        expect(Math.abs(lon)).toBeLessThanOrEqual(180);
      }
    }
  });
});

test('a battery drains to its limit, is charged, and drains again', () => {
  const everyMs = 60_000;
  const battery = '{type: battery, capacity: 50, lasts: 10h, charges: 1h, rechargeAt: 0.2, decimals: 4}';
  const values = valuesOf(battery, { count: 3000, everyMs });
  expect(Math.max(...values)).toBeCloseTo(50, 0);
  expect(Math.min(...values)).toBeCloseTo(10, 0);
  expect(Math.min(...values)).toBeGreaterThanOrEqual(10);
  const falls = values.filter((value, i) => i > 0 && value < values[i - 1]).length;
  // Ten hours down for one up.
  expect(falls / values.length).toBeCloseTo(10 / 11, 1);
  expect(values[0]).not.toBe(valuesOf(battery, { seed: 2, count: 1 })[0]);
});

test('what is constant stays so', () => {
  expect(new Set(valuesOf('{type: constant, value: 2.5}'))).toEqual(new Set([2.5]));
  expect(new Set(valuesOf<string>('{type: text, value: hello}'))).toEqual(new Set(['hello']));
});

test('a field says the same whatever other fields there are', () => {
  const alone = valuesOf('{type: walk}', { count: 50 });
  const source = sourceOf(
    '{type: json, fields: {a: {type: sine, noise: 3}, x: {type: walk}, z: {type: gaussian}}}',
  );
  expect(payloadsOf(source, 50).map((payload) => JSON.parse(payload.toString()).x)).toEqual(alone);
});

describe('whether values have changed', () => {
  test('is decided by their deadband, from what was sent last', () => {
    const source = sourceOf(
      '{type: json, fields: {x: {type: step, values: [0, 3, 6, 4, 20], every: 1s, deadband: 5}}}',
    );
    expect(source.hasChanged(0)).toBe(true);
    payloadsOf(source, 1);
    expect([1000, 2000].map((atMs) => source.hasChanged(atMs))).toEqual([false, true]);
    const [sent] = payloadsOf(source, 1);
    expect(JSON.parse(sent.toString()).x).toBe(6);
    expect([3000, 4000].map((atMs) => source.hasChanged(atMs))).toEqual([false, true]);
  });

  test('goes by any difference for words and without a deadband', () => {
    const changes = (generator: string) => {
      const source = sourceOf(`{type: cbor, fields: {x: ${generator}}}`);
      return [0, 1000, 2000].map((atMs) => {
        const changed = source.hasChanged(atMs);
        payloadsOf(source, 1);
        return changed;
      });
    };
    expect(changes('{type: text, value: a}')).toEqual([true, false, false]);
    expect(changes('{type: counter}')).toEqual([true, true, true]);
    expect(changes('{type: enum, values: [a, b], stay: 1}')).toEqual([true, false, false]);
  });

  test('a payload carries the readings that had changed, taken at their time and not at its own', () => {
    const source = sourceOf('{type: json, fields: {x: {type: counter}}}');
    source.hasChanged(0);
    source.hasChanged(1000);
    const said = payloadsOf(source, 3).map((payload) => JSON.parse(payload.toString()).x);
    expect(said).toEqual([1, 1, 1]);
  });
});
