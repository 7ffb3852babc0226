// What became of the connections to one listener before they were clients; each is a client, or in one of these.

import { type CertificateRefusal, certificateRefusals } from './tls/certificate-judge.ts';
import { type HandshakeFailure, handshakeFailures } from './tls/handshake-failure.ts';

export interface AcceptCounters {
  /** Closed at once: there were maxConnections already. */
  overLimit: number;
  /** Closed at once: too many, of all or of their address, whose handshake or WebSocket was still to be done. */
  pendingRefused: number;
  /** The system gave no socket for them: mostly it was out of file descriptors. */
  acceptFailures: number;
  /** Closed because no WebSocket was opened in time. */
  upgradeTimeouts: number;
  /** TLS handshakes that were completed, whatever the certificate. */
  handshakes: number;
  readonly handshakeFailures: Record<HandshakeFailure, number>;
  /** Clients turned away for the certificate they have shown, or have not. */
  readonly certificateRefusals: Record<CertificateRefusal, number>;
  /** New certificates, keys, authorities or revocation lists that were taken into use. */
  contextSwaps: number;
  /** Those that were not: the ones before stay in use. */
  contextSwapFailures: number;
}

export function createAcceptCounters(): AcceptCounters {
  return {
    overLimit: 0,
    pendingRefused: 0,
    acceptFailures: 0,
    upgradeTimeouts: 0,
    handshakes: 0,
    handshakeFailures: zeros(handshakeFailures),
    certificateRefusals: zeros(certificateRefusals),
    contextSwaps: 0,
    contextSwapFailures: 0,
  };
}

/** Of all listeners: those who were kept out, by what and why. */
export function refusedEarly(
  listeners: readonly { readonly counters: AcceptCounters }[],
): Record<string, Record<string, number>> {
  const refused = { closedUnheard: {}, refusedHandshakes: {}, refusedCertificates: {} };
  for (const { counters } of listeners) {
    const { overLimit, pendingRefused, acceptFailures, upgradeTimeouts } = counters;
    addTo(refused.closedUnheard, { overLimit, pendingRefused, acceptFailures, upgradeTimeouts });
    addTo(refused.refusedHandshakes, counters.handshakeFailures);
    addTo(refused.refusedCertificates, counters.certificateRefusals);
  }
  return refused;
}

function addTo(sums: Record<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count;
}

function zeros<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
}
