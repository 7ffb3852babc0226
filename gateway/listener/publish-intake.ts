// Steps 1 to 3 for one PUBLISH: parse in place, decide, append. One instance serves every connection, with one reusable
// view and one reusable record: nothing is allocated for a publish that is simply kept.

import type { GroupCommit } from '../../storage/group-commit.ts';
import { RecordFlag } from '../../storage/record-batch/record-batch.ts';
import { AckKind, type RecordInput, type RecordSource } from '../../storage/record-source.ts';
import type { UnreleasedIds } from '../../storage/sessions/inbound-qos2.ts';
import type { SessionOp } from '../../storage/sessions/session-ops.ts';
import { isTopic, type TopicEntry, type TopicTable } from '../admission/topic-table.ts';
import type { FanOut } from '../sessions/fan-out.ts';
import type { Frame } from './frames/fixed-header.ts';
import type { FrameRules } from './frames/frame-rules.ts';
import { copyPropertiesWithoutAlias, PublishView, parsePublish } from './frames/publish-parser.ts';
import { explain, isRefusal, type Reason, reason } from './frames/reasons.ts';
import type { ListenerCounters } from './listener-counters.ts';

/** What the intake needs of a connection. */
export interface PublishOrigin extends RecordSource {
  readonly rules: FrameRules;
  /** Session outlives the connection: packet ids are kept with the records. */
  readonly persistent: boolean;
  /** Packet ids of QoS 2 publishes that are received and not released. */
  readonly qos2: UnreleasedIds;
  lastTopic: TopicEntry | null;
  aliases: TopicEntry[] | null;
  /** QoS 1 and 2 publishes taken and not yet acknowledged. */
  unacknowledged: number;
}

/** Nothing was done: try the same packet again when there is room. */
export const noRoom = -2;
/** Nothing was done: try the same packet again when some of what is unacknowledged has been acknowledged. */
export const windowFull = -3;
/** `reason.ok`: go on. Any other reason ends the connection. */
export type Outcome = Reason | typeof noRoom | typeof windowFull;

/** MQTT 5.0 3.7.2.1 */
const packetIdentifierNotFound = 0x92;

export interface PublishIntakeOptions {
  groupCommit: GroupCommit;
  topics: TopicTable;
  fanOut: FanOut;
  counters: ListenerCounters;
  /**
   * Inbound Receive Maximum. MQTT 5.0 3.3.4 would have a client disconnected that exceeds it (0x93), but widely
   * used ones do so with all they have saved up, each time they reconnect, and would never get through. They wait.
   */
  receiveMaximum: number;
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
    const { groupCommit, counters, fanOut, receiveMaximum } = this.#options;
    const view = this.#view;
    const why = parsePublish(bytes, frame, view, origin.rules);
    if (why !== reason.ok) return isRefusal(why) ? this.#refuse(origin, view, why) : why;
    const topic = this.#topicOf(origin, bytes, view);
    if (topic === null) return reason.topicAliasUnknown;
    const { qos } = view;
    if (qos === 2 && origin.qos2.has(view.packetId)) {
      return groupCommit.acknowledge(origin, AckKind.pubrec, view.packetId, 0) ? reason.ok : noRoom;
    }
    if (qos > 0 && origin.rules.version === 5 && origin.unacknowledged >= receiveMaximum) {
      return windowFull;
    }
    const isLocal = view.retain || fanOut.hasSubscriber(topic);
    if ((isLocal && fanOut.isFull) || !this.#append(origin, bytes, topic, view)) return noRoom;
    counters.received++;
    counters.receivedBytes += frame.bodyEnd - frame.start;
    if (qos > 0) origin.unacknowledged++;
    if (qos === 2) this.#journal(origin.qos2.add(view.packetId));
    if (isLocal) fanOut.publish(origin.device, topic.text, bytes, view);
    return reason.ok;
  }

  /** PUBREL: the packet id is free for a new message once that is on disk (MQTT 5.0 4.3.3); then PUBCOMP. */
  release(origin: PublishOrigin, packetId: number): Outcome {
    const known = origin.qos2.has(packetId);
    const code = known || origin.rules.version < 5 ? 0 : packetIdentifierNotFound;
    if (!this.#options.groupCommit.acknowledge(origin, AckKind.pubcomp, packetId, code)) return noRoom;
    if (known) this.#journal(origin.qos2.delete(packetId));
    return reason.ok;
  }

  /** In the commit being filled, where the record or the acknowledgement is. */
  #journal(op: SessionOp | null): void {
    if (op !== null) this.#options.groupCommit.journal([op], nothing, false);
  }

  #append(origin: PublishOrigin, bytes: Buffer, topic: TopicEntry, view: PublishView): boolean {
    const record = this.#record;
    record.source = origin;
    record.topic = topic;
    record.bytes = bytes;
    record.payloadStart = view.payloadStart;
    record.payloadEnd = view.payloadEnd;
    record.properties = view.hasContentProps ? propertiesOf(bytes, view) : null;
    record.flags = view.qos | (view.retain ? RecordFlag.retain : 0) | (view.dup ? RecordFlag.dup : 0);
    record.ack = view.qos as AckKind; // QoS 0: none, QoS 1: PUBACK, QoS 2: PUBREC
    record.packetId = view.packetId;
    record.keepPacketId = view.qos === 1 && origin.persistent;
    return this.#options.groupCommit.append(record);
  }

  #topicOf(origin: PublishOrigin, bytes: Buffer, view: PublishView): TopicEntry | null {
    const { topicStart, topicEnd, topicAlias } = view;
    if (topicAlias > 0 && topicStart === topicEnd) return origin.aliases?.[topicAlias] ?? null;
    let topic = origin.lastTopic;
    if (topic === null || !isTopic(topic, bytes, topicStart, topicEnd)) {
      topic = this.#options.topics.lookup(bytes, topicStart, topicEnd);
      origin.lastTopic = topic;
    }
    if (topicAlias > 0) {
      origin.aliases ??= [];
      origin.aliases[topicAlias] = topic;
    }
    return topic;
  }

  /**
   * Well-formed, but not accepted here: a topic of the gateway's own, too long or too deep. MQTT 5 is told why in the
   * acknowledgement; MQTT 3.1.1 has no negative one, so there it is acknowledged, dropped and counted (3.1.1 3.3.5).
   */
  #refuse(origin: PublishOrigin, view: PublishView, why: Reason): Outcome {
    if (view.qos > 0) {
      const code = origin.rules.version === 5 ? explain(why).reasonCode : 0;
      const kind = view.qos === 1 ? AckKind.puback : AckKind.pubrec;
      if (!this.#options.groupCommit.acknowledge(origin, kind, view.packetId, code)) return noRoom;
      origin.unacknowledged++;
    }
    this.#options.counters.refused++;
    return reason.ok;
  }
}

function propertiesOf(bytes: Buffer, view: PublishView): Buffer {
  if (view.topicAlias === 0) return bytes.subarray(view.propsStart, view.propsEnd);
  const own = Buffer.allocUnsafe(view.propsEnd - view.propsStart);
  return own.subarray(0, copyPropertiesWithoutAlias(bytes, view.propsStart, view.propsEnd, own, 0));
}

function nothing(): void {}
