// A client as the keep step knows it. It outlives the client's Connection: what a commit owes to a client is remembered
// until that commit is on disk, and a disk can take its time. The Connection - its streams, its buffers, the session
// engine's client, some 20 KiB - is let go when it ends, and who reconnects meanwhile does not pile up.
//
// Invariant: nothing of a client that has left is reachable from here.

import {
  AckKind,
  createSourceSlots,
  type RecordSource,
  type SourceSlots,
} from '../../storage/record-source.ts';
import type { ListenerCounters } from './listener-counters.ts';

/** The Connection. */
export type AcknowledgedClient = Pick<RecordSource, 'acknowledge' | 'flushAcknowledgements'>;

export interface ClientSourceOptions {
  client: AcknowledgedClient;
  lanes: number;
  counters: Pick<ListenerCounters, 'acknowledged'>;
}

export class ClientSource implements RecordSource {
  /** The client id, once it is known. */
  device = '';
  /** Whose bytes its records are; 0: nobody asks. */
  deviceKey = 0;
  groupKey = 0;
  readonly slots: SourceSlots;
  readonly #counters: Pick<ListenerCounters, 'acknowledged'>;
  #client: AcknowledgedClient | null;

  constructor({ client, lanes, counters }: ClientSourceOptions) {
    this.#client = client;
    this.slots = createSourceSlots(lanes);
    this.#counters = counters;
  }

  /** It is known who the client is; `owner`: whose bytes its records are. */
  identify(device: string, owner: { readonly deviceKey: number; readonly groupKey: number }): void {
    this.device = device;
    this.deviceKey = owner.deviceKey;
    this.groupKey = owner.groupKey;
  }

  acknowledge(kind: AckKind, packetId: number, reason: number): void {
    if (kind !== AckKind.pubcomp) this.#counters.acknowledged++;
    this.#client?.acknowledge(kind, packetId, reason);
  }

  flushAcknowledgements(): void {
    this.#client?.flushAcknowledgements();
  }

  /** The connection has ended: there is nobody to tell any more. */
  leave(): void {
    this.#client = null;
  }
}
