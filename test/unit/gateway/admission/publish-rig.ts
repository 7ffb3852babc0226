// PublishAdmission with the parts that it stands on - quotas, access rules, topics - and clients that publish one
// message at a time: what is decided of each is carried out as the intake does it, and said in a word.

import type { Config } from '../../../../config/settings.ts';
import { AccessPolicy } from '../../../../gateway/admission/access/access-policy.ts';
import type { AuditEvent } from '../../../../gateway/admission/audit-event.ts';
import { AdmittedClient } from '../../../../gateway/admission/guest.ts';
import {
  type Judged,
  type JudgedPublish,
  judged,
  PublishAdmission,
} from '../../../../gateway/admission/publish-admission.ts';
import { publishRefusalOf } from '../../../../gateway/admission/publish-refusal.ts';
import { Quotas } from '../../../../gateway/admission/quota/quotas.ts';
import { RefusalLedger } from '../../../../gateway/admission/refusal-ledger.ts';
import { RoomGate } from '../../../../gateway/admission/room-gate.ts';
import { TopicTable } from '../../../../gateway/admission/topic-table.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { testConfig } from '../../../support/gateway-settings.ts';

export interface Published {
  topic?: string;
  qos?: 0 | 1 | 2;
  packetBytes?: number;
  /** With the payload format indicator. */
  text?: Buffer;
}

const words = Object.keys(judged) as (keyof typeof judged)[];

const noText = Buffer.alloc(0);

function judgedOf({ qos = 1, packetBytes = 100, text }: Published): JudgedPublish {
  const payload = { payloadStart: 0, payloadEnd: text?.length ?? 0, payloadFormatUtf8: text !== undefined };
  return { qos, packetBytes, ...payload };
}

export function wordOf(decided: Judged): string {
  return words.find((word) => judged[word] === decided) ?? '?';
}

export class PublishRig {
  readonly clock = new FakeClock();
  readonly audited: AuditEvent[] = [];
  readonly pressure = { isEased: true, shedsQos0: false, holdsLowLanes: false, stopsReading: false };
  readonly policy: AccessPolicy;
  readonly quotas: Quotas;
  readonly ledger: RefusalLedger;
  readonly deadLetters: RefusalLedger;
  readonly room: RoomGate;
  readonly admission: PublishAdmission;
  /** Topics that begin with `low/` are of a low lane. */
  readonly topics = new TopicTable({
    topicsMax: 1000,
    laneOf: (topic) => (topic.startsWith('low/') ? 1 : 0),
  });
  #clients = 0;

  constructor(
    settings: { quotas?: object; access?: object } = {},
    malformedPayload: Config['mqtt']['malformedPayload'] = 'accept',
  ) {
    const config = testConfig('/nowhere', settings);
    this.policy = new AccessPolicy(config.access, false);
    this.quotas = new Quotas({ config, clock: this.clock, usage: null });
    const audit = { write: (event: AuditEvent) => void this.audited.push(event) };
    const monotonicMs = () => this.clock.monotonicMs();
    this.ledger = new RefusalLedger(audit, monotonicMs);
    this.deadLetters = new RefusalLedger(audit, monotonicMs, 'publish-dead-lettered');
    this.room = new RoomGate(config.commit, this.quotas, this.clock);
    const { quotas, pressure, ledger, deadLetters, room } = this;
    this.admission = new PublishAdmission({
      quotas,
      pressure,
      room,
      ledger,
      deadLetters,
      malformedPayload,
      isLowLane: [false, true],
    });
  }

  connect({ version = 5, group = 'default' }: { version?: 3 | 4 | 5; group?: string } = {}): RigClient {
    const clientId = `c${++this.#clients}`;
    return new RigClient(this, { clientId, version, group });
  }
}

export class RigClient {
  readonly #rig: PublishRig;
  readonly admitted: AdmittedClient;
  /** Times its connection was told that it may go on. */
  resumed = 0;

  constructor(
    rig: PublishRig,
    { clientId, version, group }: { clientId: string; version: 3 | 4 | 5; group: string },
  ) {
    this.#rig = rig;
    const mount = rig.policy.tenants.mountOf(group)!;
    const quota = rig.quotas.open({
      clientId,
      user: '',
      group,
      deviceKey: mount.mounted(clientId),
      version,
      link: { resume: () => this.resumed++, keepLatest: () => true },
    });
    this.admitted = new AdmittedClient({
      identity: { user: '', group, source: 'anonymous' },
      ownClientId: clientId,
      mount,
      authority: rig.policy.authorityOf({ user: '', clientId, group }),
      quota,
      records: { deviceKey: 0, groupKey: 0 },
      address: '192.0.2.1',
    });
  }

  /** Only decides; nothing comes of it. */
  ask(published: Published = {}): string {
    const { admission, topics, clock } = this.#rig;
    admission.nowMs = clock.monotonicMs();
    const { topic = 'a', text = noText } = published;
    return wordOf(admission.decide(this.admitted, topics.lookupText(topic), judgedOf(published), text));
  }

  /** Why the last one was not taken. */
  get why(): string | undefined {
    return publishRefusalOf(this.#rig.admission.refusal)?.name;
  }

  /** `keep`, or what else becomes of it, with why: `refuse not-authorized`. */
  publish(published: Published = {}): string {
    const { topic = 'a' } = published;
    const { admission, topics } = this.#rig;
    const entry = topics.lookupText(topic);
    const word = this.ask(published);
    const publish = judgedOf(published);
    const { qos, packetBytes } = publish;
    switch (word) {
      case 'keep':
        admission.kept(this.admitted, publish);
        return word;
      case 'deadLetter':
        admission.keptAsDeadLetter(this.admitted, entry, publish);
        return word;
      case 'wait':
        admission.waitForQuota(this.admitted);
        return word;
      case 'turn':
        admission.waitForTurn(this.admitted);
        return word;
      case 'pressure':
        return word;
      case 'hold': {
        const bytes = Buffer.alloc(packetBytes);
        const place = { payloadStart: 0, payloadEnd: 10, properties: null, flags: qos };
        admission.hold(this.admitted, { topic: entry, bytes, ...place }, publish);
        return word;
      }
      default: {
        const { why } = this;
        admission.turnedDown(this.admitted, entry, publish);
        return why === undefined ? word : `${word} ${why}`;
      }
    }
  }
}
