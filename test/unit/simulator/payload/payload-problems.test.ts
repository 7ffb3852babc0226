import { describe, expect, test } from 'vitest';
import { readPayload } from './payload-of.ts';

describe('payload settings', () => {
  test.each([
    ['{type: json, fields: {a: {type: walk, min: 5, max: 1}}}', 'fields.a.max', '1 is less than min'],
    ['{type: cbor, fields: {a: {type: sine, min: 200}}}', 'fields.a.max', '100 is less than min'],
    ['{type: senml, fields: {a: {type: step, max: -1}}}', 'fields.a.max', '-1 is less than min'],
    [
      '{type: json, fields: {a: {type: enum, values: [x, y], weights: [1]}}}',
      'fields.a.weights',
      'has 1 entries for 2 values',
    ],
    [
      '{type: json, fields: {a: {type: enum, values: [x], weights: [0]}}}',
      'fields.a.weights',
      'is zero for every value',
    ],
    [
      '{type: template, text: "{mark} {temp}", fields: {tmp: {type: walk}}}',
      'text',
      'has the placeholder {temp}, which is no field',
    ],
    [
      '{type: template, text: "{mark} {at}", fields: {at: {type: gps}}}',
      'text',
      'has the placeholder {at}, which is no field',
    ],
  ])('%s: the rule between settings names path and remedy', (text, path, message) => {
    const { problems } = readPayload(text);
    expect(problems).toMatchObject([{ path, message }]);
    expect(problems[0].hint).toMatch(/\.$/);
  });

  test.each([
    [
      '{type: template, text: "temp={temp}"}',
      'payload.text',
      'has no {mark}',
      'Write text with {mark} in it',
    ],
    ['{type: bytes, size: 10}', 'payload.size', '10 is less than 64B', 'Write a size from 64B'],
    ['{type: xml}', 'payload.type', '"xml" is not a known type', 'Write type: json, cbor'],
    [
      '{type: json, fields: {mark: {type: walk}}}',
      'payload.fields.mark',
      '"mark" cannot be a field',
      'none of mark',
    ],
    [
      '{type: json, fields: {a: {type: wlak}}}',
      'payload.fields.a.type',
      '"wlak" is not a known type',
      'walk',
    ],
    [
      '{type: json, fields: {a: {type: walk, stp: 1}}}',
      'payload.fields.a.stp',
      'is not a known setting',
      'step',
    ],
    ['{type: replay}', 'payload.file', 'is missing', 'Write the path of a file'],
  ])('%s: a bad setting names path and remedy', (text, path, message, hint) => {
    const [problem] = readPayload(text).problems;
    expect(problem.path).toBe(path);
    expect(problem.message).toContain(message);
    expect(problem.hint).toContain(hint);
  });

  test('a template that can be filled has no problem', () => {
    const text = '{mark} {time} {timeIso} {seq} {clientId} {device} {at.lat} {at.lon} {t}';
    const fields = '{at: {type: gps}, t: {type: walk}}';
    expect(readPayload(`{type: template, text: "${text}", fields: ${fields}}`).problems).toEqual([]);
  });
});
