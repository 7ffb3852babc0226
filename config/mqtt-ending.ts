// The orderly end of an mqtt.js client. Its own `end` waits for ever for acknowledgements that never come, and does
// nothing about a socket when it is not connected; this one always comes to an end, with nothing of the client alive.

import type { IDisconnectPacket, MqttClient } from 'mqtt';
import type { Clock } from '../config/clock.ts';

export interface EndOptions {
  clock: Clock;
  /** After that time the socket is destroyed, whatever is still on its way. */
  deadlineMs: number;
  /** MQTT 5 properties of the DISCONNECT. */
  properties?: IDisconnectPacket['properties'];
}

/** Says goodbye if connected and resolves when the socket is closed. Repeatable. */
export async function endClient(client: MqttClient, options: EndOptions): Promise<void> {
  const { stream } = client;
  const closed = new Promise<void>((resolve) => {
    if (stream.closed) resolve();
    else stream.once('close', () => resolve());
  });
  const timer = options.clock.after(options.deadlineMs, () => stream.destroy());
  const farewell = client.connected && Object.keys(client.outgoing).length === 0;
  client.end(!farewell, options.properties === undefined ? {} : { properties: options.properties });
  await closed;
  timer.clear();
}
