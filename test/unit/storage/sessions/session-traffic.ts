// What tests of messages to a client do again and again: a client that subscribes and goes away, and messages for it.

import type { SessionPacket } from '../../../../storage/sessions/session-packet.ts';
import type { SessionPersistence } from '../../../../storage/sessions/session-persistence.ts';
import { connect, type FakeClient, publish, publishOf } from './session-store.ts';

export const subscription = { topic: 'cmd/#', qos: 2, rh: 0, rap: false, nl: false };

export async function subscribed(persistence: SessionPersistence, client: FakeClient): Promise<void> {
  await connect(persistence, client);
  await persistence.addSubscriptions(client, [subscription]);
}

export async function offline(persistence: SessionPersistence, client: FakeClient): Promise<void> {
  client.closed = true;
  await persistence.closeSession(client, { expiryS: 3600 });
}

export function idsOf(packets: SessionPacket[]): (number | undefined)[] {
  return packets.map((packet) => packet.messageId);
}

export async function publishMany(
  persistence: SessionPersistence,
  count: number,
  extra: Partial<SessionPacket> = {},
): Promise<void> {
  const packets = Array.from({ length: count }, (_, i) => publishOf('cmd/a', String(i), extra));
  await Promise.all(packets.map((packet) => publish(persistence, packet)));
}
