// The parts of aedes 2.0.0-beta.1 that are used, as they are: its own declarations leave out what a gate keeper needs.

import type { SessionPacket } from '../../storage/sessions/session-packet.ts';
import type { SessionPersistence } from '../../storage/sessions/session-persistence.ts';
import type { Fenced } from './fault-fence.ts';
import type { LocalPacket } from './session-engine.ts';

/** What the client of a connection may, asked with names as the engine has them. */
export interface EngineAccess {
  /** The user to whom its session belongs; empty: nobody's. */
  readonly owner: string;
  /** 0: as many as `limits.subscriptionsMax`. */
  readonly subscriptionsMax: number;
  maySubscribe(filter: string): boolean;
  mayReceive(topic: string): boolean;
}

/** What the engine tells the connection it works for. */
export interface EngineConnection extends Fenced {
  /** Before `accepted`: whether CONNACK tells of a session that was kept (MQTT-3.2.2-2, MQTT-3.2.2-3). */
  sessionOpened(sessionPresent: boolean): void;
  once(event: 'close', listener: () => void): unknown;
  /** It is being ended: nothing has come within its keep-alive (MQTT 5.0 3.1.2.10). */
  fallenSilent(): void;
  accepted(session: { persistent: boolean; clientId: string }): void;
  /**
   * Null until admission has let it in, which is before the engine gets its CONNECT. Not `client`: the engine puts
   * its own
   * there.
   */
  readonly admitted: EngineAccess | null;
}

export interface EngineClient {
  id: string;
  clean: boolean;
  /** False until its CONNECT is done with: until then it is given back what it had. */
  connected: boolean;
  version: number;
  conn: EngineConnection;
  /** Seconds. */
  sessionExpiryInterval: number;
  _cleanStart: boolean;
  _will: EngineWill | undefined;
  subscriptions: Record<string, unknown>;
  /** See delivered-once.ts. */
  duplicates: Record<string, number>;
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
    emit(packet: unknown, done?: Done): unknown;
  };
  handle(connection: EngineConnection): EngineClient;
  publish(packet: LocalPacket, client: EngineClient | null, done: (error?: Error | null) => void): void;
  /** Called when a client has gone. */
  scheduleSessionExpiry(client: EngineClient): void;
  scheduleWill(client: Pick<EngineClient, 'id'>, will: EngineWill, delayS: number): void;
  close(done: Done): void;
  on(
    event: 'connackSent',
    listener: (connack: { returnCode?: number; reasonCode?: number }, client: EngineClient) => void,
  ): void;
  on(event: 'error', listener: (error: Error) => void): void;
  on(event: 'keepaliveTimeout', listener: (client: EngineClient) => void): void;
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
