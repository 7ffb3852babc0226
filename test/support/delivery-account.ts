// The verdict of a fault test, in words: what the simulator's receiver has found upstream, by device and sequence and
// by record name, against what the devices were acknowledged. The first few of each kind are listed:
//   lost        acknowledged to the device, and never arrived
//   gaps        missing below a later one of the same device
//   reordered   came first after a later one of the same device and lane
//   renamed     the same message arrived again under another name: a duplicate nobody can tell from new data
//   reused      one name for two messages
//   foreign     damaged, or none of ours
// The same message again under its own name is allowed, and counted.

import type { ArrivalFault } from '../../simulator/receive/arrival-account.ts';
import type { IntervalSet } from '../../simulator/receive/interval-set.ts';
import type { UpstreamReceiver } from '../../simulator/receive/upstream-receiver.ts';
import { type DeviceSequences, listing } from '../../simulator/receive/verify.ts';
import type { LoadDevice } from './load-device.ts';

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

export class DeliveryAccount {
  readonly #receiver: UpstreamReceiver;
  readonly #devices: number;

  /** `devices` is their number in the receiver's account. */
  constructor(receiver: UpstreamReceiver, devices: number) {
    this.#receiver = receiver;
    this.#devices = devices;
  }

  /** Different ones that have arrived. */
  get messages(): number {
    return this.#receiver.account.totals().delivered;
  }

  /** What is wrong as of now; call it when everything has had the time to arrive. */
  verdict(devices: readonly LoadDevice[]): Record<Fault, string[]> {
    const { account } = this.#receiver;
    const all = Array.from({ length: this.#devices }, (_, device) => account.deliveredOf(device));
    return {
      lost: lines(devices.map((device) => ({ device: device.index, set: this.#lostOf(device) }))),
      gaps: lines(all.map((set, device) => ({ device, set: set.gapsBelow(set.end) }))),
      reordered: this.#examples('reordered'),
      renamed: this.#examples('duplicatesNewName'),
      reused: this.#examples('namesReused'),
      foreign: this.#foreign(),
    };
  }

  /** Messages acknowledged to these devices that have not arrived. */
  lostCount(devices: readonly LoadDevice[]): number {
    return devices.reduce((sum, device) => sum + this.#lostOf(device).size, 0);
  }

  #lostOf({ index, acked }: LoadDevice): IntervalSet {
    return acked.difference(this.#receiver.account.deliveredOf(index));
  }

  #examples(fault: ArrivalFault): string[] {
    return this.#receiver.account.examples()[fault].map(({ device, sequence }) => `${device} ${sequence}`);
  }

  #foreign(): string[] {
    const { account, intake, connection } = this.#receiver;
    const { foreign, isComplete } = account.totals();
    return [
      ...(foreign > 0 ? [`${foreign} messages of somebody else`] : []),
      ...(intake.counts.damaged > 0 ? [`${intake.counts.damaged} damaged: ${intake.firstDamage}`] : []),
      ...(connection.sessionsLost > 0 ? ['the receiver may have missed something'] : []),
      ...(isComplete ? [] : ['too much to account for']),
    ];
  }
}

function lines(found: readonly { device: number; set: IntervalSet }[]): string[] {
  const devices: DeviceSequences[] = found
    .filter(({ set }) => set.size > 0)
    .map(({ device, set }) => ({ device, bounds: set.toBounds() }));
  return listing(devices, { nameOf: String });
}
