// The composition root: constructs every component from the configuration, starts them downstream first, stops them
// listener first.

import { randomUUID } from 'node:crypto';
import { MessageChannel } from 'node:worker_threads';
import { Bridge } from '../bridge/bridge.ts';
import type { SinkStatus } from '../bridge/bridge-messages.ts';
import { systemClock } from '../config/clock.ts';
import type { Component } from '../config/component.ts';
import { SluiceError } from '../config/errors.ts';
import { childLogger, type Logger } from '../config/logger.ts';
import type { Config, ListenerConfig } from '../config/settings.ts';
import { type Counts, SummedReport } from '../config/summed-report.ts';
import { GroupCommit } from '../storage/group-commit.ts';
import type { Damage } from '../storage/open/damage.ts';
import type { DropReason } from '../storage/sessions/session-context.ts';
import { SessionPersistence } from '../storage/sessions/session-persistence.ts';
import { Store } from '../storage/store.ts';
import type { StoreStatus } from '../storage/store-messages.ts';
import { Admission } from './admission/admission.ts';
import type { AdmissionStatus } from './admission/admission-status.ts';
import type { AdmittedClient } from './admission/guest.ts';
import { slowReadings } from './admission/pressure/pressure-readings.ts';
import { EmbeddedUpstream } from './embedded-upstream.ts';
import { sessionLimitsOf, storeOptionsOf } from './gateway-options.ts';
import { type AcceptCounters, refusedEarly } from './listener/accept-counters.ts';
import { ClientHub } from './listener/client-hub.ts';
import { Listener } from './listener/listener.ts';
import type { ListenerCounters } from './listener/listener-counters.ts';
import { reportOpened, reportOpening } from './opening-report.ts';
import { FanOut } from './sessions/fan-out.ts';
import { FaultFence } from './sessions/fault-fence.ts';
import { SessionEngine } from './sessions/session-engine.ts';
import { commandPublisher } from './sessions/upstream-commands.ts';
import { WillKeeper } from './sessions/will-keeper.ts';

export interface GatewayOptions {
  config: Config;
  log: Logger;
  /** The store was found damaged in use: salvage it first. */
  salvage?: Damage;
  /** Something has failed that the gateway cannot go on without: stop the process in order, non-zero. */
  onFatal(error: Error): void;
}

export interface GatewayStatus {
  counters: ListenerCounters;
  /** Messages for local subscribers that did not reach them, by reason. */
  dropped: Counts<DropReason>;
  admission: AdmissionStatus;
  /** By URL. */
  listeners: Readonly<Record<string, AcceptCounters>>;
  commits: CommitCounters;
  store: StoreStatus;
  sinks: readonly SinkStatus[];
}

export interface CommitCounters {
  commits: number;
  records: number;
  storedBytes: number;
  duplicates: number;
  stalls: number;
}

export class Gateway implements Component {
  readonly #options: GatewayOptions;
  readonly #bootId = randomUUID();
  readonly #fence: FaultFence;
  readonly #commits: CommitCounters = { commits: 0, records: 0, storedBytes: 0, duplicates: 0, stalls: 0 };
  readonly #store: Store;
  #upstream: EmbeddedUpstream | null = null;
  #bridge: Bridge | null = null;
  #groupCommit: GroupCommit | null = null;
  #engine: SessionEngine | null = null;
  #hub: ClientHub | null = null;
  #admission: Admission | null = null;
  readonly #drops: SummedReport<DropReason>;
  #listeners: Listener[] = [];

  constructor(options: GatewayOptions) {
    this.#options = options;
    const log = childLogger(options.log, 'store');
    this.#fence = new FaultFence(options.onFatal);
    const report = (dropped: Counts<DropReason>): void => this.#tellDropped(dropped);
    this.#drops = new SummedReport({ clock: systemClock, singlesMax: 1, report });
    this.#store = new Store(storeOptionsOf(options.config, this.#bootId, options.salvage ?? null), {
      opening: (event) => reportOpening(log, event),
      stalled: (reason, detail) => {
        this.#commits.stalls++;
        this.#groupCommit?.stalled(reason);
        log.warn({ reason, detail }, 'no room to store: devices are made to wait, nothing is lost');
      },
      resumed: () => log.info('room again: storing goes on'),
      fault: options.onFatal,
      committed: (stored) => {
        this.#commits.commits++;
        this.#commits.records += stored.records;
        this.#commits.storedBytes += stored.bytes;
        this.#commits.duplicates += stored.duplicates;
      },
    });
  }

  get gatewayId(): string {
    return this.#store.state.gatewayId;
  }

  get listenerUrls(): string[] {
    return this.#listeners.map((listener) => listener.url);
  }

  get upstreamUrl(): string | null {
    return this.#upstream?.url ?? null;
  }

  async start(): Promise<void> {
    this.#fence.install();
    await this.#store.start();
    reportOpened(childLogger(this.#options.log, 'store'), this.#store.state);
    await this.#startUpstream();
    await this.#startBridge();
    await this.#startClients();
  }

  /** Access, quotas and pressure as these settings have them, from now on; nothing else of them. */
  async reconfigure(config: Config): Promise<void> {
    await this.#admission?.reconfigure(config);
  }

  async status(): Promise<GatewayStatus> {
    const [hub, admission] = [this.#hub, this.#admission];
    if (hub === null || admission === null)
      throw new SluiceError('GATEWAY_NOT_STARTED', 'the gateway is not started', { kind: 'fatal' });
    return {
      counters: hub.counters,
      dropped: this.#drops.totals,
      admission: admission.status,
      listeners: Object.fromEntries(this.#listeners.map(({ url, counters }) => [url, counters])),
      commits: this.#commits,
      store: await this.#store.status(),
      sinks: (await this.#bridge?.requestStatus()) ?? [],
    };
  }

  /**
   * Takes no more, acknowledges what it has taken, closes the sessions, lets the bridge finish what is under
   * way.
   */
  async stop(deadlineMs: number): Promise<void> {
    const until = performance.now() + deadlineMs;
    const leftMs = (): number => Math.max(until - performance.now(), 100);
    // New clients are turned away from here on; it is done when the last one is gone, and those are still served.
    const closed = Promise.all(this.#listeners.map((listener) => listener.stop(leftMs())));
    this.#hub?.pauseAll();
    await within(leftMs() / 3, this.#groupCommit?.drained());
    await within(leftMs() / 3, this.#engine?.stop());
    this.#drops.flush();
    this.#hub?.closeAll();
    await within(leftMs() / 3, this.#groupCommit?.drained());
    await this.#admission?.stop(leftMs() / 3);
    await within(leftMs() / 3, closed);
    await this.#bridge?.stop(leftMs() / 2);
    await this.#store.stop(leftMs());
    await this.#upstream?.stop(leftMs());
    this.#fence.remove();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(5000);
  }

  #dropped(reason: DropReason, count: number): void {
    if (this.#drops.add(reason, count)) this.#tellDropped({ [reason]: count });
  }

  #tellDropped(dropped: Counts<DropReason>): void {
    const log = childLogger(this.#options.log, 'sessions');
    log.warn({ dropped }, 'messages for local subscribers dropped');
  }

  async #startUpstream(): Promise<void> {
    const { upstream } = this.#options.config;
    if (!upstream.embedded) return;
    const { host, port } = upstream;
    this.#upstream = new EmbeddedUpstream({ host, port, log: childLogger(this.#options.log, 'upstream') });
    await this.#upstream.start();
    this.#options.log.info(
      { component: 'upstream', url: this.#upstream.url },
      'embedded upstream broker is listening',
    );
  }

  async #startBridge(): Promise<void> {
    const { config, log, onFatal } = this.#options;
    const sinks = Object.entries(config.sinks).map(([name, settings]) => ({ name, settings }));
    if (sinks.length === 0) return;
    const { port1, port2 } = new MessageChannel();
    this.#store.connectBridge(port1);
    const { gatewayId, databaseFile, lanes, books } = this.#store.state;
    this.#bridge = new Bridge({
      databaseFile,
      gatewayId,
      bootId: this.#bootId,
      sinks,
      lanes,
      cursors: books.map(({ sink, lane, nextOffset }) => ({ sink, lane, nextOffset })),
      storagePort: port2,
      clock: systemClock,
      log: childLogger(log, 'bridge'),
      onCommand: (command) => this.#publishCommand(command),
      onFault: onFatal,
    });
    await this.#bridge.start();
  }

  #publishCommand: ReturnType<typeof commandPublisher> = () =>
    Promise.reject(new SluiceError('NOT_READY', 'the gateway is still starting', { kind: 'transient' }));

  async #startClients(): Promise<void> {
    const { config, log } = this.#options;
    const groupCommit = this.#createGroupCommit();
    const persistence = this.#createPersistence(groupCommit);
    const wills = new WillKeeper(groupCommit, config);
    const engine = this.#createEngine(persistence, wills);
    await engine.start();
    const fanOut = new FanOut(engine, groupCommit);
    this.#publishCommand = commandPublisher(fanOut);
    const admission = new Admission({
      config,
      clock: systemClock,
      log: childLogger(log, 'admission'),
      ownerOf: (clientId) => persistence.ownerOf(clientId),
      shares: this.#store.shares,
      load: () => groupCommit.load,
      slowReadings: slowReadings({ dataDir: config.data.dir, storeStatus: () => this.#store.status() }),
      refusedEarly: () => refusedEarly(this.#listeners),
      expel: (isMeant, detail) => this.#hub?.expel(isMeant, detail),
    });
    this.#admission = admission;
    admission.room.connect((callback) => groupCommit.whenRoom(() => fanOut.whenRoom(callback)));
    await admission.start();
    const hub = new ClientHub({
      config,
      groupCommit,
      fanOut,
      engine,
      persistence,
      fence: this.#fence,
      topics: wills.topics,
      admission,
      log: childLogger(log, 'listener'),
    });
    this.#hub = hub;
    for (const listener of config.listeners) await this.#startListener(listener, hub, admission);
  }

  #createGroupCommit(): GroupCommit {
    const { commit, lanes } = this.#options.config;
    const groupCommit = new GroupCommit(this.#store, {
      recordsMax: commit.recordsMax,
      dataBytesMax: commit.bytesMax,
      lanes: lanes.length,
      lingerMs: commit.lingerMs,
      clock: systemClock,
      countsShares: this.#store.shares !== null,
    });
    this.#groupCommit = groupCommit;
    return groupCommit;
  }

  #createPersistence(groupCommit: GroupCommit): SessionPersistence {
    return new SessionPersistence({
      snapshot: this.#store.state.sessions,
      journal: (ops) => new Promise((resolve) => groupCommit.journal(ops, resolve, true)),
      limits: sessionLimitsOf(this.#options.config),
      clock: systemClock,
      onDrop: (reason, count) => this.#dropped(reason, count),
    });
  }

  #createEngine(persistence: SessionPersistence, wills: WillKeeper): SessionEngine {
    const { config, log, onFatal } = this.#options;
    const engine = new SessionEngine({
      bootId: this.#bootId,
      persistence,
      fence: this.#fence,
      clock: systemClock,
      log: childLogger(log, 'sessions'),
      // Each client is told its own receive maximum (connect-opening.ts), and keeps its own count of it.
      limits: { ...config.mqtt, receiveMaximum: 0, sessionsMax: config.sessions.sessionsMax },
      onConnectRefused: (connection, reason) =>
        this.#admission?.connectRefused(connection.admitted as AdmittedClient | null, reason),
      onSubscribeRefused: (connection, filter, reason) =>
        this.#admission?.subscribeRefused(connection.admitted as AdmittedClient | null, filter, reason),
      onWill: (clientId, message, done) => wills.keep(clientId, message, done),
      onFault: onFatal,
    });
    this.#engine = engine;
    return engine;
  }

  async #startListener(
    config: ListenerConfig,
    hub: ClientHub,
    { audit, limits }: Pick<Admission, 'audit' | 'limits'>,
  ): Promise<void> {
    const { log } = this.#options;
    const { mqtt, access } = this.#options.config;
    const listener = new Listener({
      config,
      packetBytesMax: mqtt.packetBytesMax,
      connectTimeoutMs: mqtt.connectTimeoutMs,
      idleProbeMs: mqtt.idleProbeMs,
      pendingLimits: () => limits.pending,
      reloadMs: access.reloadMs,
      clock: systemClock,
      log: childLogger(log, 'listener'),
      audit,
      onClient: (stream, peer) => hub.connected(stream, peer),
      onRefused: (certificates) => hub.expelRefused(certificates),
    });
    await listener.start();
    this.#listeners.push(listener);
    log.info({ component: 'listener', url: listener.url }, 'listening');
  }
}

/** Waits for `work`, but no longer than `ms`. */
async function within(ms: number, work: Promise<unknown> | undefined): Promise<void> {
  if (work === undefined) return;
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([work, new Promise((resolve) => (timer = setTimeout(resolve, ms)))]);
  clearTimeout(timer);
}
