// Builds the mirror from what was on disk. The snapshot has been checked row by row; what refers to nothing
// is left out.

import type { QueueEntry } from './outgoing-queue.ts';
import { asBuffers } from './packet-codec.ts';
import type { QueuedMessage, QueuedMessages } from './queued-messages.ts';
import type { RetainedMessages } from './retained-messages.ts';
import type { Session } from './session.ts';
import type { SessionRegistry } from './session-registry.ts';
import type { SessionSnapshot, StoredOutgoing } from './session-snapshot.ts';
import type { Subscriptions } from './subscriptions.ts';
import type { Wills } from './wills.ts';

export interface Mirror {
  sessions: SessionRegistry;
  subscriptions: Subscriptions;
  messages: QueuedMessages;
  retained: RetainedMessages;
  wills: Wills;
}

export function restoreSessions(snapshot: SessionSnapshot, mirror: Mirror): void {
  const { sessions, subscriptions, messages, retained, wills } = mirror;
  for (const row of snapshot.sessions) sessions.restore(row);
  const bySid = new Map<number, Session>();
  for (const session of sessions.all()) bySid.set(session.sid, session);
  for (const row of snapshot.subscriptions) {
    const session = bySid.get(row.sid);
    if (session !== undefined) subscriptions.restore(session, row);
  }
  for (const { sid, packetId } of snapshot.qos2) bySid.get(sid)?.inboundQos2.add(packetId);
  const messageById = new Map<number, QueuedMessage>();
  for (const { id, packet, bytes } of snapshot.messages) {
    messageById.set(id, messages.restore(id, asBuffers(packet), bytes));
  }
  restoreQueues(snapshot.outgoing, bySid, messageById, messages);
  for (const { packet, bytes } of snapshot.retained) retained.restore(asBuffers(packet), bytes);
  for (const will of snapshot.wills) wills.restore({ ...will, packet: asBuffers(will.packet) });
}

function restoreQueues(
  rows: StoredOutgoing[],
  bySid: Map<number, Session>,
  messageById: Map<number, QueuedMessage>,
  messages: QueuedMessages,
): void {
  const released = rows.filter((row) => row.releasedSeq !== null);
  released.sort((a, b) => a.releasedSeq! - b.releasedSeq!);
  for (const row of released) {
    const session = bySid.get(row.sid);
    if (session !== undefined) session.queue.restoreReleased(entryOf(row, session, null));
  }
  for (const row of rows) {
    const session = bySid.get(row.sid);
    const message = messageById.get(row.message);
    if (row.releasedSeq !== null || session === undefined || message === undefined) continue;
    messages.refer(message);
    session.enqueue(entryOf(row, session, message));
  }
}

function entryOf(row: StoredOutgoing, session: Session, message: QueuedMessage | null): QueueEntry {
  const { seq, qos, retain, subscriptionIds, packetId, sent } = row;
  const flags = { visible: true, marked: packetId !== 0, gone: false, retainedCopy: false };
  return { seq, session, message, qos, retain, subscriptionIds, packetId, sent, connection: null, ...flags };
}
