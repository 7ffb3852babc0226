import { writeFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { Recordings } from '../../../../simulator/payload/recordings.ts';
import type { Profile } from '../../../../simulator/profile/profile.ts';
import { TemporaryDirectory } from '../../../support/temporary-directory.ts';
import { payloadsOf, sourceOf } from '../payload/payload-of.ts';
import { profileOf } from './profile-of.ts';

const directory = new TemporaryDirectory();
afterAll(() => directory[Symbol.dispose]());

function fileOf(name: string, text: string): string {
  writeFileSync(directory.file(name), text);
  return directory.file(name);
}

const file = fileOf(
  'two.ndjson',
  ['{"t":1000,"d":"a"}', '{"t":1500,"d":"b"}', '{"t":3000,"d":"a"}', '{"t":4000,"d":"b"}'].join('\n'),
);

function times(profile: Profile, count: number): (number | undefined)[] {
  return Array.from({ length: count }, () => profile.next()?.atMs);
}

function timesOf(settings: string, { index = 0, count = 5 } = {}): (number | undefined)[] {
  using recordings = new Recordings();
  return times(profileOf(`{type: replay, ${settings}}`, 1, { index, recordings }), count);
}

describe('a replay', () => {
  test('speaks at the recorded times and ends with the file', () => {
    expect(timesOf(`file: ${file}`)).toEqual([0, 500, 2000, 3000, undefined]);
  });

  test('is as many times faster as it is told', () => {
    expect(timesOf(`file: ${file}, speed: 10`)).toEqual([0, 50, 200, 300, undefined]);
  });

  test('begins again at the end, a mean pause later', () => {
    expect(timesOf(`file: ${file}, repeat: true`, { count: 6 })).toEqual([0, 500, 2000, 3000, 4000, 4500]);
  });

  test('of several devices keeps each in step with the others, or begins each at once', () => {
    const own = `file: ${file}, deviceColumn: d`;
    expect(timesOf(own, { index: 1, count: 3 })).toEqual([500, 3000, undefined]);
    expect(timesOf(`${own}, start: together`, { index: 1, count: 3 })).toEqual([0, 2500, undefined]);
    expect(timesOf(`${own}, repeat: true`, { index: 1, count: 4 })).toEqual([500, 3000, 4500, 7000]);
  });

  test('of a single moment is said once, even when it should repeat', () => {
    const moment = fileOf('moment.ndjson', '{"t":5}\n{"t":5}\n');
    expect(timesOf(`file: ${moment}, repeat: true`, { count: 3 })).toEqual([0, 0, undefined]);
  });

  test.each([
    ['s', 't,v\n10,1\n12.5,2\n'],
    ['ms', 't,v\n2026-03-29 00:59:58,1\n2026-03-29 01:00:00.500,2\n'],
    ['ms', 't,v\n2026-03-29T00:59:58Z,1\n"2026-03-29T03:00:00.500+02:00",2\n'],
  ])('reads times in %s or as text: %j', (unit, text) => {
    const csv = fileOf('times.csv', text);
    expect(timesOf(`file: ${csv}, timeUnit: ${unit}`, { count: 2 })).toEqual([0, 2500]);
  });

  test('with payloads of the same file says the record of its time, also when a step was left out', () => {
    using recordings = new Recordings();
    const profile = profileOf(`{type: replay, file: ${file}, deviceColumn: d}`, 1, { index: 0, recordings });
    const source = sourceOf(`{type: replay, file: ${file}, deviceColumn: d}`, { index: 0, recordings });
    profile.next();
    profile.next();
    expect(JSON.parse(payloadsOf(source, 1)[0].toString()).t).toBe(3000);
  });

  test.each([
    ['{"t":1}\n{"t":null}\n', ':2: has no time under "t"'],
    ['{"t":1}\n{"t":"yesterday"}\n', ':2: has no time under "t"'],
    ['{"t":2}\n\n{"t":1}\n', ':3: is earlier than the record before it'],
  ])('of %j is an error that names file and line', (text, message) => {
    const bad = fileOf('bad.ndjson', text);
    expect(() => timesOf(`file: ${bad}`)).toThrow(`${bad}${message}`);
  });
});
