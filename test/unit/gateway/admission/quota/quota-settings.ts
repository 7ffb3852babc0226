// Settings of quotas as the configuration file gives them, for tests.

import type { DeviceLimits } from '../../../../../gateway/admission/quota/quota-rules.ts';
import type { QuotaSettings } from '../../../../../gateway/admission/quota/quotas.ts';
import { testConfig } from '../../../../support/gateway-settings.ts';

interface QuotaSections {
  readonly devices?: readonly { readonly groups?: readonly string[] }[];
  readonly groups?: object;
  readonly [other: string]: unknown;
}

/** Rates as in the file: '10/s'. Groups that only the quotas name are made. */
export function quotaSettings(quotas: object, groups: object = {}): QuotaSettings {
  const { devices = [], groups: totals = {} } = quotas as QuotaSections;
  const named = [...Object.keys(totals), ...devices.flatMap((device) => device.groups ?? [])];
  const made = Object.fromEntries(named.map((name) => [name, {}]));
  return testConfig('/nowhere', { quotas, access: { anonymous: true, groups: { ...made, ...groups } } });
}

export function deviceLimits(entry: object): DeviceLimits {
  return quotaSettings({ devices: [entry] }).quotas.devices[0];
}
