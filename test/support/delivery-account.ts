// The books of a fault test: what arrived upstream, by device and sequence and by record name (gateway, lane,
// offset), against what the devices were acknowledged. What is wrong is listed, the first few of each kind:
//   lost        acknowledged to the device, and never arrived
//   gaps        missing below a later one of the same device
//   reordered   came first after a later one of the same device and lane
//   renamed     the same message arrived again under another name: a duplicate nobody can tell from new data
//   reused      one name for two messages
//   foreign     damaged, or none of ours
// The same message again under its own name is allowed, and counted.

import type { ReceivedRecord } from '../../gateway/commands/record-line.ts';
import type { UpstreamMessage } from '../../gateway/commands/upstream-message.ts';
import { recordsOf } from '../../storage/record-batch/record-batch.ts';
import { parseDevicePayload } from './device-payload.ts';
import type { ResendingDevice } from './resending-device.ts';

const LISTED_MAX = 10;
const FAULTS = ['lost', 'gaps', 'reordered', 'renamed', 'reused', 'foreign'] as const;
type Fault = (typeof FAULTS)[number];

/** What a test expects to find. */
export const NOTHING_WRONG: Readonly<Record<Fault, string[]>> = {
  lost: [],
  gaps: [],
  reordered: [],
  renamed: [],
  reused: [],
  foreign: [],
};

interface DeviceArrivals {
  /** By sequence. */
  names: (string | undefined)[];
  highest: number;
  highestOfLane: Map<string, number>;
}

type Arrival = Pick<ReceivedRecord, 'gateway' | 'lane' | 'offset' | 'payload'>;

export class DeliveryAccount {
  /** Different messages. */
  messages = 0;
  duplicates = 0;
  upstreamMessages = 0;
  readonly #devices = new Map<string, DeviceArrivals>();
  readonly #owners = new Map<string, string>();
  readonly #faults = new Map<Fault, string[]>();

  enter(message: UpstreamMessage): void {
    this.upstreamMessages++;
    if (message.kind === 'batch') for (const record of recordsOf(message.batch)) this.#arrived(record);
    else if (message.kind === 'record') this.#arrived(message.record);
    else this.#fault('foreign', message.kind === 'damaged' ? message.reason : 'a message of somebody else');
  }

  /** What is wrong as of now; call it when everything has had the time to arrive. */
  verdict(devices: readonly ResendingDevice[]): Record<Fault, string[]> {
    const verdict = { ...NOTHING_WRONG, ...Object.fromEntries(this.#faults) };
    return { ...verdict, lost: this.lost(devices), gaps: this.#gaps() };
  }

  /** All of them, `device sequence` each, the first few listed when `max` says so. */
  lost(devices: readonly ResendingDevice[], max = LISTED_MAX): string[] {
    const lost: string[] = [];
    for (const { name, acknowledged } of devices) {
      const names = this.#devices.get(name)?.names ?? [];
      acknowledged.forEach((_, sequence) => {
        if (names[sequence] === undefined && lost.length < max) lost.push(`${name} ${sequence}`);
      });
    }
    return lost;
  }

  #gaps(): string[] {
    const gaps: string[] = [];
    for (const [device, { names, highest }] of this.#devices) {
      for (let sequence = 0; sequence < highest && gaps.length < LISTED_MAX; sequence++) {
        if (names[sequence] === undefined) gaps.push(`${device} ${sequence}`);
      }
    }
    return gaps;
  }

  #arrived(record: Arrival): void {
    const { gateway, lane, offset, payload } = record;
    const name = `${gateway}/${lane}/${offset}`;
    const message = parseDevicePayload(payload);
    if (message === undefined) {
      this.#fault('foreign', `${name}: ${Buffer.from(payload).toString('latin1', 0, 60)}`);
      return;
    }
    const { device, sequence } = message;
    const owner = `${device} ${sequence}`;
    const known = this.#owners.get(name);
    if (known === undefined) this.#owners.set(name, owner);
    else if (known !== owner) this.#fault('reused', `${name}: ${known}, then ${owner}`);
    const arrivals = this.#arrivalsOf(device);
    const before = arrivals.names[sequence];
    if (before === undefined) this.#first(arrivals, { name, lane, sequence, owner });
    else if (before === name) this.duplicates++;
    else this.#fault('renamed', `${owner}: ${before}, then ${name}`);
  }

  #first(
    arrivals: DeviceArrivals,
    arrival: { name: string; lane: string; sequence: number; owner: string },
  ): void {
    const { name, lane, sequence, owner } = arrival;
    this.messages++;
    arrivals.names[sequence] = name;
    arrivals.highest = Math.max(arrivals.highest, sequence);
    const last = arrivals.highestOfLane.get(lane) ?? -1;
    if (sequence < last) this.#fault('reordered', `${owner} after ${last} in lane ${lane}`);
    else arrivals.highestOfLane.set(lane, sequence);
  }

  #arrivalsOf(device: string): DeviceArrivals {
    let arrivals = this.#devices.get(device);
    if (arrivals === undefined) {
      arrivals = { names: [], highest: -1, highestOfLane: new Map() };
      this.#devices.set(device, arrivals);
    }
    return arrivals;
  }

  #fault(kind: Fault, detail: string): void {
    const list = this.#faults.get(kind) ?? [];
    if (list.length < LISTED_MAX) list.push(detail);
    this.#faults.set(kind, list);
  }
}
