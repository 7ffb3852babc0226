// Why a publish is turned down although it is well-formed. One number for each, which travels as the reason code of an
// acknowledgement: above all reason codes of MQTT 5 (5.0 2.4), so that the acknowledgement's writer knows it from one
// and puts the real code and a Reason String in its place (MQTT 5.0 3.4.2.2.2). Device, group and gateway quotas follow
// in the order of quota/verdict.ts.

import { quotaExceeded, quotaReason, quotaReasonNames, quotaReasonText } from './quota/verdict.ts';

const FIRST = 0xc0;
const notAuthorized = 0x87;
const payloadFormatInvalid = 0x99;

export const publishRefusal = {
  notAuthorized: FIRST,
  messageTooLarge: FIRST + 1,
  /** QoS 0 only; the gateway is under pressure. */
  pressure: FIRST + 2,
  /** mqtt.malformedPayload */
  payloadFormat: FIRST + 3,
} as const;
const FIRST_QUOTA = FIRST + 4;

/** `reason`: of `quotaReason`. */
export function quotaRefusal(reason: number): number {
  return FIRST_QUOTA + reason;
}

export interface PublishRefusal {
  /** For the audit log and counters. */
  readonly name: string;
  readonly reasonCode: number;
  /** ASCII, for the Reason String. */
  readonly text: string;
}

const refusals: readonly PublishRefusal[] = [
  {
    name: 'not-authorized',
    reasonCode: notAuthorized,
    text: 'no rule lets this client publish to this topic',
  },
  {
    name: 'message-too-large',
    reasonCode: quotaExceeded,
    text: 'larger than this client may send',
  },
  { name: 'pressure', reasonCode: quotaExceeded, text: 'the gateway is under pressure' },
  {
    name: 'payload-format',
    reasonCode: payloadFormatInvalid,
    text: 'the payload is said to be UTF-8 and is not',
  },
  ...quotaReasonNames.map((name) => ({
    name: name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
    reasonCode: quotaExceeded,
    text: quotaReasonText(quotaReason[name]),
  })),
];

/** Undefined: `reason` is a reason code of MQTT itself. */
export function publishRefusalOf(reason: number): PublishRefusal | undefined {
  // Success is asked about with each acknowledgement; an array that is asked for an element below its first is slow.
  return reason < FIRST ? undefined : refusals[reason - FIRST];
}

export const publishRefusalNames: readonly string[] = refusals.map(({ name }) => name);
