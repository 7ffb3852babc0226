// Step 2, admit, for one publish: one decision, made from small rules in this order:
//
//     size -> access -> number of topics -> payload format -> pressure -> quota of the device -> of its group
//       -> of the gateway -> room
//
// The first rule that does not let it pass decides. What is to be a dead letter is kept as others are, so the rules
// behind hold for it too. The answer is a number; nothing is made per message. Deciding changes nothing by itself, but
// for turns taken in a queue (quota/quotas.ts): the intake carries the answer out and then says so.

import type { Config } from '../../config/settings.ts';
import type { AdmittedClient } from './guest.ts';
import { isMalformedText, type JudgedPayload } from './payload-format.ts';
import { publishRefusal, quotaRefusal } from './publish-refusal.ts';
import type { Quotas } from './quota/quotas.ts';
import type { SampledRecord } from './quota/sample.ts';
import { quotaReason, type Verdict, verdict } from './quota/verdict.ts';
import type { RefusalLedger } from './refusal-ledger.ts';
import type { RoomGate } from './room-gate.ts';
import type { TopicEntry } from './topic-table.ts';

export const judged = {
  /** Append it; then `settled`. */
  keep: 0,
  /** Not now: `waitForQuota`, and the same packet again when the connection's link says so. */
  wait: 1,
  /** Not now: the gateway is under pressure. */
  pressure: 2,
  /** `refusal` says why: PUBACK or PUBREC says so too. Then `settled`. */
  refuse: 3,
  /** Acknowledged as if it were kept; QoS 0 has nothing to acknowledge. Then `settled`. */
  drop: 4,
  /** `refusal` says why: the connection is ended. */
  disconnect: 5,
  /** Acknowledged, and perhaps kept later: `hold`. */
  hold: 6,
  /** Others wait for room in the batch, and it is not its turn: as if there were none. */
  turn: 7,
  /** Append it as a dead letter, which nobody gets; then `keptAsDeadLetter`. */
  deadLetter: 8,
} as const;
export type Judged = (typeof judged)[keyof typeof judged];

/** What a decision is about, beside who and which topic. */
export interface JudgedPublish extends JudgedPayload {
  readonly qos: 0 | 1 | 2;
  /** On the wire, fixed header and all. */
  readonly packetBytes: number;
}

export interface PressureFlags {
  /** None of the next three holds. */
  readonly isEased: boolean;
  readonly shedsQos0: boolean;
  readonly holdsLowLanes: boolean;
  readonly stopsReading: boolean;
}

export interface PublishAdmissionOptions {
  quotas: Quotas;
  pressure: PressureFlags;
  room: RoomGate;
  ledger: RefusalLedger;
  deadLetters: RefusalLedger;
  malformedPayload: Config['mqtt']['malformedPayload'];
  /** By lane: its messages wait first under pressure. */
  isLowLane: readonly boolean[];
}

export class PublishAdmission {
  readonly #options: PublishAdmissionOptions;
  /** Monotonic; the connection sets it once for all that it has read at a time. */
  nowMs = 0;
  /** One of publish-refusal.ts, of the last decision that was `refuse`, `drop` or `disconnect`; 0: a policy's drop. */
  refusal = 0;
  #verdict: Verdict = verdict.accept;
  readonly #checksPayloads: boolean;

  constructor(options: PublishAdmissionOptions) {
    this.#options = options;
    this.#checksPayloads = options.malformedPayload !== 'accept';
  }

  /** `bytes` hold the payload. */
  decide(client: AdmittedClient, topic: TopicEntry, publish: JudgedPublish, bytes: Buffer): Judged {
    const { quota } = client;
    const { limits } = quota;
    if (limits !== null && limits.packetBytesMax > 0 && publish.packetBytes > limits.packetBytesMax)
      return this.#turnDown(client, publish, publishRefusal.messageTooLarge);
    if (!client.verdicts.mayPublish(topic))
      return this.#turnDown(client, publish, publishRefusal.notAuthorized);
    const { quotas, pressure } = this.#options;
    if (topic !== client.countedTopic) {
      if (!quotas.admitsTopic(quota, topic.hash)) {
        this.#verdict = quotas.refusal(quota, quotaReason.topics, publish.qos);
        return this.#carryOut(quotaRefusal(quotaReason.topics));
      }
      client.countedTopic = topic;
    }
    const isMalformed = this.#checksPayloads && isMalformedText(publish, bytes);
    if (isMalformed && this.#options.malformedPayload === 'refuse')
      return this.#turnDown(client, publish, publishRefusal.payloadFormat);
    if (!pressure.isEased) {
      if (publish.qos === 0 && pressure.shedsQos0)
        return this.#turnDown(client, publish, publishRefusal.pressure);
      if (pressure.stopsReading || (pressure.holdsLowLanes && this.#options.isLowLane[topic.lane]))
        return judged.pressure;
    }
    this.#verdict = quotas.decide(quota, publish.packetBytes, publish.qos, this.nowMs);
    if (this.#verdict > verdict.keep) {
      // The latest of its topic that somebody gets is one that is well-formed.
      if (isMalformed && this.#verdict === verdict.hold) this.#verdict = verdict.thin;
      return this.#carryOut(quotaRefusal(quota.reason));
    }
    if (!this.#options.room.pass(publish.packetBytes, this.nowMs)) return judged.turn;
    return isMalformed ? judged.deadLetter : judged.keep;
  }

  /** All that the connection has read at a time is decided upon. */
  chunkEnds(): void {
    this.#options.quotas.chunkEnds();
  }

  /** After `wait`. */
  waitForQuota(client: AdmittedClient): void {
    this.#options.quotas.wait(client.quota);
  }

  /** There was no room for what the client has sent; its link is called when it is to try again. */
  waitForRoom(client: AdmittedClient): void {
    this.#options.room.waitForRoom(client, this.nowMs);
  }

  /** After `turn`. */
  waitForTurn(client: AdmittedClient): void {
    this.#options.room.waitForTurn(client);
  }

  /** It was appended. */
  kept(client: AdmittedClient, { packetBytes }: JudgedPublish): void {
    this.#options.quotas.settle(client.quota, this.#verdict, packetBytes, this.nowMs);
  }

  /** It was appended as a dead letter. */
  keptAsDeadLetter(client: AdmittedClient, topic: TopicEntry, publish: JudgedPublish): void {
    this.kept(client, publish);
    this.#options.deadLetters.add(client, publishRefusal.payloadFormat, topic.ownText);
  }

  /** After `refuse`, `drop` and `disconnect`, when the client is told. */
  turnedDown(client: AdmittedClient, topic: TopicEntry, { packetBytes }: JudgedPublish): void {
    const { quotas, ledger } = this.#options;
    if (this.refusal === 0 || this.refusal >= quotaRefusal(0))
      quotas.settle(client.quota, this.#verdict, packetBytes, this.nowMs);
    if (this.refusal !== 0) ledger.add(client, this.refusal, topic.ownText);
  }

  /** After `hold`: `record` is copied. */
  hold(client: AdmittedClient, record: SampledRecord, { packetBytes }: JudgedPublish): void {
    this.#options.quotas.hold(client.quota, record, packetBytes);
  }

  #carryOut(refusal: number): Judged {
    this.refusal = refusal;
    switch (this.#verdict) {
      case verdict.delay:
      case verdict.share:
        return judged.wait;
      case verdict.refuse:
        return judged.refuse;
      case verdict.disconnect:
        return judged.disconnect;
      case verdict.hold:
        return judged.hold;
      case verdict.thin:
        this.refusal = 0;
        return judged.drop;
      default:
        return judged.drop;
    }
  }

  /** MQTT 3 has no refusal (MQTT 3.1.1 3.3.5): there it is acknowledged, dropped and counted. */
  #turnDown(client: AdmittedClient, { qos }: JudgedPublish, refusal: number): Judged {
    this.refusal = refusal;
    return qos > 0 && client.quota.client.version === 5 ? judged.refuse : judged.drop;
  }
}
