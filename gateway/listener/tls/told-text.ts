// Names and dates of certificates as they are told in the log and the audit log. A subject comes from whoever connects:
// it is cut, and whatever could disturb a log is not in it.

import type { X509Certificate } from 'node:crypto';
import { tlsLimits } from '../../../config/limits.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: it is these that must not be told
const DISTURBING = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

export function toldText(text: string): string {
  const cut = text.length > tlsLimits.toldLengthMax ? `${text.slice(0, tlsLimits.toldLengthMax - 1)}…` : text;
  return cut.replace(DISTURBING, '?');
}

/** `O=Plant, CN=press-1`: Node has a line each; commas inside of values are escaped. Empty when it has no name. */
export function subjectText(certificate: X509Certificate): string {
  return nameText(certificate.subject);
}

export function nameText(lines: string | undefined): string {
  return toldText((lines ?? '').replaceAll('\n', ', '));
}

export function dateText(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z');
}
