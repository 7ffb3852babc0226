// What becomes of a client's first attempt to connect, for commands that a person waits for: mqtt.js would go on
// trying, also where nobody will ever answer.

import type { MqttClient } from 'mqtt';
import { messageOf } from '../../config/errors.ts';

/** Resolves at the first CONNACK that says yes; rejects with what happened instead. */
export function firstConnection(client: MqttClient): Promise<void> {
  return new Promise((resolve, reject) => {
    // Stays on as the listener without which an 'error' would end the process.
    client.on('error', reject);
    client.once('close', () => reject(new Error('the broker closed the connection')));
    client.once('connect', () => resolve());
  });
}

/** Of several attempts (IPv6 and IPv4) Node tells only the code. */
export function reasonOf(error: unknown): string {
  const code = (error as { code?: unknown }).code;
  const message = messageOf(error);
  return message === '' && typeof code === 'string' ? code : message;
}
