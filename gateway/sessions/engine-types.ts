// The parts of aedes 2.0.0-beta.1 that are used, as they are: its own declarations leave out what a gate keeper needs.

import type { SessionPacket } from '../../storage/sessions/session-packet.ts';
import type { SessionPersistence } from '../../storage/sessions/session-persistence.ts';
import type { EngineConnection, LocalPacket } from './session-engine.ts';

export interface EngineClient {
  id: string;
  clean: boolean;
  version: number;
  conn: EngineConnection;
  /** Seconds. */
  sessionExpiryInterval: number;
  _cleanStart: boolean;
  subscriptions: Record<string, unknown>;
}

export interface EngineWill {
  clientId?: string;
  topic: string;
  payload: Buffer | string;
  qos: 0 | 1 | 2;
  retain: boolean;
  properties?: Record<string, unknown>;
}

type Listener = unknown;
type Done = () => void;

export interface EngineBroker {
  id: string;
  counter: number;
  clients: Record<string, EngineClient>;
  mq: {
    on(filter: string, listener: Listener, done?: Done): unknown;
    removeListener(filter: string, listener: Listener, done?: Done): unknown;
  };
  handle(connection: EngineConnection): unknown;
  publish(packet: LocalPacket, client: EngineClient | null, done: (error?: Error | null) => void): void;
  close(done: Done): void;
  on(
    event: 'connackSent',
    listener: (connack: { returnCode?: number; reasonCode?: number }, client: EngineClient) => void,
  ): void;
  on(event: 'error', listener: (error: Error) => void): void;
}

export interface EngineOptions {
  id: string;
  persistence: SessionPersistence;
  concurrency: number;
  drainTimeout: number;
  connectTimeout: number;
  maxClientsIdLength: number;
  maxTopicLevels: number;
  topicAliasMaximum: number;
  receiveMaximum: number;
  maximumPacketSize: number;
  pendingSessionsLimit: number;
  /** Seconds. */
  sessionExpiryIntervalLimit: number;
  authenticate(
    client: EngineClient,
    username: unknown,
    password: unknown,
    done: (error: Error | null, ok: boolean) => void,
  ): void;
  /** Null: not delivered. */
  authorizeForward(client: EngineClient, packet: SessionPacket): SessionPacket | null;
  /** A null subscription is refused: 0x87 or 0x80 in the SUBACK. */
  authorizeSubscribe(
    client: EngineClient,
    subscription: { topic: string; qos: number },
    done: (error: Error | null, subscription: { topic: string } | null) => void,
  ): void;
  authorizePublish(
    client: EngineClient | null,
    packet: EngineWill,
    done: (error: Error | null) => void,
  ): void;
}
