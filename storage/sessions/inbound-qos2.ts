// Packet ids of PUBLISHes with QoS 2 that a client sent and has not released yet (MQTT 5.0 4.3.3): a PUBLISH
// that comes again with one of them is the same message. For a session that outlives its connection they are
// on disk, in the same commit as the message.

import { clientLimits } from '../../config/limits.ts';
import type { Session } from './session.ts';
import type { SessionContext } from './session-context.ts';
import type { SessionOp } from './session-ops.ts';
import type { SessionClient, SessionPacket } from './session-packet.ts';
import type { SessionRegistry } from './session-registry.ts';

/**
 * The ids of one connection's session. `add` and `delete` change memory at once and return the op for the
 * caller's commit, null when nothing goes to the disk.
 */
export interface UnreleasedIds {
  readonly size: number;
  /** For one more, if the session may have `most`; fewer when all sessions together have too many. */
  hasRoom(most: number): boolean;
  has(packetId: number): boolean;
  add(packetId: number): SessionOp | null;
  delete(packetId: number): SessionOp | null;
}

/** Until the session is known. */
export const noUnreleasedIds: UnreleasedIds = {
  size: 0,
  hasRoom: () => false,
  has: () => false,
  add: () => null,
  delete: () => null,
};

export class InboundQos2 {
  readonly #context: SessionContext;
  readonly #sessions: SessionRegistry;
  /** For aedes's own way of keeping them: whole packets, in memory only; after a restart the id must do. */
  readonly #packets = new WeakMap<Session, Map<number, SessionPacket>>();

  /** Of all sessions, as far as is known since the last count. */
  #total = 0;

  constructor(context: SessionContext, sessions: SessionRegistry) {
    this.#context = context;
    this.#sessions = sessions;
  }

  /** Ask again at each connect: a clean start makes another session. */
  open(clientId: string): UnreleasedIds {
    const session = this.#sessions.get(clientId);
    const ids = session === undefined ? new Set<number>() : session.inboundQos2;
    const op = (kind: 'qos2-add' | 'qos2-remove', packetId: number): SessionOp | null =>
      session === undefined ? null : { kind, sid: session.sid, packetId };
    return {
      get size() {
        return ids.size;
      },
      hasRoom: (most) => ids.size < (this.#isCrowded ? Math.min(most, clientLimits.unreleasedFewMax) : most),
      has: (packetId) => ids.has(packetId),
      add: (packetId) => {
        if (ids.has(packetId)) return null;
        ids.add(packetId);
        this.#total++;
        return op('qos2-add', packetId);
      },
      delete: (packetId) => {
        if (!ids.delete(packetId)) return null;
        this.#total--;
        return op('qos2-remove', packetId);
      },
    };
  }

  /** Now and then: ids also end with their sessions and connections. */
  recount(): void {
    this.#total = 0;
    for (const { inboundQos2 } of this.#sessions.all()) this.#total += inboundQos2.size;
  }

  get #isCrowded(): boolean {
    return this.#total >= this.#context.limits.unreleasedTotalMax;
  }

  async store(client: SessionClient, packet: SessionPacket): Promise<void> {
    const { session, ops } = this.#sessions.require(client.id);
    const packetId = packet.messageId ?? 0;
    session.inboundQos2.add(packetId);
    let packets = this.#packets.get(session);
    if (packets === undefined) {
      packets = new Map();
      this.#packets.set(session, packets);
    }
    packets.set(packetId, inboundCopyOf(packet));
    await this.#context.journal([...ops, { kind: 'qos2-add', sid: session.sid, packetId }]);
  }

  get(client: SessionClient, packetId: number): SessionPacket | undefined {
    const session = this.#sessions.get(client.id);
    if (!session?.inboundQos2.has(packetId)) return undefined;
    const kept = this.#packets.get(session)?.get(packetId);
    return kept ?? { cmd: 'publish', topic: '', qos: 2, messageId: packetId };
  }

  async remove(client: SessionClient, packetId: number): Promise<boolean> {
    const session = this.#sessions.get(client.id);
    if (!session?.inboundQos2.delete(packetId)) return false;
    this.#packets.get(session)?.delete(packetId);
    await this.#context.journal([{ kind: 'qos2-remove', sid: session.sid, packetId }]);
    return true;
  }
}

function inboundCopyOf(packet: SessionPacket): SessionPacket {
  const { cmd, brokerId, brokerCounter, topic, payload, qos, retain, dup, messageId } = packet;
  return { cmd, brokerId, brokerCounter, topic, payload, qos, retain, dup, messageId };
}
