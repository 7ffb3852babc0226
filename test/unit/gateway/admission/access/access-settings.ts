// `access` of a configuration, as a file would give it: what is not said has its default.

import type { Config } from '../../../../../config/settings.ts';
import { testConfig } from '../../../../support/gateway-settings.ts';

export function accessOf(settings: object = {}): Config['access'] {
  return testConfig('/nowhere', { access: { anonymous: true, ...settings } }).access;
}
