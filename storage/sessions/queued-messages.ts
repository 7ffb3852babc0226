// Messages that wait for somebody, shared by all sessions they wait for: one copy in memory, one row on disk,
// gone with the last session's entry. Counts the bytes of all queues together, those of the entries too: one small
// message that waits for every session there is takes a lot.

import { encodePacket } from './packet-codec.ts';
import { identityOf, type SessionPacket, type StoredPacket, storedPacketOf } from './session-packet.ts';

/** What an entry takes in memory and on disk beside its message, roughly. */
export const queueEntryBytes = 256;

export interface QueuedMessage {
  readonly id: number;
  readonly packet: StoredPacket;
  /** Encoded. */
  readonly bytes: number;
  /** aedes's names for it, this boot only. */
  readonly brokerId: string | undefined;
  readonly brokerCounter: number | undefined;
  readonly identity: string | null;
  references: number;
}

export class QueuedMessages {
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** The message and its row; it counts once somebody refers to it. */
  create(id: number, packet: SessionPacket, nowMs: number): { message: QueuedMessage; encoded: Uint8Array } {
    const stored = storedPacketOf(packet, nowMs);
    const encoded = encodePacket(stored);
    const message: QueuedMessage = {
      id,
      packet: stored,
      bytes: encoded.length,
      brokerId: packet.brokerId ?? undefined,
      brokerCounter: packet.brokerCounter,
      identity: identityOf(packet),
      references: 0,
    };
    return { message, encoded };
  }

  restore(id: number, packet: StoredPacket, bytes: number): QueuedMessage {
    return {
      id,
      packet,
      bytes,
      brokerId: undefined,
      brokerCounter: undefined,
      identity: null,
      references: 0,
    };
  }

  refer(message: QueuedMessage): void {
    this.#bytes += this.addedBy(message);
    message.references++;
  }

  /** By how much the bytes grow if one more session refers to it. */
  addedBy(message: QueuedMessage): number {
    return queueEntryBytes + (message.references === 0 ? message.bytes : 0);
  }

  /** True when that was the last reference: its row must go too. */
  release(message: QueuedMessage): boolean {
    message.references--;
    this.#bytes -= this.addedBy(message);
    return message.references === 0;
  }
}
