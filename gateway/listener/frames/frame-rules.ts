// What a frame is judged by: the version the client has negotiated and the gateway's own maxima. One object
// per connection, shared by every function of this folder, so that judging a frame passes one reference and
// allocates nothing. The Connection owns it; `version` is all that changes in it, once, at CONNECT.

/** MQTT 3.1, 3.1.1 and 5.0, by the protocol level that CONNECT carries. */
export type ProtocolVersion = 3 | 4 | 5;

export interface FrameRules {
  /** 0 until the client's CONNECT has been parsed: nothing but a CONNECT is a frame before that. */
  version: 0 | ProtocolVersion;
  /**
   * Largest packet that is taken, fixed header included, as Maximum Packet Size counts it (MQTT 5.0
   * 3.2.2.3.6).
   */
  readonly packetBytesMax: number;
  /** Largest CONNECT. */
  readonly heldBytesMax: number;
  /** Most filters in one SUBSCRIBE or UNSUBSCRIBE: each costs many times what its bytes do. */
  readonly filtersMax: number;
  /** Longest topic name or filter. */
  readonly topicBytesMax: number;
  /** Most levels of a topic name or filter; the session engine's topic tree throws beyond 100. */
  readonly topicLevelsMax: number;
  /** What CONNACK announced as Topic Alias Maximum (MQTT 5.0 3.2.2.3.8); 0 refuses every alias. */
  readonly topicAliasMaximum: number;
  readonly clientIdBytesMax: number;
}
