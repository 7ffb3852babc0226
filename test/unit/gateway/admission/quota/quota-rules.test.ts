import { expect, test } from 'vitest';
import { QuotaRules } from '../../../../../gateway/admission/quota/quota-rules.ts';
import { deviceLimits, quotaSettings } from './quota-settings.ts';

const rules = new QuotaRules(
  quotaSettings({
    devices: [
      { clients: ['press-1'], messagesPerS: '1/s' },
      { clients: ['press-*'], users: ['line-*'], messagesPerS: '2/s' },
      { groups: ['guests'], messagesPerS: '3/s' },
      { users: [''], messagesPerS: '4/s' },
    ],
  }).quotas.devices,
);
const rateOf = (clientId: string, user: string, group: string) =>
  rules.quotasOf({ clientId, user, group }).messagesPerS;

test('the first entry that matches holds, and it alone', () => {
  expect(rateOf('press-1', 'line-1', 'guests')).toBe(1);
  expect(rateOf('press-2', 'line-1', 'guests')).toBe(2);
});

test('all three lists have to match', () => {
  expect(rateOf('press-2', 'other', 'default')).toBe(0);
  expect(rateOf('press-2', 'other', 'guests')).toBe(3);
  expect(rateOf('oven', 'line-1', 'default')).toBe(0);
});

test('for a client that none matches the defaults of an entry hold', () => {
  const limits = rules.quotasOf({ clientId: 'oven', user: 'other', group: 'default' });
  expect(limits).toEqual(deviceLimits({}));
});

test('"" is a client without a user name', () => {
  expect(rateOf('oven', '', 'default')).toBe(4);
});
