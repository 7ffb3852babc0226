// Connections that cannot speak MQTT yet: their TLS handshake or their WebSocket is still to be done. To admission they
// do not exist, so they are counted here, with the limits that admission has for those who are not signed in
// (quotas.connections): one address must not take all the places of a listener by beginning what it does not end.

import type { Socket } from 'node:net';
import { addressKey } from '../admission/identity/address-key.ts';
import type { AcceptCounters } from './accept-counters.ts';
import { plainAddress } from './peer.ts';

export interface PendingLimits {
  readonly pendingMax: number;
  readonly pendingPerAddressMax: number;
}

export class Antechamber {
  /** As they are now. */
  readonly #limits: () => PendingLimits;
  readonly #counters: AcceptCounters;
  /** By name of the connection: the address that it counts for. */
  readonly #waiting = new Map<string, string>();
  readonly #byAddress = new Map<string, number>();

  constructor(limits: () => PendingLimits, counters: AcceptCounters) {
    this.#limits = limits;
    this.#counters = counters;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** A connection was accepted. False: there are too many, and it is to be closed. */
  enter(socket: Socket): boolean {
    const name = nameOf(socket);
    const address = addressKey(plainAddress(socket.remoteAddress));
    const { pendingMax, pendingPerAddressMax } = this.#limits();
    const ofAddress = this.#byAddress.get(address) ?? 0;
    if (this.#waiting.size >= pendingMax || ofAddress >= pendingPerAddressMax) {
      this.#counters.pendingRefused++;
      return false;
    }
    this.#waiting.set(name, address);
    this.#byAddress.set(address, ofAddress + 1);
    socket.once('close', () => this.#leave(name));
    return true;
  }

  /** It can speak MQTT now; `socket` may be what is on top of the one that was accepted. */
  leave(socket: Socket): void {
    this.#leave(nameOf(socket));
  }

  #leave(name: string): void {
    const address = this.#waiting.get(name);
    if (address === undefined) return;
    this.#waiting.delete(name);
    const left = (this.#byAddress.get(address) ?? 0) - 1;
    if (left > 0) this.#byAddress.set(address, left);
    else this.#byAddress.delete(address);
  }
}

/** No two connections to a port have the same at a time, and a TLS socket has that of the one below it. */
function nameOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`;
}
