// Where a raw client connects to: the URL taken apart, and the socket opened, plain or TLS. What is said over the
// socket is left to others.

import { isIP, connect as netConnect, type Socket } from 'node:net';
import { type ConnectionOptions, connect as tlsConnect } from 'node:tls';
import { SluiceError } from '../../config/errors.ts';

export interface Endpoint {
  host: string;
  port: number;
  secure: boolean;
  /** From the URL, `mqtt://user:password@host`. */
  username: string | undefined;
  password: string | undefined;
}

/** Takes mqtt and mqtts. */
export function parseEndpoint(url: string): Endpoint {
  const { protocol, hostname, port, username, password } = new URL(url);
  const secure = protocol === 'mqtts:';
  if (!secure && protocol !== 'mqtt:') {
    const hint = 'Use mqtt:// or mqtts://, or the faithful clients.';
    throw new SluiceError('URL_UNSUPPORTED', `no raw client for ${protocol}//`, { kind: 'permanent', hint });
  }
  return {
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === '' ? (secure ? 8883 : 1883) : Number(port),
    secure,
    username: username === '' ? undefined : decodeURIComponent(username),
    password: password === '' ? undefined : decodeURIComponent(password),
  };
}

/** `ready` is called once bytes may be written: after the TLS handshake, where there is one. */
export function openSocket(endpoint: Endpoint, tls: ConnectionOptions, ready: () => void): Socket {
  const { host, port, secure } = endpoint;
  if (!secure) return netConnect({ host, port, noDelay: true }, ready);
  const socket = tlsConnect({ host, port, ...(isIP(host) === 0 ? { servername: host } : {}), ...tls }, ready);
  socket.setNoDelay(true);
  return socket;
}
