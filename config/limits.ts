// The hard numbers: how small and how large each bounded setting may be made. Their relations are asserted in
// test/unit/config/limits.test.ts. Defaults live beside the settings, in settings.ts and
// mqtt-sink-settings.ts. Units are those of the setting: ms, bytes, or a count.

export const KiB = 1024;
export const MiB = 1024 * KiB;
export const GiB = 1024 * MiB;
export const TiB = 1024 * GiB;

export const seconds = 1000;
export const minutes = 60 * seconds;
export const hours = 60 * minutes;
export const days = 24 * hours;

export interface Range {
  readonly min: number;
  readonly max: number;
}

/** What a configuration file may be made of, checked before anything is understood of it. */
export const fileLimits = {
  bytesMax: 256 * KiB,
  depthMax: 24,
  /** Values in the file after its aliases are replaced by what they stand for. */
  nodesMax: 20_000,
  /** Unknown keys for which a nearest known one is sought; every one is reported. */
  suggestionsMax: 100,
} as const;

export const limits = {
  port: { min: 0, max: 65_535 },
  connections: { min: 1, max: 1_000_000 },
  listenersMax: 16,

  // One publish is one record of one commit, so a packet may not be larger than the largest commit.
  packetBytes: { min: 1 * KiB, max: 16 * MiB },
  connectTimeoutMs: { min: 1 * seconds, max: 10 * minutes },
  // MQTT's keep-alive is a two-byte number of seconds.
  keepAliveMs: { min: 1 * seconds, max: 65_535 * seconds },
  receiveMaximum: { min: 1, max: 65_535 },
  topicAliases: { min: 0, max: 65_535 },
  topicLevels: { min: 1, max: 100 },
  // MQTT's strings have a two-byte length.
  topicBytes: { min: 16, max: 65_535 },
  clientIdBytes: { min: 23, max: 65_535 },
  subscriptions: { min: 0, max: 100_000 },
  sessionExpiryMs: { min: 0, max: 3650 * days },
  heldBytes: { min: 4 * KiB, max: 16 * MiB },
  outboundBytes: { min: 16 * KiB, max: 256 * MiB },

  queuedMessages: { min: 0, max: 1_000_000 },
  queuedBytes: { min: 0, max: 1 * GiB },
  retainedMessages: { min: 0, max: 10_000_000 },
  retainedBytes: { min: 0, max: 4 * GiB },
  sessions: { min: 1, max: 1_000_000 },

  lanesMax: 8,
  filtersMax: 256,

  commitLingerMs: { min: 0, max: 1 * seconds },
  commitRecords: { min: 256, max: 65_535 },
  commitBytes: { min: 64 * KiB, max: 16 * MiB },

  bufferBytes: { min: 8 * MiB, max: 64 * TiB },
  compressionLevel: { min: 1, max: 9 },
  tailBytes: { min: 64 * KiB, max: 1 * GiB },
  freeDiskBytes: { min: 0, max: 1 * TiB },
  checkpointBytes: { min: 256 * KiB, max: 1 * GiB },

  sinksMax: 16,
  batchBytes: { min: 1 * KiB, max: 16 * MiB },
  batchMessages: { min: 1, max: 1_000_000 },
  batchLingerMs: { min: 0, max: 10 * minutes },
  inFlightBatches: { min: 1, max: 1024 },
  inFlightMessages: { min: 1, max: 65_535 },
  inFlightBytes: { min: 1 * KiB, max: 1 * GiB },
  reconnectMs: { min: 10, max: 1 * hours },
  stableAfterMs: { min: 0, max: 1 * hours },
  ackTimeoutMs: { min: 100, max: 1 * hours },
  breakerFailures: { min: 1, max: 1000 },
  breakerOpenMs: { min: 100, max: 1 * hours },
  commandsMax: 64,
} as const satisfies { readonly [name: string]: Range | number };

/** How often a commit has to fit into the buffer: in the write-ahead log, in the database, and once more. */
export const bufferCommitsMin = 4;
