// Whether each device's records arrive in the order of their offsets. Only records that are new are shown to it: a
// duplicate that comes late is a duplicate, not a disorder. Where a record does not name its device (format `each`)
// its topic stands for it, within which MQTT keeps order (MQTT 5.0 4.6).
//
// Memory is bounded by a number of devices; those beyond it are not watched, which `exact` says.

import type { RecordBatch } from '../../storage/record-batch/record-batch.ts';
import type { OffsetRange } from './offset-intervals.ts';

const DEVICES_MAX = 100_000;

export class DeviceOrder {
  /** By lane, then by device: the highest offset seen. */
  readonly #lanes = new Map<string, Map<string, number>>();
  readonly #devicesMax: number;
  #devices = 0;
  #exact = true;

  constructor(devicesMax: number = DEVICES_MAX) {
    this.#devicesMax = devicesMax;
  }

  get exact(): boolean {
    return this.#exact;
  }

  /**
   * Returns how many records of `range`, which lies in the batch, came after a later one of the same device.
   */
  addBatch(batch: RecordBatch, range: OffsetRange): number {
    const lane = this.#laneOf(batch.gateway, batch.lane);
    const highest = batch.devices.map((device) => lane.get(device) ?? -1);
    const { device, firstOffset } = batch;
    let outOfOrder = 0;
    for (let offset = range.from; offset < range.to; offset++) {
      const index = device[offset - firstOffset];
      if (offset < highest[index]) outOfOrder++;
      else highest[index] = offset;
    }
    for (const [index, offset] of highest.entries()) {
      if (offset >= 0) this.#set(lane, batch.devices[index], offset);
    }
    return outOfOrder;
  }

  /** The same for one record: 0 or 1. */
  add(gateway: string, laneName: string, device: string, offset: number): number {
    const lane = this.#laneOf(gateway, laneName);
    if (offset < (lane.get(device) ?? -1)) return 1;
    this.#set(lane, device, offset);
    return 0;
  }

  #laneOf(gateway: string, lane: string): Map<string, number> {
    const name = JSON.stringify([gateway, lane]);
    const devices = this.#lanes.get(name) ?? new Map<string, number>();
    if (this.#devices < this.#devicesMax) this.#lanes.set(name, devices);
    return devices;
  }

  #set(lane: Map<string, number>, device: string, offset: number): void {
    if (!lane.has(device)) {
      if (this.#devices === this.#devicesMax) {
        this.#exact = false;
        return;
      }
      this.#devices++;
    }
    lane.set(device, offset);
  }
}
