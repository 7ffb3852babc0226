import { writeFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { parseCsvRecord } from '../../../../simulator/payload/csv-record.ts';
import { Recording } from '../../../../simulator/payload/recording.ts';
import { Recordings } from '../../../../simulator/payload/recordings.ts';
import { TemporaryDirectory } from '../../../support/temporary-directory.ts';
import { markOf, marksOf, payloadsOf, sourceOf } from './payload-of.ts';

const directory = new TemporaryDirectory();
afterAll(() => directory[Symbol.dispose]());

function fileOf(name: string, text: string): string {
  const file = directory.file(name);
  writeFileSync(file, text);
  return file;
}

function recordingOf(name: string, text: string, deviceColumn = ''): Recording {
  return new Recording({ file: fileOf(name, text), format: 'auto', deviceColumn });
}

function objectsOf(recording: Recording): unknown[] {
  return Array.from({ length: recording.length }, (_, index) => recording.read(index));
}

describe('a CSV record', () => {
  test.each([
    ['a,b', ['a', 'b']],
    ['', ['']],
    [',', ['', '']],
    ['"a,b",c', ['a,b', 'c']],
    ['"say ""hi""","",x', ['say "hi"', '', 'x']],
    ['"two\nlines",1', ['two\nlines', '1']],
    ['""""', ['"']],
  ])('%j is its cells', (text, cells) => {
    expect(parseCsvRecord(text)).toEqual(cells);
  });

  test.each([
    ['"a', 'has a quote that is not closed'],
    ['"a""', 'has a quote that is not closed'],
    ['"a"b,c', 'has text after a closing quote'],
    ['a"b,c', 'has a quote inside a cell that does not begin with one'],
  ])('%j is none', (text, fault) => {
    expect(parseCsvRecord(text)).toEqual({ fault });
  });
});

describe('a recording', () => {
  test('of JSON lines has one record per line, whatever its line ends and empty lines', () => {
    using recording = recordingOf('a.ndjson', '\ufeff{"a":1}\r\n\n{"a":2}\n{"a":3}');
    expect(objectsOf(recording)).toEqual([{ a: 1 }, { a: 2 }, { a: 3 }]);
  });

  test('of CSV has the names of its header, numbers as numbers, and line breaks in quotes', () => {
    using recording = recordingOf('a.csv', '\ufefft,"the name",v\r\n1,"x, ""y""\n z",-2.5e3\n2,007,\n');
    expect(objectsOf(recording)).toEqual([
      { t: 1, 'the name': 'x, "y"\n z', v: -2500 },
      { t: 2, 'the name': '007', v: '' },
    ]);
  });

  test.each(['ndjson', 'csv'])('of %s is read in any order, over many chunks and blocks', (format) => {
    const count = 5000;
    const cell = (index: number) => `"${'x'.repeat(index % 700)}\u00fc"`;
    const lines = Array.from({ length: count }, (_, index) =>
      format === 'csv' ? `${index},${cell(index)}` : `{"i":${index},"s":${cell(index)}}`,
    );
    using recording = recordingOf(
      `large.${format}`,
      `${format === 'csv' ? 'i,s\n' : ''}${lines.join('\n')}\n`,
    );
    expect(recording.length).toBe(count);
    for (let step = 0, index = 0; step < 3000; step++, index = (index + 1777) % count) {
      const object = recording.read(index);
      expect(object.i).toBe(index);
      expect(String(object.s).length).toBe((index % 700) + 1);
    }
  });

  test('knows which records are whose, in the order in which devices appear', () => {
    const lines = ['b', 'a', 'b', 'c', 'a', 'b'].map((d) => `{"d":"${d}"}`).join('\n');
    using recording = recordingOf('devices.ndjson', lines, 'd');
    expect(recording.devices).toEqual([[0, 2, 5], [1, 4], [3]]);
  });

  test.each([
    ['x.ndjson', '{"a":1}\n\n{"a":\n{"a":2}', ':3: is not JSON'],
    ['x.ndjson', '{"a":1}\n[1]', ':2: is no JSON object'],
    ['x.ndjson', `{"a":1}\n{"a":"${'x'.repeat(1024 * 1024)}"}\n`, ':2: is longer than 1 MiB'],
    ['x.csv', 'a,b\n1,2\n"x\ny",2\n1\n', ':5: has 1 cells, the header 2'],
    ['x.csv', 'a,b\n1,2\n1,"2\n3,4\n', ':3: has a quote that is not closed'],
    ['x.csv', 'a,"b\n', ':1: the header has a quote that is not closed'],
    ['x.csv', 'a,b\n', ': has no records'],
    ['x.ndjson', '\n', ': has no records'],
  ])('%s with a bad line %j is an error that names file and line', (name, text, message) => {
    expect(() => recordingOf(name, text)).toThrow(`${directory.file(name)}${message}`);
  });

  test('without the device it should have is an error that names the line', () => {
    expect(() => recordingOf('x.ndjson', '{"d":"a"}\n{"e":1}', 'd')).toThrow(
      'x.ndjson:2: has no device under "d"',
    );
  });

  test('that is a directory is an error that names it', () => {
    const settings = { file: directory.path, format: 'auto', deviceColumn: '' } as const;
    expect(() => new Recording(settings)).toThrow(`${directory.path}: could not be read: `);
  });

  test('that is not there is an error with a hint', () => {
    const missing = { file: directory.file('none'), format: 'auto', deviceColumn: '' } as const;
    expect(() => new Recording(missing)).toThrow(
      expect.objectContaining({ code: 'BAD_RECORDING', hint: 'Name a file that is there and may be read.' }),
    );
  });
});

describe('replayed payloads', () => {
  const file = fileOf('replay.ndjson', '{"t":1,"v":1,"mark":"old"}\n{"t":2,"p":{"v":2}}\n{"t":3,"p":7}\n');

  test('are the records in order with the mark in front, and begin again at the end', () => {
    using recordings = new Recordings();
    const payloads = payloadsOf(sourceOf(`{type: replay, file: ${file}}`, { recordings }), 4);
    expect(marksOf(payloads)).toEqual([0, 1, 2, 3].map(markOf));
    const objects = payloads.map((payload) => JSON.parse(payload.toString()));
    expect(objects.map(({ mark, ...rest }) => rest)).toEqual([
      { t: 1, v: 1 },
      { t: 2, p: { v: 2 } },
      { t: 3, p: 7 },
      { t: 1, v: 1 },
    ]);
    expect(Object.keys(objects[0])[0]).toBe('mark');
  });

  test('are one column of the record where that is wanted, an object as it is and anything else as value', () => {
    using recordings = new Recordings();
    const source = sourceOf(`{type: replay, file: ${file}, payloadColumn: p}`, { recordings });
    const objects = payloadsOf(source, 3).map((payload) => JSON.parse(payload.toString()));
    expect(objects.map(({ mark, ...rest }) => rest)).toEqual([{ value: null }, { v: 2 }, { value: 7 }]);
  });

  test('deal recorded devices to simulated ones, each at its own place', () => {
    using recordings = new Recordings();
    const lines = [0, 1, 2, 3, 4, 5].map((i) => `{"d":${i % 2},"i":${i}}`).join('\n');
    const settings = `{type: replay, file: ${fileOf('dealt.ndjson', lines)}, deviceColumn: d}`;
    const said = (index: number) =>
      payloadsOf(sourceOf(settings, { index, recordings }), 4).map(
        (payload) => JSON.parse(payload.toString()).i,
      );
    expect([said(0), said(1), said(2)]).toEqual([
      [0, 2, 4, 0],
      [1, 3, 5, 1],
      [0, 2, 4, 0],
    ]);
  });
});
