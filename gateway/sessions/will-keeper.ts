// A will is a publish that the gateway makes in the device's name: it is kept in the log like any other, so that the
// upstream hears of the death too, and published to local subscribers when it is on disk. What the sessions have to
// change for it - queues, the retained message, that there is no will any more - is in the same commit, so that a will
// is published once whenever the gateway ends.

import { systemClock } from '../../config/clock.ts';
import type { Config } from '../../config/settings.ts';
import type { GroupCommit } from '../../storage/group-commit.ts';
import { encodeProperties } from '../../storage/record-batch/mqtt-properties.ts';
import { RecordFlag } from '../../storage/record-batch/record-batch.ts';
import { AckKind, createSourceSlots, type RecordSource } from '../../storage/record-source.ts';
import type { SessionOp } from '../../storage/sessions/session-ops.ts';
import { laneRouter } from '../admission/lane-router.ts';
import { TopicTable } from '../admission/topic-table.ts';
import type { LocalMessage } from './fan-out.ts';

const TOPICS_MAX = 65_536;

export interface WillKeeping {
  /** Called in the turn in which the will is taken: what has to be on disk with it. */
  begin(): SessionOp[];
  /** All of it is on disk. */
  done(): void;
}

export class WillKeeper {
  /** Shared with the listener. */
  readonly topics: TopicTable;
  readonly #groupCommit: GroupCommit;
  readonly #lanes: number;

  constructor(groupCommit: GroupCommit, config: Config) {
    this.#groupCommit = groupCommit;
    this.#lanes = config.lanes.length;
    this.topics = new TopicTable({ topicsMax: TOPICS_MAX, laneOf: laneRouter(config.lanes) });
  }

  keep(clientId: string, message: LocalMessage, keeping: WillKeeping): void {
    this.#groupCommit.nowMs = systemClock.nowMs();
    const { payload, properties } = message;
    const isKept = this.#groupCommit.append({
      source: willSource(clientId, this.#lanes),
      topic: this.topics.lookupText(message.topic),
      bytes: payload,
      payloadStart: 0,
      payloadEnd: payload.length,
      properties: properties === undefined ? null : encodeProperties(properties),
      flags: message.qos | (message.retain ? RecordFlag.retain : 0) | RecordFlag.will,
      ack: AckKind.none,
      packetId: 0,
      keepPacketId: false,
    });
    if (isKept) this.#groupCommit.journal(keeping.begin(), () => keeping.done(), false);
    else this.#groupCommit.whenRoom(() => this.keep(clientId, message, keeping));
  }
}

function willSource(device: string, lanes: number): RecordSource {
  return {
    device,
    slots: createSourceSlots(lanes),
    acknowledge() {},
    flushAcknowledgements() {},
  };
}
