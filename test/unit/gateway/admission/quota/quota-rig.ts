// Quotas with connections that do with a verdict what a connection does: send what they have, wait when they
// must, and go on when they may. The batch has room for as many records as the test says.

import type { DeviceHandle } from '../../../../../gateway/admission/quota/device-handle.ts';
import { Quotas } from '../../../../../gateway/admission/quota/quotas.ts';
import type { LatestMessage } from '../../../../../gateway/admission/quota/sample.ts';
import { type VerdictName, verdict } from '../../../../../gateway/admission/quota/verdict.ts';
import { FakeClock } from '../../../../support/fake-clock.ts';
import { quotaSettings } from './quota-settings.ts';

/** So many messages that are alike. */
export interface MessageRun {
  left: number;
  bytes: number;
  qos: number;
  topic: string;
}

const names = Object.keys(verdict) as VerdictName[];

export class QuotaConnection {
  readonly #rig: QuotaRig;
  readonly handle: DeviceHandle;
  readonly #queue: MessageRun[] = [];
  readonly counts = Object.fromEntries(names.map((name) => [name, 0])) as Record<VerdictName, number>;
  readonly keptLatest: string[] = [];
  /** Found no room: nothing is told to the quotas. */
  noRoom = 0;
  isWaiting = false;
  #payload = 0;

  constructor(rig: QuotaRig, options: { clientId: string; user: string; group: string; version: 3 | 4 | 5 }) {
    this.#rig = rig;
    this.handle = rig.quotas.open({
      ...options,
      deviceKey: options.clientId,
      link: { resume: () => this.#resume(), keepLatest: (message) => this.#keepLatest(message) },
    });
  }

  get kept(): number {
    return this.counts.accept + this.counts.keep;
  }

  /** Messages that are not sent yet. */
  get left(): number {
    return this.#queue.reduce((sum, { left }) => sum + left, 0);
  }

  send(count: number, { bytes = 100, qos = 1, topic = 'a' }: Partial<MessageRun> = {}): void {
    if (count > 0) this.#queue.push({ left: count, bytes, qos, topic });
    if (!this.isWaiting) this.work();
  }

  work(): void {
    try {
      this.#work();
    } finally {
      this.#rig.quotas.chunkEnds();
    }
  }

  #work(): void {
    const { quotas, clock } = this.#rig;
    while (this.#queue.length > 0) {
      const [message] = this.#queue;
      const nowMs = clock.monotonicMs();
      const outcome = quotas.decide(this.handle, message.bytes, message.qos, nowMs);
      if (outcome === verdict.delay || outcome === verdict.share) {
        this.isWaiting = true;
        quotas.wait(this.handle);
        return;
      }
      if (outcome <= verdict.keep && !this.#rig.takeRoom()) {
        this.noRoom++;
        return;
      }
      this.giveUp();
      this.counts[names[outcome]]++;
      if (outcome === verdict.hold) this.#hold(message);
      else quotas.settle(this.handle, outcome, message.bytes, nowMs);
      if (this.#rig.isOneByOne) quotas.chunkEnds();
    }
  }

  /** The first message is no longer to be sent; the quotas are not told. */
  giveUp(): void {
    if (--this.#queue[0].left === 0) this.#queue.shift();
  }

  close(): void {
    this.#rig.quotas.close(this.handle);
  }

  #resume(): void {
    this.isWaiting = false;
    this.work();
  }

  #hold({ bytes, topic }: MessageRun): void {
    const payload = Buffer.from(`${this.#payload++}`);
    const slot = { text: topic, lane: 0, batchSerial: 0, batchIndex: 0 };
    const place = { payloadStart: 0, payloadEnd: payload.length, properties: null, flags: 1 };
    this.#rig.quotas.hold(this.handle, { topic: slot, bytes: payload, ...place }, bytes);
  }

  #keepLatest({ topic, bytes, payloadBytes }: LatestMessage): boolean {
    if (!this.#rig.takeRoom()) return false;
    this.keptLatest.push(`${topic.text}=${bytes.toString('utf8', 0, payloadBytes)}`);
    return true;
  }
}

export class QuotaRig {
  readonly clock = new FakeClock();
  readonly quotas: Quotas;
  room = Infinity;
  /** Every message is charged by itself, as if it were all that was read at a time. */
  isOneByOne = false;
  #clients = 0;

  constructor(quotas: object, groups: object = {}) {
    this.quotas = new Quotas({ config: quotaSettings(quotas, groups), clock: this.clock, usage: null });
  }

  reconfigure(quotas: object): void {
    this.quotas.reconfigure(quotaSettings(quotas));
  }

  connect(
    options: { clientId?: string; user?: string; group?: string; version?: 3 | 4 | 5 } = {},
  ): QuotaConnection {
    const clientId = `client-${this.#clients++}`;
    return new QuotaConnection(this, { clientId, user: '', group: 'default', version: 5, ...options });
  }

  takeRoom(): boolean {
    if (this.room <= 0) return false;
    this.room--;
    return true;
  }
}
