// Steps 1 to 3 for one PUBLISH: parse in place, decide, append. One instance serves every connection, with one reusable
// view and one reusable record: nothing is allocated for a publish that is simply kept.
//
// Decided in this order: what MQTT itself says, the client's receive maximum, then admission (publish-admission.ts),
// then whether there is room.

import type { GroupCommit } from '../../storage/group-commit.ts';
import { RecordFlag } from '../../storage/record-batch/record-batch.ts';
import { AckKind, type RecordInput, type RecordSource } from '../../storage/record-source.ts';
import type { UnreleasedIds } from '../../storage/sessions/inbound-qos2.ts';
import type { SessionOp } from '../../storage/sessions/session-ops.ts';
import type { AdmittedClient } from '../admission/guest.ts';
import { type Judged, judged, type PublishAdmission } from '../admission/publish-admission.ts';
import type { LatestMessage } from '../admission/quota/sample.ts';
import { isTopic, type TopicEntry, type TopicTable } from '../admission/topic-table.ts';
import type { FanOut } from '../sessions/fan-out.ts';
import type { Frame } from './frames/fixed-header.ts';
import type { FrameRules } from './frames/frame-rules.ts';
import { copyPropertiesWithoutAlias, PublishView, parsePublish } from './frames/publish-parser.ts';
import { explain, isRefusal, type Reason, reason } from './frames/reasons.ts';
import type { ListenerCounters } from './listener-counters.ts';

/** What the intake needs of a connection. */
export interface PublishOrigin {
  readonly source: RecordSource;
  /** The client id. */
  readonly device: string;
  readonly rules: FrameRules;
  /** Session outlives the connection: packet ids are kept with the records. */
  readonly persistent: boolean;
  /** Packet ids of QoS 2 publishes that are received and not released. */
  readonly qos2: UnreleasedIds;
  /** Who it is; nothing comes to the intake before that is known. */
  readonly admitted: AdmittedClient | null;
  /** How many QoS 1 and 2 publishes of an MQTT 5 client may be under way (MQTT 5.0 3.3.4). */
  readonly receiveMaximum: number;
  lastTopic: TopicEntry | null;
  aliases: TopicEntry[] | null;
  /** QoS 1 and 2 publishes taken and not finished: `finishes` says which acknowledgement does (MQTT 5.0 4.9). */
  unfinished: number;
  /** Acknowledgements under way that will finish one. */
  finishing: number;
}

/** Nothing was done: try the same packet again when there is room. */
export const noRoom = -2;
/** Nothing was done: try the same packet again when one that is finishing is acknowledged. */
export const windowFull = -3;
/** Nothing was done: the quotas will say when to try the same packet again. */
export const overQuota = -4;
/** Nothing was done: try the same packet again when the pressure has eased. */
export const underPressure = -5;
/** Nothing was done: try the same packet again when it is the client's turn, which the room gate says. */
export const notItsTurn = -6;
/** `reason.ok`: go on. Any other reason ends the connection. */
export type Outcome =
  | Reason
  | typeof noRoom
  | typeof windowFull
  | typeof overQuota
  | typeof underPressure
  | typeof notItsTurn;

/** Whether the client may send one more then (MQTT 5.0 4.9): PUBACK, PUBCOMP, and a PUBREC that refuses. */
export function finishes(kind: AckKind, code: number): boolean {
  return kind !== AckKind.pubrec || code >= 0x80;
}

/** MQTT 5.0 3.7.2.1 */
const packetIdentifierNotFound = 0x92;

export interface PublishIntakeOptions {
  groupCommit: GroupCommit;
  topics: TopicTable;
  fanOut: FanOut;
  admission: PublishAdmission;
  counters: ListenerCounters;
  /** QoS 2 messages of one session that are received and not released. */
  unreleasedMax: number;
}

export class PublishIntake {
  readonly #options: PublishIntakeOptions;
  readonly #view = new PublishView();
  readonly #record: RecordInput;
  constructor(options: PublishIntakeOptions) {
    this.#options = options;
    this.#record = {
      source: undefined as unknown as RecordSource,
      topic: undefined as unknown as TopicEntry,
      bytes: Buffer.alloc(0),
      payloadStart: 0,
      payloadEnd: 0,
      properties: null,
      flags: 0,
      ack: AckKind.none,
      packetId: 0,
      keepPacketId: false,
    };
  }

  publish(origin: PublishOrigin, bytes: Buffer, frame: Frame): Outcome {
    const { groupCommit, counters, fanOut, admission } = this.#options;
    const view = this.#view;
    const why = parsePublish(bytes, frame, view, origin.rules);
    if (why !== reason.ok) return isRefusal(why) ? this.#refuse(origin, view, explain(why).reasonCode) : why;
    const topic = this.#topicOf(origin, bytes, view);
    if (topic === null) return reason.topicAliasUnknown;
    const { qos } = view;
    if (qos === 2 && origin.qos2.has(view.packetId)) {
      return groupCommit.acknowledge(origin.source, AckKind.pubrec, view.packetId, 0) ? reason.ok : noRoom;
    }
    if (qos > 0) {
      const full = this.#windowOf(origin, qos);
      if (full !== reason.ok) return full;
    }
    const client = origin.admitted!;
    const verdict = admission.decide(client, topic, view, bytes);
    const isDeadLetter = verdict === judged.deadLetter;
    if (verdict !== judged.keep && !isDeadLetter) return this.#notKept(verdict, origin, bytes, topic);
    const isLocal = !isDeadLetter && (view.retain || fanOut.hasSubscriber(topic));
    if (isLocal && fanOut.isFull) return noRoom;
    this.#fill(origin, bytes, topic);
    if (isDeadLetter) this.#record.flags |= RecordFlag.deadLetterPayloadFormat;
    if (!groupCommit.append(this.#record)) return noRoom;
    if (isDeadLetter) admission.keptAsDeadLetter(client, topic, view);
    else admission.kept(client, view);
    counters.received++;
    counters.receivedBytes += view.packetBytes;
    if (qos > 0) origin.unfinished++;
    if (qos === 1) origin.finishing++;
    if (qos === 2) this.#journal(origin.qos2.add(view.packetId));
    if (isLocal) fanOut.publish(origin.device, topic.text, bytes, view);
    return reason.ok;
  }

  /** PUBREL: the packet id is free for a new message once that is on disk (MQTT 5.0 4.3.3); then PUBCOMP. */
  release(origin: PublishOrigin, packetId: number): Outcome {
    const known = origin.qos2.has(packetId);
    const code = known || origin.rules.version < 5 ? 0 : packetIdentifierNotFound;
    if (!this.#options.groupCommit.acknowledge(origin.source, AckKind.pubcomp, packetId, code)) return noRoom;
    origin.finishing++;
    if (known) this.#journal(origin.qos2.delete(packetId));
    return reason.ok;
  }

  /** The latest message of a topic, whose publisher was acknowledged before (quotas: sample). False: no room. */
  keepLatest(origin: PublishOrigin, message: LatestMessage): boolean {
    const { groupCommit, fanOut, counters } = this.#options;
    const topic = message.topic as TopicEntry;
    const { bytes, payloadBytes, properties, flags } = message;
    const isLocal = (flags & RecordFlag.retain) !== 0 || fanOut.hasSubscriber(topic);
    if (isLocal && fanOut.isFull) return false;
    const record = this.#record;
    record.source = origin.source;
    record.topic = topic;
    record.bytes = bytes;
    record.payloadStart = 0;
    record.payloadEnd = payloadBytes;
    record.properties = properties;
    record.flags = flags;
    record.ack = AckKind.none;
    record.packetId = 0;
    record.keepPacketId = false;
    if (!groupCommit.append(record)) return false;
    counters.received++;
    counters.receivedBytes += message.wireBytes;
    if (isLocal) fanOut.publishKept(origin.device, topic.text, message);
    return true;
  }

  /** MQTT 5.0 3.3.4 for its clients, and for all a bound on what is never released. */
  #windowOf(origin: PublishOrigin, qos: number): Outcome {
    if (qos === 2 && !origin.qos2.hasRoom(this.#options.unreleasedMax)) {
      this.#options.counters.unreleasedFull++;
      return reason.receiveMaximumExceeded;
    }
    // Widely used clients exceed it with all they have saved up, each time they reconnect, and would never get through
    // if they were disconnected (0x93). They wait, as long as that helps: what waits for its PUBREL does not end by it.
    const isFull = origin.rules.version === 5 && origin.unfinished >= origin.receiveMaximum;
    return isFull && origin.finishing > 0 ? windowFull : reason.ok;
  }

  /** In the commit being filled, where the record or the acknowledgement is. */
  #journal(op: SessionOp | null): void {
    if (op !== null) this.#options.groupCommit.journal([op], nothing, false);
  }

  #fill(origin: PublishOrigin, bytes: Buffer, topic: TopicEntry): void {
    const record = this.#record;
    const view = this.#view;
    record.source = origin.source;
    record.topic = topic;
    record.bytes = bytes;
    record.payloadStart = view.payloadStart;
    record.payloadEnd = view.payloadEnd;
    record.properties = view.hasContentProps ? propertiesOf(bytes, view) : null;
    record.flags = view.qos | (view.retain ? RecordFlag.retain : 0) | (view.dup ? RecordFlag.dup : 0);
    record.ack = view.qos as AckKind; // QoS 0: none, QoS 1: PUBACK, QoS 2: PUBREC
    record.packetId = view.packetId;
    record.keepPacketId = view.qos === 1 && origin.persistent;
  }

  #topicOf(origin: PublishOrigin, bytes: Buffer, view: PublishView): TopicEntry | null {
    const { topicStart, topicEnd, topicAlias } = view;
    if (topicAlias > 0 && topicStart === topicEnd) return origin.aliases?.[topicAlias] ?? null;
    let topic = origin.lastTopic;
    if (topic === null || !isTopic(topic, bytes, topicStart, topicEnd)) {
      topic = this.#options.topics.lookup(bytes, topicStart, topicEnd, origin.admitted!.mount);
      origin.lastTopic = topic;
    }
    if (topicAlias > 0) {
      origin.aliases ??= [];
      origin.aliases[topicAlias] = topic;
    }
    return topic;
  }

  #notKept(verdict: Judged, origin: PublishOrigin, bytes: Buffer, topic: TopicEntry): Outcome {
    const { admission, counters } = this.#options;
    const view = this.#view;
    const client = origin.admitted!;
    switch (verdict) {
      case judged.turn:
        admission.waitForTurn(client);
        return notItsTurn;
      case judged.wait:
        admission.waitForQuota(client);
        counters.quotaPauses++;
        return overQuota;
      case judged.pressure:
        counters.pressurePauses++;
        return underPressure;
      case judged.disconnect:
        admission.turnedDown(client, topic, view);
        counters.refused++;
        return reason.quotaExceeded;
      case judged.hold: {
        if (!this.#answer(origin, view, 0)) return noRoom;
        this.#fill(origin, bytes, topic);
        admission.hold(client, this.#record, view);
        return reason.ok;
      }
      default: {
        const code = verdict === judged.refuse ? admission.refusal : 0;
        if (!this.#answer(origin, view, code)) return noRoom;
        admission.turnedDown(client, topic, view);
        if (admission.refusal !== 0) counters.refused++;
        return reason.ok;
      }
    }
  }

  /**
   * Well-formed, but not accepted here: a topic of the gateway's own, too long or too deep. MQTT 5 is told why in the
   * acknowledgement; MQTT 3.1.1 has no negative one, so there it is acknowledged, dropped and counted (3.1.1 3.3.5).
   */
  #refuse(origin: PublishOrigin, view: PublishView, reasonCode: number): Outcome {
    if (!this.#answer(origin, view, origin.rules.version === 5 ? reasonCode : 0)) return noRoom;
    this.#options.counters.refused++;
    return reason.ok;
  }

  /** The acknowledgement of what is not kept. False: no room for it. */
  #answer(origin: PublishOrigin, view: PublishView, code: number): boolean {
    const { qos, packetId } = view;
    if (qos === 0) return true;
    const kind = qos === 1 ? AckKind.puback : AckKind.pubrec;
    if (!this.#options.groupCommit.acknowledge(origin.source, kind, packetId, code)) return false;
    origin.unfinished++;
    if (finishes(kind, code)) origin.finishing++;
    else this.#journal(origin.qos2.add(packetId)); // the client will release it like any other
    return true;
  }
}

function propertiesOf(bytes: Buffer, view: PublishView): Buffer {
  if (view.topicAlias === 0) return bytes.subarray(view.propsStart, view.propsEnd);
  const own = Buffer.allocUnsafe(view.propsEnd - view.propsStart);
  return own.subarray(0, copyPropertiesWithoutAlias(bytes, view.propsStart, view.propsEnd, own, 0));
}

function nothing(): void {}
