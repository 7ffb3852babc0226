// What waits in the log of each client and each group, for the quotas (storedBytesMax). The store counts under keys;
// here is which key is whose, for the clients that are connected and the groups that have a total.

import type { Config } from '../../config/settings.ts';
import type { StoredShares } from '../../storage/shares/stored-shares.ts';
import type { Quotas } from './quota/quotas.ts';

/** Whether the store has to count. It does so from its start, or not at all. */
export function usesStoredBytes({ quotas }: Pick<Config, 'quotas'>): boolean {
  return [...quotas.devices, ...Object.values(quotas.groups)].some(
    ({ storedBytesMax }) => storedBytesMax > 0,
  );
}

/** For a store that does not count: without these limits, which it could not tell to be kept. */
export function withoutStoredBytes<C extends Pick<Config, 'quotas'>>(config: C): C {
  const free = <Limits extends { readonly storedBytesMax: number }>(limits: Limits): Limits => ({
    ...limits,
    storedBytesMax: 0,
  });
  const { devices, groups } = config.quotas;
  return {
    ...config,
    quotas: {
      ...config.quotas,
      devices: devices.map(free),
      groups: Object.fromEntries(Object.entries(groups).map(([name, total]) => [name, free(total)])),
    },
  };
}

export interface OwnerOfRecords {
  readonly deviceKey: number;
  readonly groupKey: number;
}

const nobody: OwnerOfRecords = { deviceKey: 0, groupKey: 0 };

export class StoredBytes {
  readonly #shares: StoredShares | null;
  readonly #quotas: Quotas;
  /** By key: who is connected, and how many connections that are; one is about to be replaced, when there are two. */
  readonly #devices = new Map<number, { readonly clientId: string; connections: number }>();
  readonly #groups = new Map<number, string>();
  #areGroupsDue = false;

  /** `shares`: null when nobody asks. */
  constructor(shares: StoredShares | null, quotas: Quotas) {
    this.#shares = shares;
    this.#quotas = quotas;
    if (shares !== null) shares.onChange = (owner) => this.#changed(owner);
  }

  /** The keys for the records of a client that comes; `clientId` as the log has it. */
  entered(clientId: string, group: string): OwnerOfRecords {
    const shares = this.#shares;
    if (shares === null) return nobody;
    const deviceKey = shares.deviceKey(clientId);
    const groupKey = shares.groupKey(group);
    const known = this.#devices.get(deviceKey);
    if (known === undefined) this.#devices.set(deviceKey, { clientId, connections: 1 });
    else known.connections++;
    this.#groups.set(groupKey, group);
    this.#quotas.setStored(clientId, shares.bytesOf(deviceKey));
    this.#quotas.setGroupStored(group, shares.bytesOf(groupKey));
    return { deviceKey, groupKey };
  }

  left({ deviceKey }: OwnerOfRecords): void {
    const known = this.#devices.get(deviceKey);
    if (known === undefined || --known.connections > 0) return;
    this.#devices.delete(deviceKey);
  }

  #changed(owner: number): void {
    const shares = this.#shares as StoredShares;
    const device = this.#devices.get(owner);
    if (device !== undefined) this.#quotas.setStored(device.clientId, shares.bytesOf(owner));
    if (this.#areGroupsDue) return;
    this.#areGroupsDue = true;
    // After all devices of this change, whose bytes count in their groups until then.
    queueMicrotask(() => {
      this.#areGroupsDue = false;
      for (const [key, group] of this.#groups) this.#quotas.setGroupStored(group, shares.bytesOf(key));
    });
  }
}
