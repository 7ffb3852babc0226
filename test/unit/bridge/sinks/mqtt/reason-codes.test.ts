import { describe, expect, test } from 'vitest';
import { connackCode, hintFor, verdictOf } from '../../../../../bridge/sinks/mqtt/reason-codes.ts';

describe('reason codes', () => {
  test('every refusal has a verdict, and only three are for good', () => {
    const kinds = Array.from({ length: 256 }, (_, code) => verdictOf(code).kind);
    expect(kinds.slice(0, 0x80).every((kind) => kind === 'accepted')).toBe(true);
    expect(kinds.flatMap((kind, code) => (kind === 'never' ? [code] : []))).toEqual([0x90, 0x95, 0x99]);
    expect(kinds.flatMap((kind, code) => (kind === 'not-allowed' ? [code] : []))).toEqual([0x87]);
  });

  test('CONNACK codes of MQTT 3.1.1 mean what those of MQTT 5 do, some with a hint', () => {
    expect([1, 2, 3, 4, 5].map(connackCode)).toEqual([0x84, 0x85, 0x88, 0x86, 0x87]);
    expect(connackCode(0x97)).toBe(0x97);
    expect(hintFor(connackCode(5))).toMatch(/allow this client/);
    expect(hintFor(connackCode(3))).toBeUndefined();
  });
});
