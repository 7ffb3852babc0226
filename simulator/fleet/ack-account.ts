// What the devices of a run have sent, and what became of it as far as they have been told: the sender's side of the
// books, against which the receiver's are held. By device and sequence, kept as intervals: a device that is answered
// in order costs the same after a million messages as after ten.
//
// A device's sequences count up from 0 without gaps, so that one number says what was sent. A message is
// acknowledged or refused or neither; with QoS 0 it is never answered, and is kept apart.

import { IntervalSet } from '../receive/interval-set.ts';

export interface AckTotals {
  /** Of any QoS. */
  sent: number;
  sentQos0: number;
  acked: number;
  refused: number;
  /** `sent` less the three above. */
  unacked: number;
}

export class AckAccount {
  readonly #sent: Float64Array;
  readonly #acked: (IntervalSet | undefined)[];
  readonly #refused = new Map<number, IntervalSet>();
  readonly #qos0 = new Map<number, IntervalSet>();
  #sentTotal = 0;
  #ackedTotal = 0;
  #refusedTotal = 0;
  #qos0Total = 0;

  /** `devices` is their number: indexes from 0 up to that. */
  constructor(devices: number) {
    this.#sent = new Float64Array(devices);
    this.#acked = new Array(devices).fill(undefined);
  }

  get totals(): AckTotals {
    const sent = this.#sentTotal;
    const [sentQos0, acked, refused] = [this.#qos0Total, this.#ackedTotal, this.#refusedTotal];
    return { sent, sentQos0, acked, refused, unacked: sent - sentQos0 - acked - refused };
  }

  /** Of all devices, which is what the account's memory grows with: 16 bytes each. */
  get intervals(): number {
    let intervals = 0;
    for (const set of this.#acked) intervals += set?.intervals ?? 0;
    for (const set of this.#refused.values()) intervals += set.intervals;
    for (const set of this.#qos0.values()) intervals += set.intervals;
    return intervals;
  }

  /** Handed to the client, which has taken it. Returns the sequence that it had. */
  sent(device: number, qos: 0 | 1 | 2): number {
    const sequence = this.#sent[device]++;
    this.#sentTotal++;
    if (qos === 0) {
      this.#qos0Total++;
      setOf(this.#qos0, device).add(sequence);
    }
    return sequence;
  }

  /** False when it was known already. */
  acked(device: number, sequence: number): boolean {
    let set = this.#acked[device];
    if (set === undefined) {
      set = new IntervalSet();
      this.#acked[device] = set;
    }
    const isNew = set.add(sequence);
    if (isNew) this.#ackedTotal++;
    return isNew;
  }

  /** False when it was known already. */
  refused(device: number, sequence: number): boolean {
    const isNew = setOf(this.#refused, device).add(sequence);
    if (isNew) this.#refusedTotal++;
    return isNew;
  }

  /** 0 up to this. */
  sentBy(device: number): number {
    return this.#sent[device];
  }

  /** Not a copy. */
  ackedOf(device: number): IntervalSet {
    return this.#acked[device] ?? EMPTY;
  }

  refusedOf(device: number): IntervalSet {
    return this.#refused.get(device) ?? EMPTY;
  }

  sentWithQos0Of(device: number): IntervalSet {
    return this.#qos0.get(device) ?? EMPTY;
  }

  /** Sent with QoS 1 or 2, and no answer has come. */
  unackedOf(device: number): IntervalSet {
    return this.ackedOf(device)
      .gapsBelow(this.sentBy(device))
      .difference(this.refusedOf(device))
      .difference(this.sentWithQos0Of(device));
  }
}

const EMPTY = new IntervalSet();

function setOf(sets: Map<number, IntervalSet>, device: number): IntervalSet {
  let set = sets.get(device);
  if (set === undefined) {
    set = new IntervalSet();
    sets.set(device, set);
  }
  return set;
}
