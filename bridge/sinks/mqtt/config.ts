// The settings of an MQTT sink as the configuration hands them over: complete, validated, in the units of
// their names. Their schema, defaults and limits are in config/; here is only what the code of this folder
// relies on.

export interface MqttSinkSettings {
  type: 'mqtt';
  url: string;
  /** Empty: sluice-{gateway}-{sink}. */
  clientId: string;
  /** Empty: none. */
  username: string;
  /** Empty: none. */
  password: string;
  protocolVersion: 4 | 5;
  /** One message per record batch, or one per record. */
  format: 'batch' | 'each';
  /** Template with {gateway} {lane} {sink}, and for `each` {topic} {device}. Empty: DEFAULT_TOPICS. */
  topic: string;
  qos: 1 | 2;
  compression: 'zstd' | 'gzip' | 'none';
  /** Names of the lanes to send; empty: all. */
  lanes: readonly string[];
  batch: { maxBytes: number; maxMessages: number; lingerMs: number };
  inFlight: { batchesMax: number; messagesMax: number; bytesMax: number };
  keepAliveMs: number;
  connectTimeoutMs: number;
  reconnect: { minMs: number; maxMs: number; stableAfterMs: number };
  ackTimeoutMs: number;
  breaker: { failures: number; openMs: number };
  commands: readonly { filter: string; qos: 0 | 1 | 2 }[];
  /**
   * Paths of PEM files, read anew for every connection so that a renewed certificate needs no restart; empty:
   * none.
   */
  tls: { ca: string; cert: string; key: string; rejectUnauthorized: boolean };
}

export const DEFAULT_TOPICS = { batch: 'sluice/{gateway}/{lane}', each: '{topic}' } as const;

/** Commands that the gateway has not answered yet; the upstream is told to wait beyond that. */
export const COMMANDS_OPEN_MAX = 64;
/** The largest command taken from an MQTT 5 upstream. */
export const COMMAND_PACKET_BYTES_MAX = 1024 * 1024;
/** How long the upstream keeps commands for a gateway that is away (MQTT 5; MQTT 3.1.1 knows no limit). */
export const COMMAND_SESSION_EXPIRY_S = 7 * 24 * 3600;
