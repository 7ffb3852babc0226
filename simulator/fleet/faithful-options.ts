// How the mqtt package is set up for a simulated device, and the bytes that its sockets have written, which it does
// not count itself: of TCP and TLS its stream knows, of WebSockets the socket below, which is only to be had when it
// opens.

import type { Socket } from 'node:net';
import type { IClientOptions, MqttClient } from 'mqtt';
import { WebSocket } from 'ws';
import type { DeviceClientOptions } from './device-client.ts';

const CONNACK_TIMEOUT_MS = 10_000;

export function faithfulOptions(options: DeviceClientOptions, bytes: WrittenBytes): IClientOptions {
  const { version, clientId, cleanSession, sessionExpiryS, keepAliveS, username, password, tls } = options;
  return {
    ...(tls as IClientOptions | undefined),
    protocolVersion: version,
    clientId,
    clean: cleanSession,
    keepalive: keepAliveS,
    connectTimeout: CONNACK_TIMEOUT_MS,
    reconnectOnConnackError: true,
    queueQoSZero: false,
    resubscribe: false,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(version === 5 && !cleanSession ? { properties: { sessionExpiryInterval: sessionExpiryS } } : {}),
    createWebsocket: (url: string, protocols: string[], { wsOptions }: IClientOptions) => {
      const socket = new WebSocket(url, protocols, wsOptions as object);
      socket.once('upgrade', (response) => bytes.countOf(response.socket));
      return socket;
    },
  };
}

export class WrittenBytes {
  #before = 0;
  #socket: Socket | undefined;

  get total(): number {
    return this.#before + (this.#socket?.bytesWritten ?? 0);
  }

  /** From now on those of this stream too, if it is a socket. */
  countStream(stream: MqttClient['stream']): void {
    const socket = stream as unknown as Socket;
    if (typeof socket.bytesWritten !== 'number') return;
    socket.setNoDelay(true); // latencies are to be the gateway's, not Nagle's
    this.countOf(socket);
  }

  countOf(socket: Socket): void {
    this.close();
    this.#socket = socket;
  }

  /** The connection is over: keeps the number and lets go of the socket. */
  close(): void {
    this.#before = this.total;
    this.#socket = undefined;
  }
}
