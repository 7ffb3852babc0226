// What a simulated device needs of its MQTT connection. Two implement it: `faithful-client.ts` on the mqtt package, and
// `lean-client.ts`, raw sockets with many publishes in one write, for load.
//
// A message that is not acknowledged is sent again, in order, under its own packet id and with DUP, when the connection
// is made anew (MQTT 5.0 4.4, 4.6): that is what at least once means, and the far end can tell by the mark.

import type { ConnectionOptions } from 'node:tls';

export interface DeviceClientOptions {
  /** mqtt, mqtts, ws or wss (lean: mqtt and mqtts only). */
  url: string;
  clientId: string;
  version: 4 | 5;
  /** Clean start, session ends with the connection; otherwise it is kept for `sessionExpiryS`. */
  cleanSession: boolean;
  sessionExpiryS: number;
  keepAliveS: number;
  username?: string;
  password?: string;
  tls?: ConnectionOptions;
  /** Unacknowledged messages under way. */
  windowMessages: number;
  reconnect: { minMs: number; maxMs: number };
  /** 0 to 1; seeded, for the jitter of reconnects. */
  random: () => number;
}

export interface OutboundMessage {
  topic: string;
  payload: Buffer;
  qos: 0 | 1 | 2;
  retain: boolean;
  /** The device's own number of it, handed back with its acknowledgement. */
  sequence: number;
}

/** Called from I/O; must return quickly. */
export interface DeviceClientEvents {
  /** `connackMs` from the attempt to the CONNACK. */
  connected(sessionPresent: boolean, connackMs: number): void;
  /** Once per connection that was up, and once per attempt that failed. `reason` for people. */
  disconnected(reason: string, wasUp: boolean): void;
  /** PUBACK, or PUBREC (after which QoS 2 forbids to send it again), with a reason code below 0x80. QoS 0: never. */
  acked(sequence: number, latencyMs: number): void;
  /** Answered with a reason code of 0x80 or more: it will not be sent again. */
  refused(sequence: number, reasonCode: number): void;
  /** There is room in the window again after `publish` has returned false. */
  ready(): void;
}

export interface DeviceClient {
  readonly isConnected: boolean;
  /** Publishes with QoS 1 or 2 that are not acknowledged. */
  readonly inFlight: number;
  /** Bytes written to the socket so far, headers and all. */
  readonly bytesSent: number;
  /** Connects, and again whenever the connection ends, until `disconnect` or `destroy`. */
  connect(): void;
  /** Hands a message over; false: not connected, or the window is full, nothing was done. */
  publish(message: OutboundMessage): boolean;
  /** Says goodbye and stays away until the next `connect`; what is unacknowledged is kept for it. */
  disconnect(deadlineMs: number): Promise<void>;
  /** Ends the TCP connection without a word; it connects again by itself after the usual wait. */
  drop(): void;
  /** Ends everything at once. */
  destroy(): void;
}
