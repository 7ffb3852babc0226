// Hands kept publishes to local subscribers, after the commit that holds them: only when a subscription matches or the
// retain flag is set. Queue rows of offline sessions and the retained message go into the same transaction as the
// record, so that an acknowledged publish is in every place it has to be or in none.
//
// Here, off the common path, a publish becomes an object.

import type { GroupCommit } from '../../storage/group-commit.ts';
import { decodeProperties, type MqttProperties } from '../../storage/record-batch/mqtt-properties.ts';
import { RecordFlag } from '../../storage/record-batch/record-batch.ts';
import { RoomWaiters } from '../../storage/room-waiters.ts';
import type { SessionOp } from '../../storage/sessions/session-ops.ts';
import type { LatestMessage } from '../admission/quota/sample.ts';
import type { TopicEntry } from '../admission/topic-table.ts';
import type { PublishView } from '../listener/frames/publish-parser.ts';
import type { LocalPacket, SessionEngine } from './session-engine.ts';

/** Messages handed to the engine and not yet delivered or queued; beyond it their publishers wait. */
const OUTSTANDING_MAX = 5000;

export class FanOut {
  readonly #engine: SessionEngine;
  readonly #groupCommit: GroupCommit;
  #outstanding = 0;
  readonly #roomWaiters = new RoomWaiters();

  constructor(engine: SessionEngine, groupCommit: GroupCommit) {
    this.#engine = engine;
    this.#groupCommit = groupCommit;
  }

  get isFull(): boolean {
    return this.#outstanding >= OUTSTANDING_MAX;
  }

  hasSubscriber(topic: TopicEntry): boolean {
    const version = this.#engine.subscriptionsVersion;
    if (topic.subscriptionsVersion !== version) {
      topic.subscriptionsVersion = version;
      topic.hasLocalSubscriber = this.#engine.hasSubscriber(topic.text);
    }
    return topic.hasLocalSubscriber;
  }

  /** In the same turn as the record's append, so that both are in one commit. */
  publish(clientId: string, topic: string, bytes: Buffer, view: PublishView): void {
    this.deliver(clientId, {
      topic,
      payload: Buffer.from(bytes.subarray(view.payloadStart, view.payloadEnd)),
      qos: view.qos,
      retain: view.retain,
      properties: view.hasContentProps
        ? decodeContent(Buffer.from(bytes.subarray(view.propsStart, view.propsEnd)))
        : undefined,
    });
  }

  /** A message that was kept as the latest of its topic, as `publish`. */
  publishKept(clientId: string, topic: string, message: LatestMessage): void {
    const { bytes, payloadBytes, properties, flags } = message;
    this.deliver(clientId, {
      topic,
      payload: Buffer.from(bytes.subarray(0, payloadBytes)),
      qos: (flags & RecordFlag.qosMask) as 0 | 1 | 2,
      retain: (flags & RecordFlag.retain) !== 0,
      properties: properties === null ? undefined : decodeContent(Buffer.from(properties)),
    });
  }

  /** Journals what has to be on disk, then publishes to local subscribers; `done` when that is through. */
  deliver(clientId: string, message: LocalMessage, done: () => void = nothing): void {
    const packet: LocalPacket = this.#engine.prepare(message, clientId);
    const ops: SessionOp[] = this.#engine.opsFor(packet);
    this.#outstanding++;
    const publish = () =>
      this.#engine.publish(packet, clientId, () => {
        this.#settled();
        done();
      });
    this.#groupCommit.journal(ops, publish, false);
  }

  whenRoom(callback: () => void): void {
    if (this.isFull) this.#roomWaiters.add(callback);
    else callback();
  }

  /** One that has gone away. */
  forgetWaiter(callback: () => void): void {
    this.#roomWaiters.remove(callback);
  }

  #settled(): void {
    this.#outstanding--;
    if (this.#outstanding <= OUTSTANDING_MAX / 2) this.#roomWaiters.tell();
  }
}

export interface LocalMessage {
  topic: string;
  payload: Buffer;
  qos: 0 | 1 | 2;
  retain: boolean;
  properties: MqttProperties | undefined;
}

/** Without the topic alias, which means nothing to anybody else (MQTT 5.0 3.3.2.3.4). */
function decodeContent(bytes: Buffer): MqttProperties {
  const { topicAlias: _alias, ...properties } = decodeProperties(bytes) as MqttProperties & {
    topicAlias?: number;
  };
  return properties;
}

function nothing(): void {}
