// What a Listener opens its port with: something that accepts connections, and hands each on once it is ready for the
// next protocol. A transport bounds how many there are, and how long one may take to get ready.

import type { Server, Socket } from 'node:net';
import type { CertifiedName } from './peer.ts';

/** `certificate`: null where none was shown. */
export type OnSocket = (socket: Socket, certificate: CertifiedName | null) => void;

/**
 * Of each socket that is accepted. One on which nothing has come for `idleProbeMs` is asked by the system whether its
 * peer
 * is still there (RFC 9293 3.8.4): a client without a keep-alive of its own may vanish without a word.
 */
export function socketOptions(idleProbeMs: number) {
  return { noDelay: true, keepAlive: true, keepAliveInitialDelay: idleProbeMs };
}

export interface Transport {
  /** Not listening yet. */
  readonly server: Server;
  /** Sockets there are, those that are not ready yet included. */
  readonly connections: number;
  /** To be called when `server` takes no more: ends what is not ready, resolves when the last socket is closed. */
  ended(): Promise<void>;
}
