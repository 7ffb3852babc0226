// Whether a client is let in with the certificate it has shown, or without one, and under which name. OpenSSL has
// verified it during the handshake, revocation included; here its finding becomes a decision. Sessions are not resumed
// (secure-options.ts) and the certificate cannot change while the connection lasts; what other files make of it later,
// certificate-recheck.ts finds.

import type { X509Certificate } from 'node:crypto';
import { messageOf } from '../../../config/errors.ts';
import type { CertifiedName } from '../peer.ts';
import { certificateUser, type IdentityRule } from './certificate-identity.ts';
import { subjectText, toldText } from './told-text.ts';

export const certificateRefusals = [
  /** None was shown. */
  'missing',
  'expired',
  'not-yet-valid',
  'revoked',
  /** Not signed by an authority that the listener believes. */
  'unknown-authority',
  /** The revocation list of its authority has ended, or does not hold yet: nobody knows whether it is revoked. */
  'crl-expired',
  'crl-missing',
  /** The signature or the form of the revocation list is wrong. */
  'crl-unusable',
  /** Made for something else than a client, or by a certificate that is no authority. */
  'wrong-purpose',
  /** Anything else that OpenSSL does not like. */
  'invalid',
  'no-name',
  'ambiguous-name',
  'bad-name',
] as const;
export type CertificateRefusal = (typeof certificateRefusals)[number];

/** What the handshake has found. */
export interface ShownCertificate {
  readonly certificate: X509Certificate | undefined;
  /** OpenSSL found nothing wrong with it. */
  readonly isAuthorized: boolean;
  /** Node's name of what it found wrong, such as CERT_HAS_EXPIRED. */
  readonly fault: string;
}

export interface CertificateRules {
  readonly clientCertificates: 'optional' | 'required';
  readonly identity: IdentityRule;
  readonly authorities: readonly X509Certificate[];
}

export type CertificateVerdict =
  | { readonly kind: 'accept'; readonly certificate: CertifiedName | null }
  | {
      readonly kind: 'refuse';
      readonly reason: CertificateRefusal;
      readonly subject: string;
      readonly detail: string;
    };

/** Never throws. */
export function judgeCertificate(shown: ShownCertificate, rules: CertificateRules): CertificateVerdict {
  try {
    return judge(shown, rules);
  } catch (error) {
    // The certificate is the client's: what Node cannot read of it is its fault, and must not become ours.
    return { kind: 'refuse', reason: 'invalid', subject: '', detail: toldText(messageOf(error)) };
  }
}

export function refuseCertificate(
  certificate: X509Certificate,
  reason: CertificateRefusal,
): Extract<CertificateVerdict, { kind: 'refuse' }> {
  return { kind: 'refuse', reason, subject: subjectText(certificate), detail: originText(certificate) };
}

function judge(shown: ShownCertificate, rules: CertificateRules): CertificateVerdict {
  const { certificate, isAuthorized, fault } = shown;
  if (certificate === undefined) {
    if (rules.clientCertificates === 'optional') return { kind: 'accept', certificate: null };
    return { kind: 'refuse', reason: 'missing', subject: '', detail: '' };
  }
  const subject = subjectText(certificate);
  if (!isAuthorized) {
    const reason = refusalOf(fault, certificate, rules.authorities);
    return { kind: 'refuse', reason, subject, detail: `${fault}, ${originText(certificate)}` };
  }
  const named = certificateUser(certificate, rules.identity);
  if (named.ok) return { kind: 'accept', certificate: { user: named.user, subject } };
  const detail = `identity ${rules.identity}, ${originText(certificate)}`;
  return { kind: 'refuse', reason: named.reason, subject, detail };
}

const REFUSALS: Readonly<Record<string, CertificateRefusal>> = {
  CERT_HAS_EXPIRED: 'expired',
  CERT_NOT_YET_VALID: 'not-yet-valid',
  CERT_REVOKED: 'revoked',
  UNABLE_TO_GET_ISSUER_CERT: 'unknown-authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'unknown-authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'unknown-authority',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'unknown-authority',
  SELF_SIGNED_CERT_IN_CHAIN: 'unknown-authority',
  CERT_SIGNATURE_FAILURE: 'unknown-authority',
  CERT_UNTRUSTED: 'unknown-authority',
  UNABLE_TO_GET_CRL: 'crl-missing',
  CRL_HAS_EXPIRED: 'crl-expired',
  CRL_NOT_YET_VALID: 'crl-expired',
  CRL_SIGNATURE_FAILURE: 'crl-unusable',
  UNABLE_TO_DECRYPT_CRL_SIGNATURE: 'crl-unusable',
  ERROR_IN_CRL_LAST_UPDATE_FIELD: 'crl-unusable',
  ERROR_IN_CRL_NEXT_UPDATE_FIELD: 'crl-unusable',
  INVALID_PURPOSE: 'wrong-purpose',
  INVALID_CA: 'wrong-purpose',
  PATH_LENGTH_EXCEEDED: 'wrong-purpose',
};

function refusalOf(
  fault: string,
  certificate: X509Certificate,
  authorities: readonly X509Certificate[],
): CertificateRefusal {
  // OpenSSL tells the last thing it found. What a stranger's certificate says of itself is no reason for anything.
  if (!leadsTo(certificate, authorities)) return 'unknown-authority';
  return Object.hasOwn(REFUSALS, fault) ? REFUSALS[fault] : 'invalid';
}

const CHAIN_LENGTH_MAX = 10;

/** Whether one of `authorities` has signed the certificate, or one of those that the client has sent along. */
function leadsTo(certificate: X509Certificate, authorities: readonly X509Certificate[]): boolean {
  let at: X509Certificate | undefined = certificate;
  for (let length = 0; at !== undefined && length < CHAIN_LENGTH_MAX; length++) {
    if (issuerOf(at, authorities) !== undefined) return true;
    at = at.issuerCertificate;
  }
  return false;
}

/** Which of `authorities` has signed it. */
export function issuerOf(
  certificate: X509Certificate,
  authorities: readonly X509Certificate[],
): X509Certificate | undefined {
  return authorities.find(
    (authority) => certificate.checkIssued(authority) && certificate.verify(authority.publicKey),
  );
}

export function originText({ serialNumber, issuer }: X509Certificate): string {
  return toldText(`serial ${serialNumber}, issued by ${issuer?.replaceAll('\n', ', ')}`);
}
