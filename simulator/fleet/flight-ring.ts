// Messages under way, in the order in which they were sent, for sending them again in that order (MQTT 5.0 4.6). A
// ring: a position counts up for ever, its slot is the position modulo the capacity, and the packet id is the slot
// plus one.
//
//   firstPosition <= position < endPosition     what is answered inside of that leaves a hole until the first is, too
//
// It has more slots than the window is wide, so that one late answer does not hold up the others at once.

import type { OutboundMessage } from './device-client.ts';

export const FlightState = { free: 0, sent: 1, released: 2 } as const;

const PACKET_IDS = 65_535;
const SLOTS_MIN = 16;
const SLOTS_PER_MESSAGE = 2;

export class FlightRing {
  firstPosition = 0;
  endPosition = 0;
  /** Slots that are not free. */
  used = 0;
  /** Neither acknowledged nor refused. */
  unacknowledged = 0;
  readonly #capacity: number;
  readonly #states: Uint8Array;
  readonly #sentAtMs: Float64Array;
  readonly #messages: (OutboundMessage | undefined)[];

  constructor(windowMessages: number) {
    this.#capacity = Math.min(PACKET_IDS, Math.max(SLOTS_MIN, SLOTS_PER_MESSAGE * windowMessages));
    this.#states = new Uint8Array(this.#capacity);
    this.#sentAtMs = new Float64Array(this.#capacity);
    this.#messages = new Array(this.#capacity).fill(undefined);
  }

  get isFull(): boolean {
    return this.endPosition - this.firstPosition >= this.#capacity;
  }

  /** Its packet id. The ring must not be full. */
  push(message: OutboundMessage, nowMs: number): number {
    const slot = this.endPosition++ % this.#capacity;
    this.#states[slot] = FlightState.sent;
    this.#sentAtMs[slot] = nowMs;
    this.#messages[slot] = message;
    this.used++;
    this.unacknowledged++;
    return slot + 1;
  }

  packetIdAt(position: number): number {
    return (position % this.#capacity) + 1;
  }

  /** `free` for ids that were never given as well. */
  stateOf(packetId: number): number {
    return this.#states[packetId - 1] ?? FlightState.free;
  }

  /** Undefined when it is free or released. */
  messageOf(packetId: number): OutboundMessage | undefined {
    return this.#messages[packetId - 1];
  }

  sentAtMs(packetId: number): number {
    return this.#sentAtMs[packetId - 1];
  }

  /** QoS 2: received at the other end, and must not be sent again; PUBCOMP frees its id. */
  release(packetId: number): void {
    this.#states[packetId - 1] = FlightState.released;
    this.#messages[packetId - 1] = undefined;
    this.unacknowledged--;
  }

  free(packetId: number): void {
    const slot = packetId - 1;
    if (this.#states[slot] === FlightState.sent) this.unacknowledged--;
    this.#states[slot] = FlightState.free;
    this.#messages[slot] = undefined;
    this.used--;
    while (
      this.firstPosition < this.endPosition &&
      this.#states[this.firstPosition % this.#capacity] === FlightState.free
    ) {
      this.firstPosition++;
    }
  }
}
