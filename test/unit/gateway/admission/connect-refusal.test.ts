import { describe, expect, test } from 'vitest';
import { answerOf } from '../../../../gateway/admission/connect-refusal.ts';
import type { ConnectRefusal } from '../../../../gateway/admission/identity/identity.ts';

/** All there are: the compiler sees to it. */
const reasons: Record<ConnectRefusal, true> = {
  anonymous: true,
  'bad-credentials': true,
  'unknown-user': true,
  'unknown-group': true,
  'user-not-of-certificate': true,
  'client-id': true,
  'session-of-another': true,
  'too-many-failures': true,
  'hook-silent': true,
  'hook-refused': true,
  busy: true,
  'user-connections': true,
  'group-connections': true,
  'sessions-full': true,
  'wills-full': true,
  will: true,
};
const all = Object.keys(reasons) as ConnectRefusal[];

/** MQTT 5.0 3.2.2.2 */
const LEGAL_5 = [0x80, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99, 0x9a, 0x9f];

test.each(all)(
  '%s is told with codes that CONNACK may have in each version, and a text in ASCII',
  (reason) => {
    const { reasonCode, returnCode, text } = answerOf(reason);
    expect(LEGAL_5).toContain(reasonCode);
    expect(returnCode).toBeGreaterThanOrEqual(1); // MQTT 3.1.1 3.2.2.3
    expect(returnCode).toBeLessThanOrEqual(5);
    expect(text).toMatch(/^[\x20-\x7e]{5,100}$/);
  },
);

describe('an answer', () => {
  test('is the same for a name that there is and one that there is not, whoever knows it', () => {
    expect(answerOf('unknown-user')).toEqual(answerOf('bad-credentials'));
    expect(answerOf('hook-refused')).toEqual(answerOf('bad-credentials'));
  });

  test('that a client should try again after is one of those, and no other is', () => {
    const again = [
      'too-many-failures',
      'hook-silent',
      'busy',
      'user-connections',
      'group-connections',
      'sessions-full',
      'wills-full',
    ];
    for (const reason of all) {
      const { reasonCode, returnCode } = answerOf(reason);
      expect(returnCode === 3, reason).toBe(again.includes(reason));
      expect([0x88, 0x89, 0x97, 0x9f].includes(reasonCode), reason).toBe(again.includes(reason));
    }
  });
});
