// The loss side of the verdict: what the devices were told against what has arrived. Pure; to be asked when
// everything has had the time to arrive. Exact, by device and sequence, as long as the account of arrivals is
// complete.
//
//   lost               acknowledged, and not delivered
//   lostQos0           sent with QoS 0, and not delivered
//   refusedDelivered   refused, and delivered all the same
//   deliveredUnacked   delivered, and neither acknowledged nor refused: allowed, counted

import type { ArrivalAccount } from './arrival-account.ts';
import { IntervalSet } from './interval-set.ts';

export const LOSS_KINDS = ['lost', 'lostQos0', 'refusedDelivered', 'deliveredUnacked'] as const;
export type LossKind = (typeof LOSS_KINDS)[number];

/** What one device has to say. */
export interface DeviceOutcome {
  acked: IntervalSet;
  refused: IntervalSet;
  /** Sequences below it have been sent. */
  sentCount: number;
  /** Nothing of it is ever acknowledged. */
  qos0: boolean;
}

export interface DeviceSequences {
  device: number;
  /** As IntervalSet.toBounds gives them. */
  bounds: Float64Array<ArrayBuffer>;
}

export interface LossFinding {
  count: number;
  byGroup: number[];
  /** Every device that has any, by index. */
  devices: DeviceSequences[];
}

export type Losses = Record<LossKind, LossFinding>;

/** `outcomes` by device index, for every device of the account. */
export function verify(outcomes: readonly DeviceOutcome[], account: ArrivalAccount): Losses {
  const groups = account.totals().deliveredByGroup.length;
  const finding = (): LossFinding => ({
    count: 0,
    byGroup: Array.from({ length: groups }, () => 0),
    devices: [],
  });
  const losses: Losses = {
    lost: finding(),
    lostQos0: finding(),
    refusedDelivered: finding(),
    deliveredUnacked: finding(),
  };
  for (const [device, outcome] of outcomes.entries()) {
    const found = lossesOf(outcome, account.deliveredOf(device));
    for (const kind of LOSS_KINDS) {
      const set = found[kind];
      if (set.size === 0) continue;
      losses[kind].count += set.size;
      losses[kind].byGroup[account.groupOf(device)] += set.size;
      losses[kind].devices.push({ device, bounds: set.toBounds() });
    }
  }
  return losses;
}

function lossesOf(
  { acked, refused, sentCount, qos0 }: DeviceOutcome,
  delivered: IntervalSet,
): Record<LossKind, IntervalSet> {
  const none = new IntervalSet();
  return {
    lost: acked.difference(delivered),
    lostQos0: qos0 ? delivered.gapsBelow(sentCount) : none,
    refusedDelivered: refused.intersection(delivered),
    deliveredUnacked: qos0 ? none : delivered.difference(acked).difference(refused),
  };
}

export interface ListingOptions {
  nameOf: (device: number) => string;
  devicesMax?: number;
  /** Of each device. */
  rangesMax?: number;
}

const DEVICES_MAX = 10;
const RANGES_MAX = 10;

/** "device-7 12-15, 19": a line for each device, the first few; what is left out is said. */
export function listing(devices: readonly DeviceSequences[], options: ListingOptions): string[] {
  const { nameOf, devicesMax = DEVICES_MAX, rangesMax = RANGES_MAX } = options;
  const lines = devices
    .slice(0, devicesMax)
    .map(({ device, bounds }) => `${nameOf(device)} ${rangesText(bounds, rangesMax)}`);
  const more = devices.length - devicesMax;
  return more > 0 ? [...lines, `and ${more} more ${more === 1 ? 'device' : 'devices'}`] : lines;
}

function rangesText(bounds: Float64Array, rangesMax: number): string {
  const texts: string[] = [];
  for (let i = 0; i < Math.min(bounds.length, 2 * rangesMax); i += 2) {
    const last = bounds[i + 1] - 1;
    texts.push(bounds[i] === last ? String(last) : `${bounds[i]}-${last}`);
  }
  const more = bounds.length / 2 - rangesMax;
  if (more > 0) texts.push(`and ${more} more`);
  return texts.join(', ');
}
