// The user name in a client certificate whose signature was found good. Names in certificates are hostile ground: one
// may be missing, be there twice, hold control characters or what looks like another name. So nothing is cut out of a
// text in which values stand unescaped, and what is not clearly one name is none.

import type { X509Certificate } from 'node:crypto';
// Before the first toLegacyObject(): where that is what loads it, node:tls is left without createSecureContext (24.21).
import 'node:tls';
import { tlsLimits } from '../../../config/limits.ts';
import type { TlsListenerConfig } from './tls-context.ts';

export type IdentityRule = TlsListenerConfig['identity'];

export type CertificateUser =
  | { readonly ok: true; readonly user: string }
  | { readonly ok: false; readonly reason: 'no-name' | 'ambiguous-name' | 'bad-name' };

const ALTERNATIVE_PREFIX = { 'san-dns': 'DNS:', 'san-email': 'email:', 'san-uri': 'URI:' } as const;

/**
 * Controls, line separators, half surrogates, non-characters, and the sign for bytes that were not text: two names must
 * not become one.
 */
const FORBIDDEN = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Noncharacter_Code_Point}\ufffd]/u;
const ASCII = /^[\x20-\x7e]*$/;

/** By `rule`: the common name, of which there must be one only, or the first alternative name of a kind. */
export function certificateUser(certificate: X509Certificate, rule: IdentityRule): CertificateUser {
  const names = rule === 'cn' ? commonNames(certificate) : alternativeNames(certificate.subjectAltName, rule);
  if (names.length === 0) return { ok: false, reason: 'no-name' };
  // Which of several is the device's differs from authority to authority; alternative names have their order.
  if (rule === 'cn' && names.length > 1) return { ok: false, reason: 'ambiguous-name' };
  const [user] = names;
  if (user === '') return { ok: false, reason: 'no-name' };
  return isUsable(user) ? { ok: true, user } : { ok: false, reason: 'bad-name' };
}

function isUsable(user: string): boolean {
  return user.length <= tlsLimits.userLengthMax && !FORBIDDEN.test(user);
}

/** Unescaped, as OpenSSL has made UTF-8 of them. */
function commonNames(certificate: X509Certificate): string[] {
  const { CN } = certificate.toLegacyObject().subject as { CN?: string | string[] };
  if (CN === undefined) return [];
  return Array.isArray(CN) ? CN : [CN];
}

/**
 * Of `DNS:a, email:b, URI:"c\u002cd"`: Node writes a value with a comma, a quote or anything unusual in it as a JSON
 * string without a bare comma, so that ", " only stands between names. A value that is not ASCII, which none of these
 * kinds may be (RFC 5280 4.2.1.6), is kept in a form that is refused.
 */
function alternativeNames(text: string | undefined, rule: Exclude<IdentityRule, 'cn'>): string[] {
  const prefix = ALTERNATIVE_PREFIX[rule];
  return (text ?? '')
    .split(', ')
    .filter((entry) => entry.startsWith(prefix))
    .map((entry) => {
      const value = entry.slice(prefix.length);
      const name = value.startsWith('"') ? (JSON.parse(value) as string) : value;
      return ASCII.test(name) ? name : `\u0000${name}`;
    });
}
