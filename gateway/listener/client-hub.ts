// All clients: makes their Connections, holds what these share, and closes them at the end.

import { systemClock } from '../../config/clock.ts';
import { clientLimits } from '../../config/limits.ts';
import type { Logger } from '../../config/logger.ts';
import type { Config } from '../../config/settings.ts';
import { SummedReport } from '../../config/summed-report.ts';
import type { GroupCommit } from '../../storage/group-commit.ts';
import type { SessionPersistence } from '../../storage/sessions/session-persistence.ts';
import type { Admission } from '../admission/admission.ts';
import { answerOf } from '../admission/connect-refusal.ts';
import type { AdmittedClient } from '../admission/guest.ts';
import type { TopicTable } from '../admission/topic-table.ts';
import { grantTerms, openConnect, refusalOf } from '../sessions/connect-opening.ts';
import type { FanOut } from '../sessions/fan-out.ts';
import type { FaultFence } from '../sessions/fault-fence.ts';
import type { SessionEngine } from '../sessions/session-engine.ts';
import type { ByteStream } from './client-socket.ts';
import { Connection } from './connection.ts';
import type { ConnectionHost } from './connection-host.ts';
import { CrowdQueue } from './crowd-queue.ts';
import { Leavers } from './leavers.ts';
import { createListenerCounters, type ListenerCounters } from './listener-counters.ts';
import { PartialPackets } from './partial-packets.ts';
import type { CertifiedName, Peer } from './peer.ts';
import { PublishIntake } from './publish-intake.ts';
import { UnsentBytes } from './unsent-bytes.ts';

const SWEEP_INTERVAL_MS = 1000;
const SWEEP_PARTS = 10;
/** Lines about ended connections in ten seconds; more are told in a sum. */
const ENDINGS_LOGGED_MAX = 20;

export interface ClientHubOptions {
  config: Config;
  groupCommit: GroupCommit;
  fanOut: FanOut;
  engine: SessionEngine;
  persistence: SessionPersistence;
  fence: FaultFence;
  topics: TopicTable;
  admission: Admission;
  log: Logger;
}

export class ClientHub {
  readonly counters: ListenerCounters = createListenerCounters();
  readonly #options: ClientHubOptions;
  readonly #connections = new Set<Connection>();
  readonly #host: ConnectionHost;
  readonly #sweep: NodeJS.Timeout;
  #swept: Iterator<Connection, undefined>;

  constructor(options: ClientHubOptions) {
    this.#options = options;
    this.#host = this.#createHost(options);
    this.#swept = this.#connections.values();
    this.#sweep = setInterval(() => this.#sweepSome(), SWEEP_INTERVAL_MS / SWEEP_PARTS).unref();
  }

  connected(stream: ByteStream, peer: Peer): void {
    const guest = this.#host.door.knock(peer);
    if (guest === null) {
      stream.destroy();
      return;
    }
    const connection = new Connection(stream, guest, this.#host);
    this.#connections.add(connection);
    this.counters.connections++;
    this.counters.connectionsTotal++;
    this.#options.engine.handle(connection);
  }

  /** All of them in an interval, but not at once: with thousands nobody would be served for some ten milliseconds. */
  #sweepSome(): void {
    const nowMs = systemClock.nowMs();
    for (let left = Math.ceil(this.#connections.size / SWEEP_PARTS); left > 0; left--) {
      const { value, done } = this.#swept.next();
      if (done) {
        this.#swept = this.#connections.values();
        return;
      }
      value.sweep(nowMs);
    }
  }

  /** Reads nothing more; acknowledgements still go out. */
  pauseAll(): void {
    for (const connection of this.#connections) connection.stopReading();
  }

  /** Ends the connections of those clients; MQTT 5 ones are told (MQTT 5.0 3.14.2.1: administrative action). */
  expel(isMeant: (client: AdmittedClient) => boolean, detail: string): void {
    for (const connection of this.#connections) {
      const { admitted } = connection;
      if (admitted !== null && isMeant(admitted)) connection.expel(detail);
    }
  }

  /** As `expel`, those who came with these certificates, whether signed in or not. */
  expelRefused(certificates: ReadonlySet<CertifiedName>): void {
    for (const connection of this.#connections) {
      const { certificate } = connection.guest.peer;
      if (certificate !== null && certificates.has(certificate))
        connection.expel('its certificate is no longer accepted');
    }
  }

  closeAll(): void {
    clearInterval(this.#sweep);
    this.#host.endings.flush();
    for (const connection of this.#connections) connection.destroy();
  }

  #createHost({
    config,
    groupCommit,
    fanOut,
    persistence,
    fence,
    topics,
    admission,
    log,
  }: ClientHubOptions): ConnectionHost {
    const { mqtt, sessions, quotas } = config;
    const { counters } = this;
    const limits = {
      packetBytesMax: mqtt.packetBytesMax,
      keepAliveMaxS: Math.floor(mqtt.keepAliveMaxMs / 1000),
      sessionExpiryMaxS: Math.floor(mqtt.sessionExpiryMaxMs / 1000),
    };
    const { unreleasedMax, outboundBytesMax } = mqtt;
    const filtersMax = Math.max(clientLimits.filtersPerPacketMax, mqtt.subscriptionsMax);
    const publishes = admission.publishes;
    return {
      lanes: config.lanes.length,
      clock: systemClock,
      log,
      counters,
      endings: endingsOf(log),
      fence,
      groupCommit,
      door: admission.door,
      admission: publishes,
      intake: new PublishIntake({
        groupCommit,
        topics,
        fanOut,
        counters,
        unreleasedMax,
        admission: publishes,
      }),
      heldBytesMax: quotas.heldBytesMax,
      leavers: new Leavers(counters),
      outboundLimits: { queuedBytesMax: outboundBytesMax, queuedMessagesMax: sessions.queuedMessagesMax },
      outboundBytesMax,
      partialConnects: new PartialPackets(clientLimits.partialConnectBytesMax),
      partialPackets: new PartialPackets(
        Math.max(clientLimits.partialPacketBytesMax, 4 * mqtt.packetBytesMax),
      ),
      crowd: new CrowdQueue(systemClock, counters),
      unsent: new UnsentBytes(clientLimits.unsentBytesMax, () => this.#connections),
      newRules: () => ({ version: 0, filtersMax, ...mqtt }),
      open: openConnect,
      refusal: (connect, reason) => refusalOf(connect, answerOf(reason)),
      terms: (request, client) =>
        grantTerms(request, client, { ...limits, receiveMaximum: admission.pressure.receiveMaximum }),
      whenEased: (callback) => admission.pressure.whenEased(callback),
      qos2Of: (clientId) => persistence.qos2Open(clientId),
      whenRoom: (callback) => (fanOut.isFull ? fanOut : groupCommit).whenRoom(callback),
      forgetWaiter: (callback) => {
        fanOut.forgetWaiter(callback);
        groupCommit.forgetWaiter(callback);
      },
      closed: (connection) => {
        if (this.#connections.delete(connection)) counters.connections--;
      },
    };
  }
}

function endingsOf(log: Logger): SummedReport<string> {
  return new SummedReport({
    clock: systemClock,
    singlesMax: ENDINGS_LOGGED_MAX,
    report: (reasons) => {
      const count = Object.values(reasons).reduce((sum: number, each = 0) => sum + each, 0);
      log.info({ event: 'connections-ended', count, reasons }, 'more connections ended');
    },
  });
}
