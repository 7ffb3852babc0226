// What the outbound flow needs from the Connection that owns it, and what it has to know of the client.

import type { Clock } from '../../../config/clock.ts';
import type { SluiceError } from '../../../config/errors.ts';
import type { Mount } from '../../admission/access/mount.ts';
import type { ConnackMend } from './connack-mend.ts';

/** `not-of-tenant`: its topic does not lie under the client's mount. */
export type DiscardReason = 'packet-too-large' | 'expired' | 'not-of-tenant';

export interface OutboundPorts {
  /** To the socket, in order; whole packets only. The bytes are not changed afterwards. */
  send(bytes: Buffer): void;
  /** Gives aedes a packet as if the client had sent it. */
  toAedes(frame: Buffer): void;
  clock: Clock;
  /** PUBLISH packets that this client does not get. */
  onDiscard(reason: DiscardReason, count: number): void;
  /** The connection cannot go on: it has to be closed. Called at most once; nothing is sent afterwards. */
  fail(fault: SluiceError): void;
}

export interface ClientTerms {
  version: 3 | 4 | 5;
  /** 65535 where the client names none. */
  receiveMaximum: number;
  /** Infinity where the client names none. */
  maximumPacketBytes: number;
  /** Read when aedes's CONNACK comes, so that it may be completed until then. */
  connack: ConnackMend;
  /** Of the client's tenant, taken off the topics it gets; absent where it is in none. */
  mount?: Mount;
}
