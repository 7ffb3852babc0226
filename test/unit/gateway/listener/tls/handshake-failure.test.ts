import { expect, test } from 'vitest';
import {
  handshakeFailureOf,
  handshakeFailures,
} from '../../../../../gateway/listener/tls/handshake-failure.ts';

const failureOf = (code?: string) => handshakeFailureOf(Object.assign(new Error('no'), { code }));

test.each([
  ['ERR_TLS_HANDSHAKE_TIMEOUT', 'timeout'],
  ['ECONNRESET', 'closed'],
  ['ERR_SSL_HTTP_REQUEST', 'not-tls'],
  ['ERR_SSL_UNSUPPORTED_PROTOCOL', 'old-version'],
  ['ERR_SSL_NO_SHARED_CIPHER', 'nothing-shared'],
  ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'client-refused'],
  ['ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_UNKNOWN', 'client-refused'],
  ['ERR_SSL_BAD_SIGNATURE', 'other'],
  ['constructor', 'other'],
  [undefined, 'other'],
])('%s is %s', (code, reason) => {
  expect(failureOf(code)).toBe(reason);
  expect(handshakeFailures).toContain(reason);
});
