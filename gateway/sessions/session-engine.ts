// The session engine: aedes, with everything it needs to be safe here. It owns CONNECT, subscriptions, retained
// messages, wills, offline queues and deliveries to local clients. Inbound publishes do not go through it; they come
// back to it from FanOut after their commit. Its faults are fenced (fault-fence.ts), its frames checked beforehand
// (listener/frames), what it writes is mended (listener/outbound), its state is ours (storage/sessions).

import { Aedes } from 'aedes';
import type { Clock, Timer } from '../../config/clock.ts';
import { SluiceError } from '../../config/errors.ts';
import type { Logger } from '../../config/logger.ts';
import type { MqttProperties } from '../../storage/record-batch/mqtt-properties.ts';
import type { SessionOp } from '../../storage/sessions/session-ops.ts';
import type { SessionPersistence } from '../../storage/sessions/session-persistence.ts';
import { SubscriptionTrie } from '../../storage/sessions/subscription-trie.ts';
import type { LeftoverWill } from '../../storage/sessions/wills.ts';
import type { EngineBroker, EngineClient, EngineOptions, EngineWill } from './engine-types.ts';
import type { LocalMessage } from './fan-out.ts';
import type { FaultFence, Fenced } from './fault-fence.ts';
import type { WillKeeping } from './will-keeper.ts';

/** A message on its way through the engine; identified by broker id and counter. */
export interface LocalPacket extends LocalMessage {
  cmd: 'publish';
  dup: false;
  brokerId: string;
  brokerCounter: number;
  clientId: string;
  /** ms since 1970 */
  messageExpiry?: number;
}

/** What the engine tells the connection it works for. */
export interface EngineConnection extends Fenced {
  /** Before `accepted`: whether CONNACK tells of a session that was kept (MQTT-3.2.2-2, MQTT-3.2.2-3). */
  sessionOpened(sessionPresent: boolean): void;
  once(event: 'close', listener: () => void): unknown;
  accepted(session: { persistent: boolean; clientId: string }): void;
}

export interface SessionEngineOptions {
  bootId: string;
  persistence: SessionPersistence;
  fence: FaultFence;
  clock: Clock;
  log: Logger;
  limits: {
    topicLevelsMax: number;
    connectTimeoutMs: number;
    topicAliasMaximum: number;
    receiveMaximum: number;
    packetBytesMax: number;
    sessionsMax: number;
    sessionExpiryMaxMs: number;
    subscriptionsMax: number;
  };
  /** A will is due: keep it like any publish of that device, then call back to have it published here. */
  onWill(clientId: string, message: LocalMessage, keeping: WillKeeping): void;
  /** The engine's own store failed, which is fatal. */
  onFault(error: SluiceError): void;
}

/** MQTT 3.1 allows 23 characters; brokers of today take longer ones, and so do we. */
const CLIENT_ID_CHARACTERS_V3 = 65535;
const DRAIN_TIMEOUT_MS = 60_000;
/** The longest that a timer can wait: 24 days. */
const TIMER_MS_MAX = 2 ** 31 - 1;
const EXPIRY_INTERVAL_MS = 5_000;
/** MQTT 3.1.1 3.9.3 */
const SUBSCRIPTION_REFUSED = 128;
/** CONNACK "server unavailable", MQTT 3.1.1 3.2.2.3; the engine makes 0x88 of it for MQTT 5. */
const SERVER_UNAVAILABLE = 3;

export class SessionEngine {
  readonly #options: SessionEngineOptions;
  readonly #live = new SubscriptionTrie<unknown>();
  /** Work for many clients at once: a fault in it cannot be laid at one's door. */
  readonly #shared: Fenced;
  #broker: EngineBroker | null = null;
  #version = 0;
  readonly #counters = [0, 0];
  #expiryTimer: Timer | null = null;
  engineFaults = 0;

  constructor(options: SessionEngineOptions) {
    this.#options = options;
    this.#shared = {
      faulted: (err) => {
        this.engineFaults++;
        options.log.error({ err }, 'fault in the session engine; the gateway goes on');
      },
    };
  }

  /** Changes whenever the answer of `hasSubscriber` may have changed. */
  get subscriptionsVersion(): number {
    return this.#version + this.#options.persistence.fanoutVersion; // both only grow
  }

  async start(): Promise<void> {
    const broker = await createBroker(this.#engineOptions());
    this.#broker = broker;
    this.#watchSubscriptions(broker);
    broker.on('connackSent', (connack, client) => {
      if ((connack.reasonCode ?? connack.returnCode) !== 0) return;
      client.conn.accepted({ persistent: !client.clean, clientId: client.id });
    });
    broker.on('error', (cause) => this.#storeFault(cause));
    for (const will of this.#options.persistence.leftoverWills(this.#options.bootId))
      this.#publishLeftover(will);
    this.#scheduleExpiry();
  }

  /** The connection is a Duplex whose other side is the client. */
  handle(connection: EngineConnection): void {
    this.#options.fence.run(connection, () => this.#running.handle(connection));
  }

  hasSubscriber(topic: string): boolean {
    return this.#live.hasMatch(topic) || this.#options.persistence.hasFanout(topic);
  }

  /**
   * Gives a message its identity in the engine, before its commit. `clientId` is who published it (No Local).
   */
  prepare(message: LocalMessage, clientId: string): LocalPacket {
    // Names of our own, one a QoS class: the engine takes what comes out of their order for a duplicate.
    const qosClass = message.qos > 0 ? 1 : 0;
    const packet: LocalPacket = {
      cmd: 'publish',
      dup: false,
      brokerId: `${this.#options.bootId}/${qosClass}`,
      brokerCounter: ++this.#counters[qosClass],
      clientId,
      ...message,
    };
    const expiryS = message.properties?.messageExpiryInterval ?? 0;
    if (expiryS > 0) packet.messageExpiry = this.#options.clock.nowMs() + expiryS * 1000;
    return packet;
  }

  /** What has to be on disk with the record: queue rows of offline sessions, the retained message. */
  opsFor(packet: LocalPacket): SessionOp[] {
    const { persistence } = this.#options;
    const queued = packet.qos > 0 ? (persistence.prepareFanout(packet)?.ops ?? []) : [];
    return packet.retain ? [...queued, ...(persistence.prepareRetained(packet)?.ops ?? [])] : queued;
  }

  publish(packet: LocalPacket, clientId: string, done: () => void): void {
    const broker = this.#broker;
    if (broker === null) {
      done(); // stopping: the record is on disk, local deliveries end here
      return;
    }
    const client = broker.clients[clientId] ?? null;
    let isThrough = false;
    const through = (error?: Error | null): void => {
      if (error && isThrough) this.#shared.faulted(error);
      if (isThrough) return;
      isThrough = true;
      if (error) this.#notPublished(packet, error);
      done();
    };
    // A fault in any of the deliveries ends the wait for them, or the message would be under way for ever.
    this.#options.fence.run({ faulted: through }, () => {
      try {
        broker.publish(packet, client, through);
      } catch (error) {
        through(error as Error);
      }
    });
  }

  /**
   * Its rows are on disk: they are delivered from there, or they would hold up their queues until the next
   * start.
   */
  #notPublished(packet: LocalPacket, error: Error): void {
    this.#shared.faulted(error);
    const { persistence } = this.#options;
    persistence.outgoingEnqueueCombi([], packet).catch((cause: Error) => this.#storeFault(cause));
  }

  /** Closes every session with DISCONNECT 0x8B where the client speaks MQTT 5 (MQTT 5.0 3.14.2.1). */
  async stop(): Promise<void> {
    const broker = this.#broker;
    this.#broker = null;
    this.#expiryTimer?.clear();
    if (broker !== null) await new Promise<void>((resolve) => broker.close(resolve));
  }

  get #running(): EngineBroker {
    if (this.#broker === null)
      throw new SluiceError('ENGINE_STOPPED', 'the session engine is not running', { kind: 'fatal' });
    return this.#broker;
  }

  #engineOptions(): EngineOptions {
    const { bootId, persistence, limits } = this.#options;
    return {
      id: bootId,
      persistence,
      concurrency: 0, // no client waits for another's delivery; what one has outstanding is bounded by its Connection
      drainTimeout: DRAIN_TIMEOUT_MS,
      connectTimeout: limits.connectTimeoutMs,
      maxClientsIdLength: CLIENT_ID_CHARACTERS_V3,
      maxTopicLevels: limits.topicLevelsMax,
      topicAliasMaximum: limits.topicAliasMaximum,
      receiveMaximum: limits.receiveMaximum,
      maximumPacketSize: limits.packetBytesMax,
      pendingSessionsLimit: limits.sessionsMax,
      sessionExpiryIntervalLimit: Math.floor(limits.sessionExpiryMaxMs / 1000),
      authenticate: (client, _username, _password, done) => this.#authenticate(client, done),
      authorizePublish: (client, will, done) => this.#authorizeWill(client, will, done),
      authorizeForward: (client, packet) => persistence.forward(client, packet),
      authorizeSubscribe: (client, subscription, done) => {
        const isNew = client.subscriptions[subscription.topic] === undefined;
        const isFull = Object.keys(client.subscriptions).length >= limits.subscriptionsMax;
        if (isNew && isFull) subscription.qos = SUBSCRIPTION_REFUSED; // it is stored as it is, refused or not
        done(null, isNew && isFull ? null : subscription);
      },
    };
  }

  /**
   * Opens the session on disk before CONNACK. A client that resumes its session with session expiry 0 keeps it until it
   * disconnects (MQTT 5.0 3.1.2.11.2): the engine would take it for a clean one and drop what was queued.
   */
  #authenticate(client: EngineClient, done: (error: Error | null, ok: boolean) => void): void {
    const { persistence } = this.#options;
    const options = {
      cleanStart: client._cleanStart,
      expiryS: client.sessionExpiryInterval,
      protocolVersion: client.version,
    };
    client.conn.once('close', () => this.#closed(client));
    persistence.openSession(client, options).then(
      (opened) => {
        if (opened.kind === 'refused') {
          const error = Object.assign(new Error('as many sessions as sessions.sessionsMax allows'), {
            returnCode: SERVER_UNAVAILABLE,
          });
          done(error, false);
          return;
        }
        if (opened.sessionPresent) client.clean = false;
        client.conn.sessionOpened(opened.sessionPresent);
        done(null, true);
      },
      (cause: Error) => this.#storeFault(cause),
    );
  }

  #closed(client: EngineClient): void {
    const expiryS = client.sessionExpiryInterval;
    this.#options.persistence
      .closeSession(client, { expiryS })
      .catch((cause: Error) => this.#storeFault(cause));
  }

  #scheduleExpiry(): void {
    const { persistence, clock } = this.#options;
    this.#expiryTimer = clock.after(EXPIRY_INTERVAL_MS, () => {
      const nowMs = clock.nowMs();
      Promise.all([persistence.expireSessions(nowMs), persistence.expireMessages(nowMs)]).then(
        () => {
          if (this.#broker !== null) this.#scheduleExpiry();
        },
        (cause: Error) => this.#storeFault(cause),
      );
    });
  }

  /**
   * Called by the engine for wills only: every other publish is taken before it. The engine is told not to publish it,
   * because it is published from here; it removes the will from the store then, which is in the same commit.
   */
  #authorizeWill(client: EngineClient | null, will: EngineWill, done: (error: Error | null) => void): void {
    if (client === null) return; // the engine's own search for leftovers, which are published by publishLeftover
    if (will.properties !== undefined) {
      // The delay is the gateway's business and no property of a PUBLISH (MQTT 5.0 3.1.3.2.2, 3.3.2.3).
      const { willDelayInterval: _delay, ...properties } = will.properties;
      will.properties = properties;
    }
    this.#keepWill(client.id, messageOf(will), () => done(new Error('the gateway publishes it')));
  }

  #keepWill(clientId: string, message: LocalMessage, remove: () => void): void {
    let packet: LocalPacket;
    this.#options.onWill(clientId, message, {
      begin: () => {
        remove();
        packet = this.prepare(message, clientId); // now, because counters have to be in the order of publishing
        return this.opsFor(packet);
      },
      done: () => this.publish(packet, clientId, () => {}),
    });
  }

  /** A will of the boot before: its client's connection ended with that boot (MQTT 5.0 3.1.2.5). */
  #publishLeftover({ clientId, brokerId, packet, delayMs }: LeftoverWill): void {
    const { persistence, clock } = this.#options;
    clock.after(Math.min(delayMs, TIMER_MS_MAX), async () => {
      // The client may have come back within the delay, and left in order: then the will is gone (MQTT-3.1.3-9).
      const will = await persistence.getWill({ id: clientId });
      if (this.#broker === null || will?.brokerId !== brokerId) return;
      this.#keepWill(clientId, messageOf(packet as EngineWill), () => {
        persistence.delWill({ id: clientId, brokerId }).catch((cause: Error) => this.#storeFault(cause));
      });
    });
  }

  /** Follows which filters have a live subscriber; the engine's own matcher is not to be asked. */
  #watchSubscriptions(broker: EngineBroker): void {
    const { mq } = broker;
    const on = mq.on.bind(mq);
    const removeListener = mq.removeListener.bind(mq);
    mq.on = (filter, listener, done) => {
      if (!filter.startsWith('$SYS/')) this.#live.add(filter, listener);
      this.#version++;
      return on(filter, listener, done);
    };
    mq.removeListener = (filter, listener, done) => {
      this.#live.remove(filter, listener);
      this.#version++;
      return removeListener(filter, listener, done);
    };
  }

  #storeFault(cause: Error): void {
    this.#options.onFault(new SluiceError('SESSION_STORE_FAULT', cause.message, { kind: 'fatal', cause }));
  }
}

function messageOf(will: EngineWill): LocalMessage {
  const properties = will.properties as MqttProperties | undefined;
  return {
    topic: will.topic,
    payload: Buffer.from(will.payload),
    qos: will.qos,
    retain: will.retain,
    properties,
  };
}

async function createBroker(options: EngineOptions): Promise<EngineBroker> {
  return (await Aedes.createBroker(options as never)) as unknown as EngineBroker;
}
