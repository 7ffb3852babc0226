// What is decided about one publish, and why, as numbers: nothing is made per message. The names are for logs
// and counters, the texts for devices (MQTT 5.0 3.4.2.2.2: Reason String) and people.

/** Up to and including `keep` the message is appended. */
export const verdict = {
  accept: 0,
  /** Above the rate, but one of those that `sample` keeps: appended without using up any of the rate. */
  keep: 1,
  /** Not now: `Quotas.wait`; the device's own limit. */
  delay: 2,
  /** Not now: `Quotas.wait`; others wait for the same group or gateway total. */
  share: 3,
  /** PUBACK or PUBREC with reason code 0x97. */
  refuse: 4,
  /** Acknowledged (QoS 0 has nothing to acknowledge), not kept, counted. */
  drop: 5,
  /** The same, and counted as the part that `sample` does not keep. */
  thin: 6,
  /** The connection is ended: MQTT 3 has no refusal. */
  disconnect: 7,
  /**
   * Acknowledged; `Quotas.hold` copies it, and the latest of its topic is appended when the interval ends.
   */
  hold: 8,
} as const;
export type VerdictName = keyof typeof verdict;
export type Verdict = (typeof verdict)[VerdictName];

/** Which limit it was. */
export const quotaReason = {
  none: 0,
  messageRate: 1,
  byteRate: 2,
  dailyBytes: 3,
  storedBytes: 4,
  topics: 5,
  groupTotal: 6,
  gatewayTotal: 7,
} as const;
export type QuotaReasonName = keyof typeof quotaReason;
export type QuotaReason = (typeof quotaReason)[QuotaReasonName];

export const quotaReasonNames = Object.keys(quotaReason) as QuotaReasonName[];

/** MQTT 5.0 3.4.2.1: Quota exceeded. */
export const quotaExceeded = 0x97;

const texts: { readonly [name in QuotaReasonName]: string } = {
  none: 'within all limits',
  messageRate: 'more messages a second than this client may send',
  byteRate: 'more bytes a second than this client may send',
  dailyBytes: 'this client has sent what it may send until midnight UTC',
  storedBytes: 'as much of this client waits to be sent on as may',
  topics: 'more different topics than this client may publish to',
  groupTotal: 'more than the group of this client may send',
  gatewayTotal: 'more than this gateway takes',
};

/** For the Reason String of a refusal; ASCII. */
export function quotaReasonText(reason: QuotaReason): string {
  return texts[quotaReasonNames[reason]];
}
