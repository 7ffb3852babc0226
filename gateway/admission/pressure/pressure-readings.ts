// The slow readings of the running gateway: how full the store is, how much disk is left, how much memory is taken.

import { statfs } from 'node:fs/promises';
import type { StoreStatus } from '../../../storage/store-messages.ts';
import type { SlowReadings } from './pressure-gauge.ts';

export interface ReadingsOptions {
  dataDir: string;
  storeStatus(): Promise<StoreStatus>;
}

/** Rejects when the data directory cannot be asked. */
export function slowReadings({ dataDir, storeStatus }: ReadingsOptions): () => Promise<SlowReadings> {
  return async () => {
    const [{ fill }, disk] = await Promise.all([storeStatus(), statfs(dataDir)]);
    const residentBytes = process.memoryUsage.rss();
    return { fill, freeDiskBytes: disk.bavail * disk.bsize, residentBytes };
  };
}
