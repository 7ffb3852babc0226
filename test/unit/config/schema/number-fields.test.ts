import { describe, expect, test } from 'vitest';
import { written } from '../../../../config/check.ts';
import { schemaOf } from '../../../../config/json-schema.ts';
import { applyEnvironment } from '../../../../config/schema/environment.ts';
import { decimal, type Infer, object, rate } from '../../../../config/schema/field.ts';
import { readSettings } from '../../../../config/schema/reader.ts';
import { parseYaml } from '../../../../config/schema/yaml-source.ts';

const schema = object('Numbers that need not be whole.', {
  share: decimal('A share.', { min: 0, max: 1, default: 0.25 }),
  offset: decimal('An offset.', { min: -10, max: 10, default: 0 }),
  rate: rate('A rate.', { min: 0.001, max: 1000, default: 10 / 60 }),
});
type Numbers = Infer<typeof schema>;

function read(text: string, env: Record<string, string> = {}) {
  const overlay = applyEnvironment(schema, parseYaml(text).raw, env);
  const { value, problems } = readSettings(schema, overlay.raw);
  return { value: value as Numbers, problems };
}

describe('decimal numbers', () => {
  test.each([
    ['share: 0.5', 0.5],
    ['share: 1', 1],
    ['share: 5e-1', 0.5],
    ['{}', 0.25],
  ])('%s is read', (text, expected) => {
    const { value, problems } = read(text);
    expect(problems).toEqual([]);
    expect(value.share).toBe(expected);
  });

  test('zero is zero, with whatever sign it is written', () => {
    expect(read('offset: -0').value.offset).toBe(0);
  });

  test.each([
    ['share: "0.5"', '"0.5" is not a number'],
    ['share: half', '"half" is not a number'],
    ['share: .inf', '.inf is not a number'],
    ['share: .nan', '.nan is not a number'],
    ['share: true', 'true is not a number'],
    ['share: 1.01', '1.01 is more than 1'],
    ['share: -0.1', '-0.1 is less than 0'],
  ])('%s is a problem that says what is wanted', (text, message) => {
    expect(read(text).problems).toMatchObject([
      { path: 'share', message, hint: 'Write a number from 0 to 1.', line: 1 },
    ]);
  });

  test.each([
    ['0.5', 0.5],
    ['-3.25', -3.25],
    [' 7 ', 7],
  ])('%j in the environment is read', (text, expected) => {
    expect(read('', { SLUICE_OFFSET: text })).toMatchObject({ value: { offset: expected }, problems: [] });
  });

  test.each(['1e1', '0x1', '1,5', '.5', '5.', ''])('%j in the environment is a problem', (text) => {
    expect(read('', { SLUICE_OFFSET: text }).problems).toHaveLength(1);
  });
});

describe('rates', () => {
  test.each([
    ['rate: 2/s', 2],
    ['rate: 30/m', 0.5],
    ['rate: 2.5', 2.5],
    ['{}', 10 / 60],
  ])('%s is read', (text, expected) => {
    const { value, problems } = read(text);
    expect(problems).toEqual([]);
    expect(value.rate).toBe(expected);
  });

  test.each([
    ['rate: fast', '"fast" is not a rate'],
    ['rate: 2000/s', '"2000/s" is more than 1000/s'],
    ['rate: 1/h', '"1/h" is less than 0.001/s'],
  ])('%s is a problem that says what is wanted', (text, message) => {
    const hint = 'Write a rate from 0.001/s to 1000/s, in /s, /m, /h or /d.';
    expect(read(text).problems).toMatchObject([{ path: 'rate', message, hint }]);
  });
});

test('both are printed as they would be written', () => {
  expect(written(schema, read('share: 0.5').value)).toEqual({ share: 0.5, offset: 0, rate: '10/m' });
});

test('both are in the JSON Schema', () => {
  expect(schemaOf(schema)).toMatchObject({
    properties: {
      share: { type: 'number', minimum: 0, maximum: 1, default: 0.25 },
      rate: {
        anyOf: [{ type: 'number', minimum: 0.001, maximum: 1000 }, { type: 'string' }],
        default: '10/m',
      },
    },
  });
});
