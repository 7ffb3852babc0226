// Publishers that do not pause: each has a window of QoS 1 publishes under way until all of its own are acknowledged.

import { RawClient } from './raw-client.ts';

export interface BusyLoad {
  port: number;
  publishers: number;
  messages: number;
  window: number;
  payloadBytes: number;
}

/** Resolves with how long it took; fails when one of them is disconnected or waits in vain. */
export async function publishBusily(load: BusyLoad, name: string): Promise<number> {
  const clients = await Promise.all(
    Array.from({ length: load.publishers }, (_, i) =>
      RawClient.connect(load.port, 4, { clientId: `${name}-${i}` }),
    ),
  );
  const sinceMs = performance.now();
  await Promise.all(clients.map((client, i) => publishAll(client, `busy/${name}/${i}`, load)));
  const tookMs = performance.now() - sinceMs;
  await Promise.all(clients.map((client) => client.disconnect()));
  return tookMs;
}

async function publishAll(
  client: RawClient,
  topic: string,
  { messages, window, payloadBytes }: BusyLoad,
): Promise<void> {
  const payload = Buffer.alloc(payloadBytes, 'x');
  let sent = 0;
  const publish = () => client.publish(topic, payload, { qos: 1, messageId: ++sent });
  while (sent < window) publish();
  for (let acknowledged = 1; acknowledged <= messages; acknowledged++) {
    const { messageId } = await client.next('puback');
    if (messageId !== acknowledged) throw new Error(`PUBACK of ${messageId} instead of ${acknowledged}`);
    if (sent < messages) publish();
  }
}
