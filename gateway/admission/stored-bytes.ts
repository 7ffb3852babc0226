// What waits in the log of each client and each group, for the quotas (storedBytesMax). The store counts under keys;
// here is which key is whose, for the clients that are connected and the groups that have a total.

import type { Config } from '../../config/settings.ts';
import type { OwnerShares } from '../../storage/shares/owner-shares.ts';
import type { StoredShares } from '../../storage/shares/stored-shares.ts';
import type { DeviceHandle } from './quota/device-handle.ts';
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

/** One who is connected, and how many connections that are; one is about to be replaced, when there are two. */
interface ConnectedOwner {
  quota: DeviceHandle;
  connections: number;
}

export class StoredBytes {
  readonly #shares: StoredShares | null;
  readonly #quotas: Quotas;
  /** By key. */
  readonly #devices = new Map<number, ConnectedOwner>();
  readonly #groups = new Map<number, string>();

  /** `shares`: null when nobody asks. */
  constructor(shares: StoredShares | null, quotas: Quotas) {
    this.#shares = shares;
    this.#quotas = quotas;
    if (shares !== null) shares.onChange = (changes) => this.#changed(shares, changes);
  }

  /** The keys for the records of a client that comes, which the log has under its device key. */
  entered(quota: DeviceHandle): OwnerOfRecords {
    const shares = this.#shares;
    if (shares === null) return nobody;
    const { client } = quota;
    const deviceKey = shares.deviceKey(client.deviceKey);
    const groupKey = shares.groupKey(client.group);
    const known = this.#devices.get(deviceKey);
    this.#devices.set(deviceKey, { quota, connections: 1 + (known?.connections ?? 0) });
    this.#groups.set(groupKey, client.group);
    this.#quotas.setStored(quota, shares.bytesOf(deviceKey));
    this.#quotas.setGroupStored(client.group, shares.bytesOf(groupKey));
    return { deviceKey, groupKey };
  }

  left({ deviceKey }: OwnerOfRecords): void {
    const known = this.#devices.get(deviceKey);
    if (known === undefined || --known.connections > 0) return;
    this.#devices.delete(deviceKey);
  }

  #changed(shares: StoredShares, changes: OwnerShares): void {
    for (let i = 0; i < changes.length; i += 2) {
      const device = this.#devices.get(changes[i]);
      if (device !== undefined) this.#quotas.setStored(device.quota, shares.bytesOf(changes[i]));
    }
    // After all devices, whose bytes count in their groups until then.
    for (const [key, group] of this.#groups) this.#quotas.setGroupStored(group, shares.bytesOf(key));
  }
}
