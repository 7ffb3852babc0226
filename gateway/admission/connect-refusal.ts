// What a client is told that is not let in. Names that exist and names that do not are answered alike, so that nobody
// learns which there are; the audit log has the reason.

import type { ConnectRefusal } from './identity/identity.ts';

export interface ConnectAnswer {
  /** MQTT 5.0 3.2.2.2 */
  readonly reasonCode: number;
  /** MQTT 3.1.1 3.2.2.3 */
  readonly returnCode: number;
  /** For MQTT 5 clients; ASCII. */
  readonly text: string;
}

const serverUnavailable = 0x03;
const badUserNameOrPassword = { reasonCode: 0x86, returnCode: 0x04, text: 'user name or password is wrong' };
const notAuthorized = 0x87;
const notAuthorized3 = 0x05;
const identifierRejected = 0x02;
const clientIdNotValid = 0x85;
const serverBusy = 0x89;
const quotaExceeded = 0x97;
const connectionRateExceeded = 0x9f;

const answers: { readonly [reason in ConnectRefusal]: ConnectAnswer } = {
  anonymous: { reasonCode: notAuthorized, returnCode: notAuthorized3, text: 'a user name is needed' },
  'bad-credentials': badUserNameOrPassword,
  'unknown-user': badUserNameOrPassword,
  'hook-refused': badUserNameOrPassword,
  'unknown-group': { reasonCode: notAuthorized, returnCode: notAuthorized3, text: 'not authorized' },
  'user-not-of-certificate': {
    reasonCode: notAuthorized,
    returnCode: notAuthorized3,
    text: 'the user name is not that of the certificate',
  },
  will: {
    reasonCode: notAuthorized,
    returnCode: notAuthorized3,
    text: 'the will is more than this client may publish',
  },
  'client-id': {
    reasonCode: clientIdNotValid,
    returnCode: identifierRejected,
    text: 'this client id is not for this user',
  },
  'session-of-another': {
    reasonCode: clientIdNotValid,
    returnCode: identifierRejected,
    text: 'this client id is in use by another user',
  },
  'too-many-failures': {
    reasonCode: connectionRateExceeded,
    returnCode: serverUnavailable,
    text: 'too many failed sign-ins from this address; try again later',
  },
  'hook-silent': { reasonCode: serverBusy, returnCode: serverUnavailable, text: 'cannot check the user now' },
  busy: {
    reasonCode: serverBusy,
    returnCode: serverUnavailable,
    text: 'the gateway is busy; try again later',
  },
  'user-connections': {
    reasonCode: quotaExceeded,
    returnCode: serverUnavailable,
    text: 'this user has as many connections as may be',
  },
  'group-connections': {
    reasonCode: quotaExceeded,
    returnCode: serverUnavailable,
    text: 'the group of this user has as many connections as may be',
  },
  'sessions-full': {
    reasonCode: quotaExceeded,
    returnCode: serverUnavailable,
    text: 'the gateway keeps as many sessions as it may',
  },
  'wills-full': {
    reasonCode: quotaExceeded,
    returnCode: serverUnavailable,
    text: 'the gateway keeps as many wills as it may',
  },
};

export function answerOf(reason: ConnectRefusal): ConnectAnswer {
  return answers[reason];
}
