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

/** Files of a TLS listener, and the names in certificates. */
export const tlsLimits = {
  /** A revocation list with a hundred thousand entries is some 4 MiB. */
  fileBytesMax: 16 * MiB,
  authoritiesMax: 500,
  /** Characters of a user name that is taken from a certificate. */
  userLengthMax: 256,
  /** Characters of a subject or a detail in the audit log. */
  toldLengthMax: 512,
} as const;

/** What clients can make the gateway do and keep, where that is not a setting: docs/limits.md. */
export const clientLimits = {
  /** In one SUBSCRIBE or UNSUBSCRIBE; mqtt.subscriptionsMax, where that is more. */
  filtersPerPacketMax: 1000,
  /**
   * Of all packets together of which only a part has come: of clients that are not signed in yet, and of those that
   * are.
   */
  partialConnectBytesMax: 16 * MiB,
  partialPacketBytesMax: 64 * MiB,
  /** What waits towards all clients together. */
  unsentBytesMax: 128 * MiB,
  /** SUBSCRIBEs of one client whose retained messages are on their way. */
  replaysMax: 200,
  /** Packet ids of QoS 2 messages that were not released, of all sessions: above it a session has few at a time. */
  unreleasedTotalMax: 1_000_000,
  unreleasedFewMax: 16,
  /** Names of topics in use: of each generation of the table of them. */
  topicNameBytesMax: 8 * MiB,
  /** Topic levels for each subscription, and each retained message, that there may be of all devices together. */
  levelsPerTopic: 5,
  /** Frames, and bytes read at a time, of one client in a row; then the others have their turn. */
  framesPerTurnMax: 512,
  bytesPerTurnMax: 64 * KiB,
  /** For clients that come, go or subscribe, in a turn of the event loop; those beyond it wait for the next. */
  crowdMsPerTurn: 4,
} as const;

export const limits = {
  port: { min: 0, max: 65_535 },
  connections: { min: 1, max: 1_000_000 },
  listenersMax: 16,

  namesMax: 1000,
  groupsMax: 100,
  rulesMax: 1000,
  weight: { min: 1, max: 1000 },
  hookTimeoutMs: { min: 50, max: 30 * seconds },
  hookCacheMs: { min: 0, max: 1 * days },
  hookStaleMs: { min: 0, max: 365 * days },
  failuresFree: { min: 0, max: 1000 },
  failureDelayMs: { min: 0, max: 1 * minutes },
  failureForgetMs: { min: 1 * seconds, max: 30 * days },
  reloadMs: { min: 100, max: 1 * hours },
  auditBytes: { min: 64 * KiB, max: 1 * GiB },
  auditFiles: { min: 1, max: 1000 },

  quotaRulesMax: 1000,
  // 0 is no limit.
  messageRatePerS: { min: 0, max: 10_000_000 },
  byteRatePerS: { min: 0, max: 1 * TiB },
  burstMessages: { min: 0, max: 1_000_000 },
  burstBytes: { min: 0, max: 1 * GiB },
  quotaBytes: { min: 0, max: 64 * TiB },
  quotaCount: { min: 0, max: 1_000_000 },
  sampleOneIn: { min: 2, max: 1_000_000 },
  sampleEveryMs: { min: 100, max: 1 * days },
  devices: { min: 100, max: 1_000_000 },
  pendingConnections: { min: 1, max: 100_000 },

  pressureLevel: { min: 0, max: 1 },
  pressureReturn: { min: 0.01, max: 0.5 },
  pressureMs: { min: 10, max: 5 * minutes },
  memoryBytes: { min: 0, max: 1 * TiB },

  // One publish is one record of one commit, so a packet may not be larger than the largest commit.
  packetBytes: { min: 1 * KiB, max: 16 * MiB },
  idleProbeMs: { min: 10 * seconds, max: 2 * hours },
  connectTimeoutMs: { min: 1 * seconds, max: 10 * minutes },
  // MQTT's keep-alive is a two-byte number of seconds.
  keepAliveMs: { min: 1 * seconds, max: 65_535 * seconds },
  receiveMaximum: { min: 1, max: 65_535 },
  unreleased: { min: 1, max: 65_535 },
  topicAliases: { min: 0, max: 65_535 },
  // The session engine's topic tree has 100; a tenant's mount and `$share/name` take up to three.
  topicLevels: { min: 1, max: 97 },
  // MQTT's strings have a two-byte length, and a tenant's name and slash may come before them.
  topicBytes: { min: 16, max: 65_470 },
  clientIdBytes: { min: 23, max: 65_470 },
  subscriptions: { min: 0, max: 100_000 },
  subscriptionsTotal: { min: 0, max: 10_000_000 },
  sessionExpiryMs: { min: 0, max: 3650 * days },
  heldBytes: { min: 4 * KiB, max: 16 * MiB },
  outboundBytes: { min: 16 * KiB, max: 256 * MiB },

  queuedMessages: { min: 0, max: 1_000_000 },
  queuedBytes: { min: 0, max: 1 * GiB },
  retainedMessages: { min: 0, max: 10_000_000 },
  retainedBytes: { min: 0, max: 4 * GiB },
  willsBytes: { min: 0, max: 4 * GiB },
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
