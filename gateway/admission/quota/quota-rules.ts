// Which entry of quotas.devices holds for a client: the first whose three lists all match.

import { deviceDefaults } from '../../../config/quota-settings.ts';
import type { Config } from '../../../config/settings.ts';
import { NamePatterns } from '../identity/name-pattern.ts';

export type DeviceLimits = Config['quotas']['devices'][number];

export interface QuotaSubject {
  /** As the client calls itself, without its tenant. */
  readonly clientId: string;
  /** Empty: without one. */
  readonly user: string;
  readonly group: string;
}

interface CompiledEntry {
  readonly limits: DeviceLimits;
  readonly clients: NamePatterns;
  readonly users: NamePatterns;
  readonly groups: NamePatterns;
}

export class QuotaRules {
  readonly #entries: readonly CompiledEntry[];

  constructor(devices: readonly DeviceLimits[]) {
    this.#entries = devices.map((limits) => ({
      limits,
      clients: new NamePatterns(limits.clients),
      users: new NamePatterns(limits.users),
      groups: new NamePatterns(limits.groups),
    }));
  }

  /** The defaults of an entry for a client that none matches. */
  quotasOf({ clientId, user, group }: QuotaSubject): DeviceLimits {
    for (const { limits, clients, users, groups } of this.#entries) {
      if (clients.matches(clientId) && users.matches(user) && groups.matches(group)) return limits;
    }
    return deviceDefaults;
  }
}
