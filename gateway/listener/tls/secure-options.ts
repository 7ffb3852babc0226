// The terms on which the gateway speaks TLS: 1.2 and 1.3, forward secrecy and authenticated encryption only.

import { constants } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';

/** TLS 1.3 first. Without DHE: it is slow, and who knows it knows ECDHE. RFC 9325 4.2. */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

/**
 * `isAsking`: clients are asked for certificates. A resumed session is not judged again, so that a ticket would let in
 * a certificate that was revoked or has expired since: there are none then. Node keeps no sessions of its own.
 */
export function secureOptionsOf(isAsking: boolean): SecureContextOptions {
  // A renegotiation (TLS 1.2) could bring another certificate after the first was judged; ChaCha20 is for devices
  // without AES in hardware, which put it first.
  const always = constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_PRIORITIZE_CHACHA;
  return {
    minVersion: 'TLSv1.2',
    ciphers: CIPHERS,
    honorCipherOrder: true,
    secureOptions: isAsking ? always | constants.SSL_OP_NO_TICKET : always,
  };
}
