// The tenants of the settings, and which one a group's members are in. Groups may share a tenant.

import type { Config } from '../../../config/settings.ts';
import { defaultGroup } from '../identity/group-of.ts';
import { Mount, noMount } from './mount.ts';
import { levelEnd } from './topic-match.ts';

export class Tenants {
  readonly #byGroup = new Map<string, Mount>([[defaultGroup, noMount]]);
  readonly #byName = new Map<string, Mount>();

  constructor(groups: Config['access']['groups']) {
    for (const [group, { tenant }] of Object.entries(groups))
      this.#byGroup.set(group, this.#mountNamed(tenant));
  }

  /**
   * The same object for all of a tenant. Null: there is no such group, and whoever is said to be in it must not be let
   * in, or it would see all tenants.
   */
  mountOf(group: string): Mount | null {
    return this.#byGroup.get(group) ?? null;
  }

  has(tenant: string): boolean {
    return this.#byName.has(tenant);
  }

  /**
   * Whether a client under `mount` may have this client id, its own one: outside of tenants none may begin with
   * `tenant/`, or it would be known by the name of a tenant's client, and get its session.
   */
  allowsClientId(mount: Mount, clientId: string): boolean {
    if (!mount.isNone) return true;
    const end = levelEnd(clientId, 0);
    return end === clientId.length || !this.has(clientId.slice(0, end));
  }

  #mountNamed(tenant: string): Mount {
    if (tenant === '') return noMount;
    const mount = this.#byName.get(tenant) ?? new Mount(tenant);
    this.#byName.set(tenant, mount);
    return mount;
  }
}
