import { expect, test } from 'vitest';
import {
  publishRefusal,
  publishRefusalNames,
  publishRefusalOf,
  quotaRefusal,
} from '../../../../gateway/admission/publish-refusal.ts';
import { quotaReason, quotaReasonNames } from '../../../../gateway/admission/quota/verdict.ts';

/** MQTT 5.0 3.4.2.1, 3.5.2.1: what PUBACK and PUBREC may say of a publish that is not taken. */
const LEGAL = [0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
/** The highest reason code of MQTT 5 (2.4). */
const HIGHEST_REASON_CODE = 0xa2;

const numbers = [
  ...Object.values(publishRefusal),
  ...quotaReasonNames.map((name) => quotaRefusal(quotaReason[name])),
];

test('each refusal is a number that fits a byte, of its own, and no reason code of MQTT', () => {
  expect(new Set(numbers).size).toBe(numbers.length);
  for (const number of numbers) {
    expect(number).toBeGreaterThan(HIGHEST_REASON_CODE);
    expect(number).toBeLessThanOrEqual(0xff);
  }
  for (let code = 0; code <= HIGHEST_REASON_CODE; code++) expect(publishRefusalOf(code)).toBeUndefined();
});

test.each(numbers)(
  '%i is told with a code that PUBACK and PUBREC may have, and a text in ASCII',
  (number) => {
    const refusal = publishRefusalOf(number)!;
    expect(LEGAL).toContain(refusal.reasonCode);
    expect(refusal.text).toMatch(/^[\x20-\x7e]{5,100}$/);
    expect(refusal.name).toMatch(/^[a-z]+(-[a-z]+)*$/);
  },
);

test('those of a quota are "quota exceeded", and what no rule allows is "not authorized"', () => {
  for (const name of quotaReasonNames)
    expect(publishRefusalOf(quotaRefusal(quotaReason[name]))?.reasonCode).toBe(0x97);
  expect(publishRefusalOf(publishRefusal.notAuthorized)?.reasonCode).toBe(0x87);
});

test('names are in the order of the numbers, and each is there once', () => {
  expect(numbers.map((number) => publishRefusalOf(number)?.name)).toEqual(publishRefusalNames);
  expect(new Set(publishRefusalNames).size).toBe(publishRefusalNames.length);
  expect(publishRefusalOf(quotaRefusal(quotaReason.messageRate))?.name).toBe('message-rate');
});
