// Where records come from, and what goes back there: the side of a connection that the keep step sees.

/** Which packet answers what was kept. */
export const AckKind = { none: 0, puback: 1, pubrec: 2, pubcomp: 3 } as const;
export type AckKind = (typeof AckKind)[keyof typeof AckKind];

/** A connection, or the gateway itself (wills). */
export interface RecordSource {
  /** The device's name in the record: the client id. */
  readonly device: string;
  /** Scratch of the keep step, made with `createSourceSlots`. */
  readonly slots: SourceSlots;
  /** Whose bytes its records are while they wait in the log (shares/owner-keys.ts); 0 or absent: nobody's. */
  readonly deviceKey?: number;
  /** The same of the device's group. */
  readonly groupKey?: number;
  /** `reason`: MQTT 5 reason code, 0 = success. */
  acknowledge(kind: AckKind, packetId: number, reason: number): void;
  /** Called at least once after the last `acknowledge` of a commit. */
  flushAcknowledgements(): void;
}

/** What the keep step remembers of a source, so that it looks nothing up per record. */
export interface SourceSlots {
  /** Per lane: serial of the batch in which `deviceIndex` holds. */
  readonly batchSerial: Uint32Array;
  /** Per lane: the device's place in that batch's table. */
  readonly deviceIndex: Uint32Array;
  /** Serial of the commit in which this source waits for an acknowledgement. */
  waitingSerial: number;
  /** The last activity window in which it sent something that is acknowledged. */
  activeWindow: number;
}

export function createSourceSlots(lanes: number): SourceSlots {
  return {
    batchSerial: new Uint32Array(lanes),
    deviceIndex: new Uint32Array(lanes),
    waitingSerial: 0,
    activeWindow: 0,
  };
}

/** A topic as the admission step knows it: its text, its lane, and its place in the open batch. */
export interface TopicSlot {
  readonly text: string;
  readonly lane: number;
  batchSerial: number;
  batchIndex: number;
}

/** One record to append; reused by the caller, so that it costs nothing. */
export interface RecordInput {
  source: RecordSource;
  topic: TopicSlot;
  /** Bytes that hold the payload. */
  bytes: Buffer;
  payloadStart: number;
  payloadEnd: number;
  /** MQTT 5 properties as they are kept, null when there are none. */
  properties: Uint8Array | null;
  /** RecordFlag bits. */
  flags: number;
  ack: AckKind;
  packetId: number;
  /** The packet id is kept with the record, so that a packet sent again after a crash is recognised. */
  keepPacketId: boolean;
}
