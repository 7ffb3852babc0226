// What the main thread knows of who fills the buffer: bytes of each device's, and each group's, records that are on
// disk and not yet delivered to every sink that owes them. The storage thread tells of changes with a commit, but not
// with one after the other, and at the latest with its next tick (store-thread.ts). What counts of a record:
// owner-shares.ts.
//
// After a start the figures begin at 0 and grow to the truth while what was there before is counted (`isCounting`).

import { SluiceError } from '../../config/errors.ts';
import { OwnerBytes } from './owner-bytes.ts';
import { OwnerKeys } from './owner-keys.ts';
import type { OwnerShares } from './owner-shares.ts';

export class StoredShares {
  readonly #bytes: OwnerBytes;
  #keys: OwnerKeys | null = null;
  #isCounting = true;
  /** Called when some have changed, with by how much each has. */
  onChange: ((changes: OwnerShares) => void) | null = null;

  /** `ownersMax`: so many devices and groups at a time, and no more, are told apart. */
  constructor(ownersMax: number) {
    this.#bytes = new OwnerBytes(ownersMax);
  }

  /** Whether some of what was stored before the start is still to be counted: until then figures are too low. */
  get isCounting(): boolean {
    return this.#isCounting;
  }

  /** Devices and groups that have any. */
  get owners(): number {
    return this.#bytes.owners;
  }

  /** Of devices and groups for which there was no place; they have `bytesOf` 0. */
  get uncountedBytes(): number {
    return this.#bytes.uncountedBytes;
  }

  /** Of a client id, to be kept with its connection. Only after the store has started. */
  deviceKey(clientId: string): number {
    return this.#ownerKeys.deviceKey(clientId);
  }

  groupKey(group: string): number {
    return this.#ownerKeys.groupKey(group);
  }

  /** By key. */
  bytesOf(owner: number): number {
    return this.#bytes.of(owner);
  }

  /** The store's: it is open. */
  opened(secret: string): void {
    this.#keys = new OwnerKeys(secret);
  }

  /** The store's: something was stored, delivered or counted. */
  changed(shares: OwnerShares): void {
    for (let i = 0; i < shares.length; i += 2) this.#bytes.add(shares[i], shares[i + 1]);
    this.onChange?.(shares);
  }

  /** The store's: all that was stored before the start is counted. */
  counted(): void {
    this.#isCounting = false;
  }

  get #ownerKeys(): OwnerKeys {
    if (this.#keys === null)
      throw new SluiceError('STORE_NOT_STARTED', 'the store is not started', { kind: 'fatal' });
    return this.#keys;
  }
}
