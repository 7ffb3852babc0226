// Why a TLS handshake came to nothing, from the code of Node's or OpenSSL's error to a word of a closed set.

export const handshakeFailures = [
  /** Something else than TLS: plain MQTT, HTTP, noise. */
  'not-tls',
  /** Only versions before TLS 1.2. */
  'old-version',
  /** No cipher, group or signature that both have. */
  'nothing-shared',
  /** The client has sent an alert, mostly because it does not trust the gateway's certificate. */
  'client-refused',
  'timeout',
  /** The connection was ended in the midst of it. */
  'closed',
  'other',
] as const;
export type HandshakeFailure = (typeof handshakeFailures)[number];

const FAILURES: Readonly<Record<string, HandshakeFailure>> = {
  ERR_TLS_HANDSHAKE_TIMEOUT: 'timeout',
  ECONNRESET: 'closed',
  ECONNABORTED: 'closed',
  EPIPE: 'closed',
  ETIMEDOUT: 'closed',
  ERR_SSL_UNEXPECTED_EOF_WHILE_READING: 'closed',
  ERR_SSL_WRONG_VERSION_NUMBER: 'not-tls',
  ERR_SSL_HTTP_REQUEST: 'not-tls',
  ERR_SSL_HTTPS_PROXY_REQUEST: 'not-tls',
  ERR_SSL_BAD_RECORD_TYPE: 'not-tls',
  ERR_SSL_UNEXPECTED_MESSAGE: 'not-tls',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'not-tls',
  ERR_SSL_RECORD_TOO_SMALL: 'not-tls',
  ERR_SSL_LENGTH_MISMATCH: 'not-tls',
  ERR_SSL_LENGTH_TOO_SHORT: 'not-tls',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'old-version',
  ERR_SSL_VERSION_TOO_LOW: 'old-version',
  ERR_SSL_INAPPROPRIATE_FALLBACK: 'old-version',
  ERR_SSL_NO_SHARED_CIPHER: 'nothing-shared',
  ERR_SSL_NO_SHARED_GROUPS: 'nothing-shared',
  ERR_SSL_NO_SHARED_SIGNATURE_ALGORITHMS: 'nothing-shared',
  ERR_SSL_NO_SUITABLE_GROUPS: 'nothing-shared',
  ERR_SSL_NO_SUITABLE_KEY_SHARE: 'nothing-shared',
  ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM: 'nothing-shared',
};

export function handshakeFailureOf(error: NodeJS.ErrnoException): HandshakeFailure {
  const code = error.code ?? '';
  const known = Object.hasOwn(FAILURES, code) ? FAILURES[code] : undefined;
  return known ?? (code.includes('ALERT') ? 'client-refused' : 'other');
}
