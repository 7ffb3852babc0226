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

  test('that end the connection have codes that DISCONNECT or CONNACK may carry (MQTT 5.0 2.4)', () => {
    const allowed = [0x81, 0x82, 0x84, 0x85, 0x87, 0x8f, 0x90, 0x93, 0x94, 0x95];
    for (const [name, number] of all) {
      if (number !== reason.ok) expect(allowed, name).toContain(explain(number).reasonCode);
    }
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
