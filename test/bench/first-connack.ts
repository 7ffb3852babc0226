// When a server begins to accept: connects again and again until a CONNECT is answered by a CONNACK that says yes, or
// that this client is not authorized.

import { connect } from 'node:net';

const RETRY_MS = 2;
/** MQTT 3.1.1 3.1: clean session, keep-alive 60 s, client id `p`. */
const CONNECT = Buffer.from([0x10, 13, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 2, 0, 60, 0, 1, 0x70]);
const DISCONNECT = Buffer.from([0xe0, 0]);

/** Accepted, not authorized (MQTT 3.1.1 3.2.2.3). */
const ANSWERS = [0, 5];

/** `performance.now()` of the first CONNACK with one of these return codes. */
export async function firstConnack(port: number, timeoutMs: number, ended: () => boolean): Promise<number> {
  const until = performance.now() + timeoutMs;
  while (performance.now() < until && !ended()) {
    if (await isAccepted(port, until - performance.now())) return performance.now();
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
  throw new Error(ended() ? 'the server has ended' : `nothing accepts on port ${port}`);
}

function isAccepted(port: number, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(CONNECT));
    socket.setTimeout(timeoutMs, () => socket.destroy());
    socket.once('data', (bytes) => {
      resolve(bytes[0] === 0x20 && ANSWERS.includes(bytes[3]));
      socket.end(DISCONNECT);
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
}
