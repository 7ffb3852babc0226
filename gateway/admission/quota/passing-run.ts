// Messages of one connection that follow each other in what was read at a time. Nobody else can come between them, so
// what its device, its group and the gateway have left is looked up once, and charged once with all of them: to take
// n tokens at one moment is the same as to take n times one (token-bucket.ts).
//
// Only what surely passes is let through here: nobody waits for a total, and no budget comes to its end. Everything
// else ends the run and is decided upon by itself (quotas.ts).

import type { DeviceHandle } from './device-handle.ts';
import type { SharedTotal } from './shared-totals.ts';

export class PassingRun {
  readonly #gateway: SharedTotal;
  /** Whose run it is; null: there is none. */
  #handle: DeviceHandle | null = null;
  /** Of the last message that was charged by itself. */
  #lastHandle: DeviceHandle | null = null;
  #nowMs = 0;
  #messages = 0;
  #bytes = 0;
  #messagesMax = 0;
  #bytesMax = 0;

  constructor(gateway: SharedTotal) {
    this.#gateway = gateway;
  }

  /** Whether a message of so many bytes passes. Changes nothing: then `add`, if it is kept. */
  admits(handle: DeviceHandle, bytes: number, nowMs: number): boolean {
    return (
      handle === this.#handle &&
      nowMs === this.#nowMs &&
      this.#messages < this.#messagesMax &&
      this.#bytes + bytes <= this.#bytesMax
    );
  }

  /** False: the message is not of a run, and to be charged by itself. */
  add(handle: DeviceHandle, bytes: number): boolean {
    if (handle !== this.#handle) return false;
    this.#messages++;
    this.#bytes += bytes;
    return true;
  }

  /** A message was accepted and charged by itself: with the second in a row a run begins. */
  follow(handle: DeviceHandle, nowMs: number): void {
    if (handle === this.#lastHandle && nowMs === this.#nowMs) this.#begin(handle);
    this.#lastHandle = handle;
    this.#nowMs = nowMs;
  }

  /** Charges what has passed. */
  end(): void {
    const handle = this.#handle;
    if (handle === null) return;
    this.#handle = null;
    const messages = this.#messages;
    const bytes = this.#bytes;
    if (messages === 0) return;
    handle.quota.charge(messages, bytes, this.#nowMs);
    this.#gateway.quota.take(messages, bytes, this.#nowMs);
    if (handle.group === null) return;
    handle.group.quota.take(messages, bytes, this.#nowMs);
    if (handle.entry !== null) handle.group.quota.addStored(bytes);
  }

  #begin(handle: DeviceHandle): void {
    const { quota, group, latest, isWaiting } = handle;
    const { gate, quota: total } = this.#gateway;
    if (latest !== null || isWaiting || !gate.isIdle || group?.gate.isIdle === false) return;
    const nowMs = this.#nowMs;
    this.#handle = handle;
    this.#messages = 0;
    this.#bytes = 0;
    this.#messagesMax = Math.min(
      Math.floor(quota.messagesLeft(nowMs)),
      Math.floor(total.messagesLeft(nowMs)),
      Math.floor(group?.quota.messagesLeft(nowMs) ?? Infinity),
    );
    this.#bytesMax = Math.min(
      quota.bytesLeft(nowMs),
      total.bytesLeft(nowMs),
      group?.quota.bytesLeft(nowMs) ?? Infinity,
    );
  }
}
