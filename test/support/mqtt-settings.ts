// The settings of an MQTT sink, complete, with what a test wants to be different.

import type { MqttSinkSettings } from '../../bridge/sinks/mqtt/config.ts';

export function mqttSettings(changes: Partial<MqttSinkSettings> = {}): MqttSinkSettings {
  return {
    type: 'mqtt',
    url: 'mqtt://127.0.0.1:1',
    clientId: '',
    username: '',
    password: '',
    protocolVersion: 5,
    format: 'batch',
    topic: '',
    qos: 1,
    compression: 'zstd',
    lanes: [],
    batch: { maxBytes: 256 * 1024, maxMessages: 20_000, lingerMs: 20 },
    inFlight: { batchesMax: 16, messagesMax: 1000, bytesMax: 8 * 1024 * 1024 },
    keepAliveMs: 30_000,
    connectTimeoutMs: 5000,
    reconnect: { minMs: 50, maxMs: 500, stableAfterMs: 30_000 },
    ackTimeoutMs: 5000,
    breaker: { failures: 5, openMs: 500 },
    commands: [],
    tls: { ca: '', cert: '', key: '', rejectUnauthorized: true },
    ...changes,
  };
}
