// What came in, counted where it happens; read by the status line and, later, by metrics.

export interface ListenerCounters {
  /** Publishes taken into a batch. */
  received: number;
  /** Their bytes on the wire, fixed header and all. */
  receivedBytes: number;
  /** Acknowledgements written (PUBACK and PUBREC). */
  acknowledged: number;
  /** Publishes that were answered with a refusal, or for MQTT 3.1.1 acknowledged and dropped. */
  refused: number;
  connections: number;
  connectionsTotal: number;
  /** Connections ended because of what the client sent. */
  protocolViolations: number;
  /** Connections ended because no CONNECT came in time, or because it took too long to find out who it is. */
  connectTimeouts: number;
  /** Connections ended because nothing came within their keep-alive. */
  keepAliveTimeouts: number;
  /** Connections ended because the client does not read. */
  slowReaders: number;
  /** Messages towards clients that were not sent. */
  discardedOutbound: number;
  /** Times a connection was not read because of back-pressure. */
  readPauses: number;
  /** Times an MQTT 5 connection was not read because it had exceeded its receive maximum. */
  windowPauses: number;
  /** Times a connection was made to wait for its quota, or its share of a common one. */
  quotaPauses: number;
  /** Connections ended because too much was kept of packets of which only a part had come. */
  partialPackets: number;
  /** Times a client was not read for a turn, because it had sent so many packets in a row. */
  turnPauses: number;
  /** Times a client that came, went or subscribed had to wait, because so many did. */
  crowdWaits: number;
  /** Times a publish was not taken for the pressure the gateway is under. */
  pressurePauses: number;
  /** Connections ended because of too many QoS 2 messages that were never released. */
  unreleasedFull: number;
  /** Clients that went in order while what they had sent waited for their quota, and of which that was dropped. */
  leaversDropped: number;
  /** Faults of the gateway, mostly inside the session engine, each of which ended one connection. */
  engineFaults: number;
}

export function createListenerCounters(): ListenerCounters {
  return {
    received: 0,
    receivedBytes: 0,
    acknowledged: 0,
    refused: 0,
    connections: 0,
    connectionsTotal: 0,
    protocolViolations: 0,
    connectTimeouts: 0,
    keepAliveTimeouts: 0,
    slowReaders: 0,
    discardedOutbound: 0,
    readPauses: 0,
    windowPauses: 0,
    quotaPauses: 0,
    partialPackets: 0,
    turnPauses: 0,
    crowdWaits: 0,
    pressurePauses: 0,
    unreleasedFull: 0,
    leaversDropped: 0,
    engineFaults: 0,
  };
}
