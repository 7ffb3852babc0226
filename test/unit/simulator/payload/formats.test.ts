import { decode } from 'cbor-x';
import { describe, expect, test } from 'vitest';
import { MARK_BYTES_MAX, writeMark } from '../../../../simulator/mark.ts';
import { markOf, marksOf, payloadsOf, START_MS, sourceOf } from './payload-of.ts';

const fields = `{
  temp: {type: walk, unit: Cel}, wave: {type: sine, noise: 1}, level: {type: step}, state: {type: enum, values: [on, "o\\"ff"]},
  count: {type: counter}, noise: {type: gaussian}, at: {type: gps}, charge: {type: battery}, limit: {type: constant, value: 5},
  place: {type: text, value: "Hof £"}}`.replaceAll('\n', ' ');
const own = ['temp', 'wave', 'level', 'state', 'count', 'noise', 'at', 'charge', 'limit', 'place'];

const formats = [
  `{type: json, fields: ${fields}, sequence: true}`,
  `{type: json, fields: ${fields}, time: iso}`,
  `{type: cbor, fields: ${fields}}`,
  `{type: senml, fields: ${fields}}`,
  `{type: sparkplug, fields: ${fields}}`,
  `{type: template, fields: ${fields}, text: "{clientId},{device},{seq},{time},{mark},{at.lat},{state}"}`,
  '{type: json, fields: {}}',
  '{type: cbor, fields: {}}',
  '{type: senml, fields: {}}',
  '{type: sparkplug, fields: {}}',
  '{type: bytes, size: 100}',
  '{type: bytes, size: 1000, filler: zeros}',
];

describe.each(formats)('%s', (format) => {
  test('has the mark of each message', () => {
    expect(marksOf(payloadsOf(sourceOf(format), 100))).toEqual(
      Array.from({ length: 100 }, (_, i) => markOf(i)),
    );
  });

  test('is the same for the same seed, device and times, to the byte', () => {
    const [one, other] = [payloadsOf(sourceOf(format), 200), payloadsOf(sourceOf(format), 200)];
    expect(Buffer.concat(one).equals(Buffer.concat(other))).toBe(true);
  });

  test('payloads that were made stay as they are when others are made', () => {
    const payloads = payloadsOf(sourceOf(format), 2000);
    expect(payloads[0].equals(payloadsOf(sourceOf(format), 1)[0])).toBe(true);
  });
});

test.each(formats.filter((format) => !format.includes('fields: {}') && !format.includes('zeros')))(
  'another device and another seed say something else: %s',
  (format) => {
    const text = (device: object) =>
      Buffer.concat(payloadsOf(sourceOf(format, device), 20)).toString('latin1');
    expect(text({ index: 8 })).not.toBe(text({ index: 7 }));
    expect(text({ seed: 2 })).not.toBe(text({ seed: 1 }));
  },
);

function only(format: string, sequence = 3): Buffer {
  return payloadsOf(sourceOf(format), sequence + 1)[sequence];
}

describe('json', () => {
  test('is an object of mark, time, count and fields, a position as two numbers', () => {
    const parsed = JSON.parse(only(`{type: json, fields: ${fields}, sequence: true}`).toString());
    expect(Object.keys(parsed)).toEqual(['mark', 'time', 'seq', ...own]);
    expect(parsed).toMatchObject({ time: START_MS + 3000, seq: 3, count: 3, limit: 5, place: 'Hof £' });
    expect(parsed.at).toEqual({ lat: expect.any(Number), lon: expect.any(Number) });
  });

  test('has the time in the form that was asked for', () => {
    const timeOf = (form: string) => JSON.parse(only(`{type: json, time: ${form}}`).toString()).time;
    expect([timeOf('ms'), timeOf('iso'), timeOf('none')]).toEqual([
      START_MS + 3000,
      '2026-01-01T00:00:03.000Z',
      undefined,
    ]);
  });
});

test('cbor is a plain map with the same keys and values as json', () => {
  const settings = `fields: ${fields}, sequence: true, time: iso`;
  const payload = only(`{type: cbor, ${settings}}`);
  // Major type 5, and no tag: what any decoder takes for a map.
  expect(payload[0] >> 5).toBe(5);
  expect(decode(payload)).toEqual(JSON.parse(only(`{type: json, ${settings}}`).toString()));
});

test('senml is a pack of records that resolve to a name, a time and a value or text', () => {
  const pack = JSON.parse(
    only(`{type: senml, fields: ${fields}, baseName: "urn:dev:x y:{clientId}:"}`).toString(),
  );
  const [base, ...rest] = pack;
  expect(base).toEqual({
    bn: 'urn:dev:x-y:pump-7:',
    bt: START_MS / 1000 + 3,
    n: 'mark',
    vs: writeMark(markOf(3)),
  });
  expect(rest.map(({ n }: { n: string }) => n)).toEqual([
    ...own.slice(0, 6),
    'at/lat',
    'at/lon',
    ...own.slice(7),
  ]);
  for (const { n, v, vs } of rest) {
    expect(`${base.bn}${n}`).toMatch(/^[A-Za-z0-9][A-Za-z0-9:./_-]*$/);
    expect([typeof v, typeof vs].toSorted()).toEqual(
      n === 'state' || n === 'place' ? ['string', 'undefined'] : ['number', 'undefined'],
    );
  }
  expect(rest[0].u).toBe('Cel');
  expect(rest[1]).not.toHaveProperty('u');
});

test('the sparkplug-like payload has metrics with a type, and a sequence that wraps at 256', () => {
  const { timestamp, seq, metrics } = JSON.parse(
    only(`{type: sparkplug, fields: ${fields}}`, 258).toString(),
  );
  expect([timestamp, seq]).toEqual([START_MS + 258_000, 2]);
  expect(metrics.map(({ name, dataType }: Record<string, string>) => `${name} ${dataType}`)).toEqual([
    'mark String',
    'temp Double',
    'wave Double',
    'level Double',
    'state String',
    'count Double',
    'noise Double',
    'at/lat Double',
    'at/lon Double',
    'charge Double',
    'limit Double',
    'place String',
  ]);
  expect(metrics[1].properties).toEqual({ engUnit: { type: 'String', value: 'Cel' } });
});

describe('template', () => {
  test('replaces its placeholders and leaves other braces alone', () => {
    const text = '<{clientId} {device}>{ {"a": {count}, "b":{}} }{mark}{timeIso}/{time}/{seq}';
    const said = only(
      `{type: template, text: '${text}', fields: {count: {type: counter, start: 10}}}`,
    ).toString();
    const mark = writeMark(markOf(3));
    expect(said).toBe(`<pump-7 7>{ {"a": 13, "b":{}} }${mark}2026-01-01T00:00:03.000Z/${START_MS + 3000}/3`);
  });
});

describe('bytes', () => {
  test.each([MARK_BYTES_MAX, 100, 103, 5000])('are exactly %d, the mark at the head', (size) => {
    for (const payload of payloadsOf(sourceOf(`{type: bytes, size: ${size}}`), 10)) {
      expect(payload.length).toBe(size);
      expect(payload.indexOf('~s1.')).toBe(0);
    }
  });

  test('after the mark are random in every payload, or zeros', () => {
    const [one, other] = payloadsOf(sourceOf('{type: bytes, size: 4KiB}'), 2);
    expect(one.subarray(100).equals(other.subarray(100))).toBe(false);
    expect(new Set(one.subarray(100)).size).toBe(256);
    const [zeros] = payloadsOf(sourceOf('{type: bytes, size: 4KiB, filler: zeros}'), 1);
    expect(new Set(zeros.subarray(MARK_BYTES_MAX))).toEqual(new Set([0]));
  });
});
