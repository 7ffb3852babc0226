// From the configuration to what the components are constructed with.

import { clientLimits } from '../config/limits.ts';
import type { Config } from '../config/settings.ts';
import type { Damage } from '../storage/open/damage.ts';
import type { SessionLimits } from '../storage/sessions/session-context.ts';
import type { StoreOptions } from '../storage/store-messages.ts';
import { usesStoredBytes } from './admission/stored-bytes.ts';

/** All queues together may hold what this many full ones would. */
const FULL_QUEUES = 16;

export function storeOptionsOf(config: Config, bootId: string, salvage: Damage | null): StoreOptions {
  const { buffer, commit } = config;
  return {
    directory: config.data.dir,
    gatewayId: config.gateway.id,
    bootId,
    lanes: config.lanes.map(({ name }) => name),
    sinks: Object.entries(config.sinks).map(([name, { lanes }]) => ({ name, lanes })),
    recordsMax: commit.recordsMax,
    dataBytesMax: commit.bytesMax,
    compression: buffer.compression,
    compressionLevel: buffer.compressionLevel,
    synchronous: buffer.synchronous,
    bufferBytesMax: buffer.maxBytes,
    tailBytes: buffer.tailBytes,
    checkpointBytes: buffer.checkpointBytes,
    diskFreeBytesMin: buffer.minFreeDiskBytes,
    recentPerSessionMax: config.mqtt.receiveMaximum,
    shareOwnersMax: usesStoredBytes(config)
      ? config.quotas.devicesMax + Object.keys(config.access.groups).length + 1
      : 0,
    salvage,
  };
}

export function sessionLimitsOf({ sessions }: Config): SessionLimits {
  return {
    sessionsMax: sessions.sessionsMax,
    sessionQueueMessagesMax: sessions.queuedMessagesMax,
    sessionQueueBytesMax: sessions.queuedBytesMax,
    queuedBytesMax: FULL_QUEUES * sessions.queuedBytesMax,
    retainedMessagesMax: sessions.retainedMessagesMax,
    retainedBytesMax: sessions.retainedBytesMax,
    willsBytesMax: sessions.willsBytesMax,
    unreleasedTotalMax: clientLimits.unreleasedTotalMax,
  };
}
