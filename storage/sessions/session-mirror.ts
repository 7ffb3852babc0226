// The parts of the session persistence, wired together and filled with what was on disk.

import { Delivery } from './delivery.ts';
import { FanOut } from './fan-out.ts';
import { InboundQos2 } from './inbound-qos2.ts';
import { QueuedMessages } from './queued-messages.ts';
import { RetainedMessages } from './retained-messages.ts';
import type { SessionContext } from './session-context.ts';
import { SessionRegistry } from './session-registry.ts';
import { restoreSessions } from './session-restore.ts';
import type { SessionSnapshot } from './session-snapshot.ts';
import { Subscriptions } from './subscriptions.ts';
import { Wills } from './wills.ts';

export interface SessionMirror {
  sessions: SessionRegistry;
  subscriptions: Subscriptions;
  messages: QueuedMessages;
  delivery: Delivery;
  fanOut: FanOut;
  retained: RetainedMessages;
  wills: Wills;
  inbound: InboundQos2;
}

export function buildMirror(context: SessionContext, snapshot: SessionSnapshot): SessionMirror {
  const subscriptions = new Subscriptions();
  const messages = new QueuedMessages();
  const sessions = new SessionRegistry(context, subscriptions, messages, snapshot.nextSid);
  const delivery = new Delivery(context, sessions, messages);
  const fanOut = new FanOut({ context, sessions, subscriptions, messages, delivery });
  const retained = new RetainedMessages(context);
  const wills = new Wills(context);
  restoreSessions(snapshot, { sessions, subscriptions, messages, retained, wills });
  const inbound = new InboundQos2(context, sessions);
  return { sessions, subscriptions, messages, delivery, fanOut, retained, wills, inbound };
}

export interface SessionStats {
  sessions: number;
  connectedSessions: number;
  /** Those with QoS 1 and 2. */
  subscriptions: number;
  queuedMessages: number;
  queuedBytes: number;
  retainedMessages: number;
  retainedBytes: number;
  willsBytes: number;
}

export function statsOf(mirror: SessionMirror): SessionStats {
  const sessions = [...mirror.sessions.all()];
  return {
    sessions: sessions.length,
    connectedSessions: sessions.filter((session) => session.connection !== null).length,
    subscriptions: mirror.subscriptions.size,
    queuedMessages: sessions.reduce((sum, session) => sum + session.queue.size, 0),
    queuedBytes: mirror.messages.bytes,
    retainedMessages: mirror.retained.count,
    retainedBytes: mirror.retained.bytes,
    willsBytes: mirror.wills.bytes,
  };
}
