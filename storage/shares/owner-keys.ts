// Names of devices and groups as numbers, for accounts of stored bytes: 48 bits of SHA-256 over the store's secret and
// the name. 48 bits fit into a number and make two equal ones improbable (50,000 names: 1 in 200,000); the secret keeps
// a client from choosing a name that falls together with another's. Made once for a connection, never for a message.

import { hash } from 'node:crypto';

export class OwnerKeys {
  readonly #secret: string;

  constructor(secret: string) {
    this.#secret = secret;
  }

  /** By client id. Never 0. */
  deviceKey(name: string): number {
    return this.#key('device', name);
  }

  /** A group's is never a device's. Never 0. */
  groupKey(name: string): number {
    return this.#key('group', name);
  }

  #key(kind: 'device' | 'group', name: string): number {
    return hash('sha256', `${this.#secret}\n${kind}\n${name}`, 'buffer').readUIntBE(0, 6) || 1;
  }
}
