// The session engine: aedes, with everything it needs to be safe here. It owns CONNECT, subscriptions, retained
// messages, wills, offline queues and deliveries to local clients. Inbound publishes do not go through it; they come
// back to it from FanOut after their commit. Its faults are fenced (fault-fence.ts), its frames checked beforehand
// (listener/frames), what it writes is mended (listener/outbound), its state is ours (storage/sessions).

import { Aedes } from 'aedes';
import type { Clock, Timer } from '../../config/clock.ts';
import { SluiceError } from '../../config/errors.ts';
import type { Logger } from '../../config/logger.ts';
import type { SessionOp } from '../../storage/sessions/session-ops.ts';
import type { SessionPacket } from '../../storage/sessions/session-packet.ts';
import type { SessionPersistence } from '../../storage/sessions/session-persistence.ts';
import type { RefusedOpening } from '../../storage/sessions/session-registry.ts';
import { mountLevels, shareLevels } from '../admission/access/mount.ts';
import { DeliveredOnce } from './delivered-once.ts';
import { forgetDepartedClients } from './departed-clients.ts';
import type { EngineBroker, EngineClient, EngineConnection, EngineOptions } from './engine-types.ts';
import { EngineWills } from './engine-wills.ts';
import type { LocalMessage } from './fan-out.ts';
import type { FaultFence, Fenced } from './fault-fence.ts';
import { LiveSubscriptions } from './live-subscriptions.ts';
import { boundReplays } from './retained-replays.ts';
import { SubscriptionLimits } from './subscription-limits.ts';
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

export type SubscribeRefusal = 'not-authorized' | 'too-many-subscriptions' | 'subscriptions-full';

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
    subscriptionsTotalMax: number;
  };
  /** A will is due: keep it like any publish of that device, then call back to have it published here. */
  onWill(clientId: string, message: LocalMessage, keeping: WillKeeping): void;
  /** Only here it was found out that there is no room for it, or that it is late. */
  onConnectRefused(connection: EngineConnection, reason: RefusedOpening['reason']): void;
  onSubscribeRefused(connection: EngineConnection, filter: string, reason: SubscribeRefusal): void;
  /** The engine's own store failed, which is fatal. */
  onFault(error: SluiceError): void;
}

/** MQTT 3.1 allows 23 characters; brokers of today take longer ones, and so do we. */
const CLIENT_ID_CHARACTERS_V3 = 65535;
const DRAIN_TIMEOUT_MS = 60_000;
const EXPIRY_INTERVAL_MS = 5_000;
/** MQTT 3.1.1 3.9.3 */
const SUBSCRIPTION_REFUSED = 128;
/** CONNACK "server unavailable", MQTT 3.1.1 3.2.2.3; the engine makes 0x88 of it for MQTT 5. */
const SERVER_UNAVAILABLE = 3;
/** CONNACK "identifier rejected"; 0x85 for MQTT 5. */
const IDENTIFIER_REJECTED = 2;

export class SessionEngine {
  readonly #options: SessionEngineOptions;
  readonly #live = new LiveSubscriptions();
  readonly #subscriptions: SubscriptionLimits;
  readonly #wills: EngineWills;
  /** Work for many clients at once: a fault in it cannot be laid at one's door. */
  readonly #shared: Fenced;
  #broker: EngineBroker | null = null;
  /** Sender of the messages that were kept; the engine's own, and wills, have its id. */
  readonly #ownId: string;
  #counter = 0;
  readonly #once: DeliveredOnce;
  #expiryTimer: Timer | null = null;
  engineFaults = 0;

  constructor(options: SessionEngineOptions) {
    this.#options = options;
    const { bootId, persistence, limits } = options;
    this.#ownId = `${bootId}/0`;
    this.#once = new DeliveredOnce([bootId, this.#ownId]);
    this.#subscriptions = new SubscriptionLimits({ persistence, limits, live: this.#live });
    this.#wills = new EngineWills({
      ...options,
      engine: this,
      isRunning: () => this.#broker !== null,
      onStoreFault: (cause) => this.#storeFault(cause),
    });
    this.#shared = {
      faulted: (err) => {
        this.engineFaults++;
        options.log.error({ err }, 'fault in the session engine; the gateway goes on');
      },
    };
  }

  /** Changes whenever the answer of `hasSubscriber` may have changed. */
  get subscriptionsVersion(): number {
    return this.#live.version + this.#options.persistence.fanoutVersion; // both only grow
  }

  async start(): Promise<void> {
    const broker = await createBroker(this.#engineOptions());
    this.#broker = broker;
    forgetDepartedClients(broker, { fence: this.#options.fence, owner: this.#shared });
    this.#live.watch(broker);
    this.#once.watch(broker);
    boundReplays(this.#options.persistence, this.#options.fence);
    broker.on('keepaliveTimeout', ({ conn }) => conn.fallenSilent());
    broker.on('connackSent', (connack, client) => {
      if ((connack.reasonCode ?? connack.returnCode) !== 0) return;
      client.conn.accepted({ persistent: !client.clean, clientId: client.id });
    });
    broker.on('error', (cause) => this.#storeFault(cause));
    for (const will of this.#options.persistence.leftoverWills(this.#options.bootId))
      this.#wills.publishLeftover(will);
    this.#scheduleExpiry();
  }

  /** The connection is a Duplex whose other side is the client. */
  handle(connection: EngineConnection): void {
    this.#options.fence.run(connection, () => {
      this.#running.handle(connection).duplicates = this.#once.memory();
    });
  }

  hasSubscriber(topic: string): boolean {
    return this.#live.hasMatch(topic) || this.#options.persistence.hasFanout(topic);
  }

  /**
   * Gives a message its identity in the engine, before its commit. `clientId` is who published it (No Local).
   */
  prepare(message: LocalMessage, clientId: string): LocalPacket {
    const packet: LocalPacket = {
      cmd: 'publish',
      dup: false,
      brokerId: this.#ownId,
      brokerCounter: ++this.#counter,
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
    persistence.outgoingEnqueueCombi([], packet).then(null, (cause: Error) => this.#storeFault(cause));
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
      maxTopicLevels: limits.topicLevelsMax + mountLevels + shareLevels,
      topicAliasMaximum: limits.topicAliasMaximum,
      receiveMaximum: limits.receiveMaximum,
      maximumPacketSize: 0, // frames are cut by it before, and a mounted one may be longer
      pendingSessionsLimit: limits.sessionsMax,
      sessionExpiryIntervalLimit: Math.floor(limits.sessionExpiryMaxMs / 1000),
      authenticate: (client, _username, _password, done) => this.#authenticate(client, done),
      authorizePublish: (client, will, done) => this.#wills.authorize(client, will, done),
      // A subscription may be older than the rules.
      authorizeForward: (client, packet) =>
        client.conn.admitted?.mayReceive(packet.topic) === false ? null : persistence.forward(client, packet),
      authorizeSubscribe: (client, subscription, done) => {
        const why = this.#whyNotSubscribe(client, subscription.topic);
        if (why !== null) {
          subscription.qos = SUBSCRIPTION_REFUSED; // it is stored as it is, refused or not
          this.#options.onSubscribeRefused(client.conn, subscription.topic, why);
          // One that a resumed session has from before, or it would go on to queue what is not delivered.
          persistence
            .removeSubscriptions(client, [subscription.topic])
            .catch((cause: Error) => this.#storeFault(cause));
        }
        done(null, why === null ? subscription : null);
      },
    };
  }

  #whyNotSubscribe(client: EngineClient, filter: string): SubscribeRefusal | null {
    const access = client.conn.admitted;
    if (access?.maySubscribe(filter) === false) return 'not-authorized';
    return this.#subscriptions.whyNot(client, filter, access?.subscriptionsMax ?? 0);
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
      owner: client.conn.admitted?.owner,
    };
    client.conn.once('close', () => this.#closed(client));
    persistence.openSession(client, options, client._will as SessionPacket | undefined).then(
      (opened) => {
        if (opened.kind === 'refused') {
          const { reason } = opened;
          const isFull = reason === 'sessions-full' || reason === 'wills-full';
          const returnCode = isFull ? SERVER_UNAVAILABLE : IDENTIFIER_REJECTED;
          this.#options.onConnectRefused(client.conn, reason);
          done(Object.assign(new Error(opened.reason), { returnCode }), false);
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

  #storeFault(cause: Error): void {
    this.#options.onFault(new SluiceError('SESSION_STORE_FAULT', cause.message, { kind: 'fatal', cause }));
  }
}

async function createBroker(options: EngineOptions): Promise<EngineBroker> {
  return (await Aedes.createBroker(options as never)) as unknown as EngineBroker;
}
