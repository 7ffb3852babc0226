// All clients: makes their Connections, holds what these share, and closes them at the end.

import { systemClock } from '../../config/clock.ts';
import type { Logger } from '../../config/logger.ts';
import type { Config } from '../../config/settings.ts';
import type { GroupCommit } from '../../storage/group-commit.ts';
import type { SessionPersistence } from '../../storage/sessions/session-persistence.ts';
import type { TopicTable } from '../admission/topic-table.ts';
import { openConnect } from '../sessions/connect-opening.ts';
import type { FanOut } from '../sessions/fan-out.ts';
import type { FaultFence } from '../sessions/fault-fence.ts';
import type { SessionEngine } from '../sessions/session-engine.ts';
import type { ByteStream } from './client-socket.ts';
import { Connection } from './connection.ts';
import type { ConnectionHost } from './connection-host.ts';
import { createListenerCounters, type ListenerCounters } from './listener-counters.ts';
import { PublishIntake } from './publish-intake.ts';

const SWEEP_INTERVAL_MS = 1000;

export interface ClientHubOptions {
  config: Config;
  groupCommit: GroupCommit;
  fanOut: FanOut;
  engine: SessionEngine;
  persistence: SessionPersistence;
  fence: FaultFence;
  topics: TopicTable;
  log: Logger;
}

export class ClientHub {
  readonly counters: ListenerCounters = createListenerCounters();
  readonly #options: ClientHubOptions;
  readonly #connections = new Set<Connection>();
  readonly #host: ConnectionHost;
  readonly #sweep: NodeJS.Timeout;

  constructor(options: ClientHubOptions) {
    this.#options = options;
    this.#host = this.#createHost(options);
    this.#sweep = setInterval(() => {
      const nowMs = systemClock.nowMs();
      for (const connection of this.#connections) connection.sweep(nowMs);
    }, SWEEP_INTERVAL_MS).unref();
  }

  connected(stream: ByteStream): void {
    const connection = new Connection(stream, this.#host);
    this.#connections.add(connection);
    this.counters.connections++;
    this.counters.connectionsTotal++;
    this.#options.engine.handle(connection);
  }

  /** Reads nothing more; acknowledgements still go out. */
  pauseAll(): void {
    for (const connection of this.#connections) connection.stopReading();
  }

  closeAll(): void {
    clearInterval(this.#sweep);
    for (const connection of this.#connections) connection.destroy();
  }

  #createHost({
    config,
    groupCommit,
    fanOut,
    persistence,
    fence,
    topics,
    log,
  }: ClientHubOptions): ConnectionHost {
    const { mqtt, sessions } = config;
    const { counters } = this;
    const connectLimits = {
      keepAliveMaxS: Math.floor(mqtt.keepAliveMaxMs / 1000),
      sessionExpiryMaxS: Math.floor(mqtt.sessionExpiryMaxMs / 1000),
    };
    const { receiveMaximum, outboundBytesMax } = mqtt;
    return {
      lanes: config.lanes.length,
      clock: systemClock,
      log,
      counters,
      fence,
      groupCommit,
      intake: new PublishIntake({ groupCommit, topics, fanOut, counters, receiveMaximum }),
      outboundLimits: { queuedBytesMax: outboundBytesMax, queuedMessagesMax: sessions.queuedMessagesMax },
      outboundBytesMax,
      newRules: () => ({ version: 0, ...mqtt }),
      open: (bytes, frame, rules) => openConnect(bytes, frame, rules, connectLimits),
      qos2Of: (clientId) => persistence.qos2Open(clientId),
      whenRoom: (callback) => groupCommit.whenRoom(() => fanOut.whenRoom(callback)),
      closed: (connection) => {
        if (this.#connections.delete(connection)) counters.connections--;
      },
    };
  }
}
