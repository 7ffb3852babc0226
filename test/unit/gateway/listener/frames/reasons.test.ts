import { describe, expect, test } from 'vitest';
import {
  connackReturnCode,
  explain,
  isRefusal,
  type Reason,
  type ReasonName,
  reason,
} from '../../../../../gateway/listener/frames/reasons.ts';

const all = Object.entries(reason) as [ReasonName, Reason][];

describe('reasons', () => {
  test('have numbers of their own, small enough for a byte table', () => {
    const numbers = all.map(([, number]) => number);
    expect(new Set(numbers).size).toBe(numbers.length);
    expect(Math.max(...numbers)).toBeLessThan(128);
  });

  test('are explained by a code for errors and an ASCII text that fits a reason string', () => {
    for (const [name, number] of all) {
      const explanation = explain(number);
      expect(explanation.name).toBe(name);
      expect(explanation.text).toMatch(/^[ -~]{5,100}$/);
      expect(explanation.reasonCode >= 0x80).toBe(number !== reason.ok);
    }
  });

  test('are malformed packets or protocol errors unless MQTT 5 has a better code (MQTT 5.0 2.4)', () => {
    const others = all.map(([name, number]) => [name, explain(number).reasonCode] as const);
    expect(Object.fromEntries(others.filter(([, code]) => code !== 0x81 && code !== 0x82))).toEqual({
      ok: 0x00,
      packetTooLarge: 0x95,
      quotaExceeded: 0x97,
      filtersTooMany: 0x97,
      receiveMaximumExceeded: 0x93,
      topicTooLong: 0x90,
      topicTooDeep: 0x90,
      topicReserved: 0x87,
      topicAliasInvalid: 0x94,
      protocolName: 0x84,
      protocolLevel: 0x84,
      clientIdEmpty: 0x85,
      clientIdTooLong: 0x85,
      clientIdReserved: 0x85,
      clientIdCharacter: 0x85,
      filterTooLong: 0x8f,
      filterTooDeep: 0x8f,
      filterReserved: 0x8f,
    });
  });

  test('that let the connection go on have codes that PUBACK and PUBREC may carry (MQTT 5.0 3.4.2.1)', () => {
    const refusals = all.filter(([, number]) => isRefusal(number));
    expect(refusals.map(([name]) => name)).toEqual(['topicTooLong', 'topicTooDeep', 'topicReserved']);
    for (const [, number] of refusals) expect([0x87, 0x90]).toContain(explain(number).reasonCode);
  });

  test('have a return code before MQTT 5 only where CONNACK has one (3.1.1: 3.2.2.3)', () => {
    expect(connackReturnCode(reason.protocolLevel)).toBe(1);
    expect(connackReturnCode(reason.clientIdEmpty)).toBe(2);
    expect(connackReturnCode(reason.topicReserved)).toBe(5);
    expect(connackReturnCode(reason.utf8Invalid)).toBeUndefined();
  });
});
