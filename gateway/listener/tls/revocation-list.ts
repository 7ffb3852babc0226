// What a certificate revocation list says of itself (RFC 5280 5.1): whose it is and until when it holds. Node has no
// words for these lists; OpenSSL judges by them, and refuses every client of an authority whose list has ended. The
// list's signature is not looked at here, and its entries only for who is connected already (certificate-recheck.ts).
//
//   CertificateList ::= SEQUENCE {
//     tbsCertList SEQUENCE { version INTEGER?, signature SEQUENCE, issuer SEQUENCE, thisUpdate Time,
//                            nextUpdate Time?, revokedCertificates SEQUENCE?, [0] extensions? },
//     signatureAlgorithm, signatureValue }

import { createHash, type X509Certificate } from 'node:crypto';
import { type DerElement, derAt, derChildren, derSequence, derTag } from './der.ts';

export interface RevocationList {
  /** The authority's name in DER, as in the subject of its certificate. */
  readonly issuer: Buffer;
  readonly thisUpdateMs: number;
  /** Null: it holds until there is a newer one. */
  readonly nextUpdateMs: number | null;
  /** How many certificates it revokes. */
  readonly revoked: number;
  /** revokedCertificates, a SEQUENCE of SEQUENCE { userCertificate INTEGER, ... }; empty: none. */
  readonly entries: Buffer;
  /** Of the whole list. */
  readonly digest: string;
}

/** Throws a RangeError when it is none. */
export function parseRevocationList(der: Buffer): RevocationList {
  const parts = [...derChildren(der, firstOf(der))];
  if (parts[0]?.tag === derTag.integer) parts.shift();
  const [, issuer, thisUpdate, ...rest] = parts;
  if (issuer?.tag !== derTag.sequence || thisUpdate === undefined)
    throw new RangeError('not a revocation list');
  const next = rest[0] !== undefined && isTime(rest[0]) ? rest.shift() : undefined;
  const revoked = rest[0]?.tag === derTag.sequence ? rest[0] : undefined;
  return {
    issuer: der.subarray(issuer.start, issuer.end),
    thisUpdateMs: timeMs(der, thisUpdate),
    nextUpdateMs: next === undefined ? null : timeMs(der, next),
    revoked: revoked === undefined ? 0 : [...derChildren(der, revoked)].length,
    entries: revoked === undefined ? der.subarray(0, 0) : der.subarray(revoked.start, revoked.end),
    digest: createHash('sha256').update(der).digest('hex'),
  };
}

/** The serial numbers of the certificates it revokes, each as `numberOf` has it. Throws a RangeError. */
export function* revokedNumbers({ entries }: RevocationList): Generator<string, undefined> {
  if (entries.length === 0) return;
  for (const entry of derChildren(entries, derSequence(entries, 0, entries.length))) {
    const { tag, bodyStart, end } = derAt(entries, entry.bodyStart, entry.end);
    if (entry.tag === derTag.sequence && tag === derTag.integer)
      yield entries.toString('latin1', bodyStart, end);
  }
}

/** Its serial number and the name of its authority, as the bytes of their DER. */
export function numberOf(certificate: X509Certificate): { issuer: string; number: string } {
  const der = certificate.raw;
  const [serial, , issuer] = certificateParts(der);
  if (serial?.tag !== derTag.integer || issuer?.tag !== derTag.sequence)
    throw new RangeError('not a certificate');
  return {
    issuer: der.toString('latin1', issuer.start, issuer.end),
    number: der.toString('latin1', serial.bodyStart, serial.end),
  };
}

/** The name of a certificate in DER. */
export function subjectOf(certificate: X509Certificate): Buffer {
  const der = certificate.raw;
  const subject = certificateParts(der)[4];
  if (subject?.tag !== derTag.sequence) throw new RangeError('not a certificate');
  return der.subarray(subject.start, subject.end);
}

/** RFC 5280 4.1, without the version: serial, signature, issuer, validity, subject. */
function certificateParts(der: Buffer): DerElement[] {
  const parts = [...derChildren(der, firstOf(der))];
  if (parts[0]?.tag === derTag.context0) parts.shift();
  return parts;
}

/** What is signed: the first thing inside of a certificate or a list. */
function firstOf(der: Buffer): DerElement {
  const whole = derSequence(der, 0, der.length);
  return derSequence(der, whole.bodyStart, whole.end);
}

function isTime({ tag }: DerElement): boolean {
  return tag === derTag.utcTime || tag === derTag.generalizedTime;
}

/** RFC 5280 5.1.2.4: YYMMDDHHMMSSZ until 2049, with the century from then on. */
function timeMs(der: Buffer, element: DerElement): number {
  const text = der.toString('latin1', element.bodyStart, element.end);
  const hasCentury = element.tag === derTag.generalizedTime;
  const match = /^(\d{2,4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (!isTime(element) || match === null || (match[1].length === 4) !== hasCentury)
    throw new RangeError('bad time');
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number);
  const fullYear = hasCentury ? year : year + (year < 50 ? 2000 : 1900);
  return Date.UTC(fullYear, month - 1, day, hour, minute, second);
}
