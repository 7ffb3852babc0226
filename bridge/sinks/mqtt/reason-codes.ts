// What an upstream's reason codes mean for a message (MQTT 5.0 2.4, 3.4.2.1, 3.5.2.1): gone through, to be
// tried again, to be tried again when a person has mended something, or never to be taken. Names are stable:
// they become dead letters' reasons and are shown in the status.

import { REASON_TOO_LARGE } from '../sink.ts';

export type Verdict =
  | { kind: 'accepted' }
  | { kind: 'later'; reason: string }
  /** A person has to change something upstream; nothing is given up. */
  | { kind: 'not-allowed'; reason: string }
  | { kind: 'never'; reason: string };

const REFUSAL_FROM = 0x80;

const NEVER = new Map([
  [0x90, 'topic-name-invalid'],
  [0x95, REASON_TOO_LARGE],
  [0x99, 'payload-format-invalid'],
]);

const NAMES = new Map([
  [0x80, 'unspecified error'],
  [0x81, 'malformed packet'],
  [0x82, 'protocol error'],
  [0x83, 'implementation specific error'],
  [0x84, 'unsupported protocol version'],
  [0x85, 'client identifier not valid'],
  [0x86, 'bad user name or password'],
  [0x87, 'not authorized'],
  [0x88, 'server unavailable'],
  [0x89, 'server busy'],
  [0x8a, 'banned'],
  [0x8b, 'server shutting down'],
  [0x8d, 'keep alive timeout'],
  [0x8e, 'session taken over'],
  [0x90, 'topic name invalid'],
  [0x91, 'packet identifier in use'],
  [0x93, 'receive maximum exceeded'],
  [0x95, 'packet too large'],
  [0x96, 'message rate too high'],
  [0x97, 'quota exceeded'],
  [0x98, 'administrative action'],
  [0x99, 'payload format invalid'],
  [0x9a, 'retain not supported'],
  [0x9b, 'QoS not supported'],
  [0x9c, 'use another server'],
  [0x9d, 'server moved'],
]);

/** MQTT 3.1.1 3.2.2.3: return codes of CONNACK. */
const CONNACK_3 = new Map([
  [1, 0x84],
  [2, 0x85],
  [3, 0x88],
  [4, 0x86],
  [5, 0x87],
]);

const HINTS = new Map([
  [0x84, "Set the sink's protocolVersion to one the upstream speaks."],
  [0x85, "Set the sink's clientId to one the upstream accepts."],
  [0x86, "Check the sink's username and password."],
  [0x87, 'Let the upstream allow this client to connect, or check its user name, password and certificate.'],
  [0x8a, 'The upstream has banned this client; ask its owner.'],
  [0x9c, "Set the sink's url to the server that the upstream names."],
  [0x9d, "Set the sink's url to the server that the upstream names."],
]);

/** Of a PUBACK, PUBREC or PUBCOMP. */
export function verdictOf(code: number): Verdict {
  if (code < REFUSAL_FROM) return { kind: 'accepted' };
  const never = NEVER.get(code);
  if (never !== undefined) return { kind: 'never', reason: never };
  return { kind: code === 0x87 ? 'not-allowed' : 'later', reason: reasonText(code) };
}

/** Whether a DISCONNECT with this code was caused by one message rather than by the connection as a whole. */
export function blamesMessage(code: number): boolean {
  return NEVER.has(code);
}

/** A CONNACK's code as MQTT 5's, whichever version it came in. */
export function connackCode(code: number): number {
  return CONNACK_3.get(code) ?? code;
}

export function hintFor(code: number): string | undefined {
  return HINTS.get(code);
}

export function reasonText(code: number): string {
  return NAMES.get(code) ?? `reason code 0x${code.toString(16)}`;
}
