// What in a set of TLS files can be used, but will have clients turned away or the gateway distrusted. OpenSSL wants a
// revocation list, in force, of every authority on the way from a client's certificate to the root, as soon as there is
// one at all: otherwise it refuses everybody below that authority.

import type { X509Certificate } from 'node:crypto';
import { type RevocationList, subjectOf } from './revocation-list.ts';
import type { TlsFiles } from './tls-context.ts';
import { dateText, subjectText } from './told-text.ts';

export interface ContextParts {
  config: TlsFiles;
  certificate: X509Certificate;
  authorities: readonly X509Certificate[];
  lists: readonly RevocationList[];
  nowMs: number;
}

export function contextWarnings(parts: ContextParts): string[] {
  return [
    ...validityWarnings(parts.config.certFile, [parts.certificate], parts.nowMs),
    ...unusedWarnings(parts.config),
    ...validityWarnings(parts.config.caFile, parts.authorities, parts.nowMs),
    ...rootWarnings(parts),
    ...(parts.lists.length > 0 ? listWarnings(parts) : []),
  ];
}

function validityWarnings(file: string, certificates: readonly X509Certificate[], nowMs: number): string[] {
  return certificates.flatMap((certificate) => {
    const fromMs = certificate.validFromDate.getTime();
    const untilMs = certificate.validToDate.getTime();
    const told = `${file}: the certificate of ${subjectText(certificate)}`;
    if (nowMs > untilMs)
      return [`${told} has expired at ${dateText(untilMs)}: whoever checks it refuses it; have it renewed`];
    if (nowMs < fromMs)
      return [`${told} holds only from ${dateText(fromMs)} on; check the date here, or have it made anew`];
    return [];
  });
}

function unusedWarnings({ caFile, crlFile, clientCertificates }: TlsFiles): string[] {
  if (clientCertificates !== 'none') return [];
  return [
    ['caFile', caFile],
    ['crlFile', crlFile],
  ].flatMap(([name, file]) =>
    file === ''
      ? []
      : [
          `${name} ${file} has no effect: clientCertificates is none, so no client is asked for a certificate`,
        ],
  );
}

/** OpenSSL believes in what leads to a root that it has. */
function rootWarnings({ config, authorities }: ContextParts): string[] {
  return authorities
    .filter((authority) => !authorities.some((other) => authority.checkIssued(other)))
    .map(
      (authority) =>
        `${config.caFile}: ${subjectText(authority)} is not a root, and the authority that signed it is not in the ` +
        'file: clients of it are refused; add the certificates up to the root',
    );
}

function listWarnings({ config, authorities, lists, nowMs }: ContextParts): string[] {
  const { crlFile } = config;
  const warnings: string[] = [];
  const subjects = authorities.map((authority) => ({ authority, subject: subjectOf(authority) }));
  for (const { authority, subject } of subjects) {
    const name = subjectText(authority);
    const own = lists.filter(({ issuer }) => issuer.equals(subject));
    const refused = 'every client certificate below it is refused';
    if (own.length === 0) {
      warnings.push(`${crlFile} has no revocation list of ${name}: ${refused}; add its list`);
      continue;
    }
    const inForce = own.filter(({ thisUpdateMs, nextUpdateMs }) => {
      return thisUpdateMs <= nowMs && (nextUpdateMs === null || nextUpdateMs >= nowMs);
    });
    if (inForce.length > 0) continue;
    const ended = Math.max(...own.map(({ nextUpdateMs }) => nextUpdateMs ?? 0));
    const why =
      ended < nowMs
        ? `has ended at ${dateText(ended)}`
        : `holds only from ${dateText(own[0].thisUpdateMs)} on`;
    warnings.push(`${crlFile}: the revocation list of ${name} ${why}: ${refused}; fetch a newer one`);
  }
  if (lists.some(({ issuer }) => !subjects.some(({ subject }) => issuer.equals(subject))))
    warnings.push(`${crlFile} has a revocation list of an authority that ${config.caFile} does not have`);
  return warnings;
}
