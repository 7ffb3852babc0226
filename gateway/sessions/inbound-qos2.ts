// Packet ids of inbound QoS 2 publishes that are received and not yet released: a second PUBLISH with one of them is
// the same message again (MQTT 5.0 4.3.3). For a session that outlives the connection each change goes to disk, with
// the record it belongs to; for others it dies with the connection.

import type { SessionOp } from '../../storage/sessions/session-ops.ts';

export interface InboundQos2 {
  has(packetId: number): boolean;
  add(packetId: number): void;
  remove(packetId: number): void;
}

export class VolatileQos2 implements InboundQos2 {
  readonly #ids = new Set<number>();

  has(packetId: number): boolean {
    return this.#ids.size > 0 && this.#ids.has(packetId);
  }

  add(packetId: number): void {
    this.#ids.add(packetId);
  }

  remove(packetId: number): void {
    this.#ids.delete(packetId);
  }
}

/** Shares its ids with later connections of the session; `journal` adds an op to the commit being filled. */
export class PersistentQos2 implements InboundQos2 {
  readonly #clientId: string;
  readonly #ids: Set<number>;
  readonly #journal: (op: SessionOp) => void;

  constructor(clientId: string, ids: Set<number>, journal: (op: SessionOp) => void) {
    this.#clientId = clientId;
    this.#ids = ids;
    this.#journal = journal;
  }

  has(packetId: number): boolean {
    return this.#ids.size > 0 && this.#ids.has(packetId);
  }

  add(packetId: number): void {
    this.#ids.add(packetId);
    this.#journal({ kind: 'qos2-add', clientId: this.#clientId, packetId });
  }

  remove(packetId: number): void {
    this.#ids.delete(packetId);
    this.#journal({ kind: 'qos2-remove', clientId: this.#clientId, packetId });
  }
}
