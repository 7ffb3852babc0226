import { expect, test } from 'vitest';
import { editDistance, nearestKey } from '../../../../config/schema/nearest-key.ts';

test.each([
  ['', '', 0],
  ['abc', 'abc', 0],
  ['', 'abc', 3],
  ['abc', '', 3],
  ['lingr', 'linger', 1],
  ['lnigerMs', 'lingerMs', 1],
  ['kitten', 'sitting', 3],
  ['ca', 'abc', 3],
])('from %j to %j it takes %d slips', (a, b, slips) => {
  expect(editDistance(a, b)).toBe(slips);
});

const known = ['lingerMs', 'recordsMax', 'bytesMax', 'maxBytes', 'host', 'port'];

test.each([
  ['LINGERMS', 'lingerMs'],
  ['linger', 'lingerMs'],
  ['maxRecords', 'recordsMax'],
  ['records_max', 'recordsMax'],
  ['bytesMax', 'bytesMax'],
  ['maxbyte', 'maxBytes'],
  ['hosts', 'host'],
  ['prot', 'port'],
])('%s was meant to be %s', (written, expected) => {
  expect(nearestKey(written, known)).toBe(expected);
});

test.each(['x', '', 'colour', '__proto__', 'constructor'])('%j is near nothing', (written) => {
  expect(nearestKey(written, known)).toBeUndefined();
});

test('a name longer than any setting is near nothing, however alike it begins', () => {
  expect(nearestKey('lingerMs'.repeat(20), known)).toBeUndefined();
});
