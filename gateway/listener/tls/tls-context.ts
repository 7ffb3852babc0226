// What a TLS listener shows and whom it believes, read from its files and checked as a whole: either all of it fits
// together and can be used, or it is an error that names a file. What will trouble clients but can be used - something
// expired, an authority without its revocation list - is a warning.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { tlsLimits } from '../../../config/limits.ts';
import type { ListenerConfig } from '../../../config/settings.ts';
import { contextWarnings } from './context-warnings.ts';
import { blocksOf, type PemFile, readPemFile } from './pem-file.ts';
import { parseRevocationList, type RevocationList } from './revocation-list.ts';
import { secureOptionsOf } from './secure-options.ts';
import { tlsFault } from './tls-fault.ts';
import { dateText, subjectText, toldText } from './told-text.ts';

export type TlsListenerConfig = Extract<ListenerConfig, { type: 'tls' | 'wss' }>;
export type TlsFiles = Pick<
  TlsListenerConfig,
  'certFile' | 'keyFile' | 'caFile' | 'crlFile' | 'clientCertificates'
>;

/** A file with identity data, for the audit log. */
export interface TlsFile {
  readonly path: string;
  /** Of its content. */
  readonly digest: string;
  /** What is in it. */
  readonly detail: string;
}

export interface TlsContext {
  /** For `createServer` and for `setSecureContext`. */
  readonly options: SecureContextOptions;
  readonly certificate: X509Certificate;
  /** Empty where no client is asked for a certificate; the same for `lists`. */
  readonly authorities: readonly X509Certificate[];
  readonly lists: readonly RevocationList[];
  readonly files: readonly TlsFile[];
  readonly warnings: readonly string[];
}

/** Throws a SluiceError (tls-fault.ts) when a file is missing or wrong, or they do not fit together. */
export function loadTlsContext(config: TlsFiles, nowMs: number): TlsContext {
  const certFile = readPemFile(config.certFile);
  const [certificate] = certificatesOf(certFile, 'TLS_CERTIFICATE');
  const keyFile = readPemFile(config.keyFile);
  checkKey(certFile, certificate, keyFile);
  const isAsking = config.clientCertificates !== 'none';
  const trust = isAsking ? readTrust(config) : { files: [], authorities: [], lists: [], ca: [], crl: [] };
  const options: SecureContextOptions = {
    ...secureOptionsOf(isAsking),
    cert: textOf(certFile, 'CERTIFICATE'),
    key: textOf(keyFile, 'PRIVATE KEY'),
    ...(isAsking ? { ca: trust.ca } : {}),
    ...(trust.crl.length > 0 ? { crl: trust.crl } : {}),
  };
  checkContext(certFile, options);
  const { authorities, lists } = trust;
  const until = `valid until ${dateText(certificate.validToDate.getTime())}`;
  const detail = toldText(`${subjectText(certificate)}, fingerprint ${certificate.fingerprint256}, ${until}`);
  return {
    options,
    certificate,
    authorities,
    lists,
    files: [
      { path: certFile.path, digest: certFile.digest, detail },
      { path: keyFile.path, digest: keyFile.digest, detail: `key of ${detail}` },
      ...trust.files,
    ],
    warnings: contextWarnings({ config, certificate, authorities, lists, nowMs }),
  };
}

interface Trust {
  files: TlsFile[];
  authorities: X509Certificate[];
  lists: RevocationList[];
  ca: string[];
  crl: string[];
}

function readTrust({ caFile, crlFile, clientCertificates }: TlsFiles): Trust {
  if (caFile === '') {
    throw tlsFault('TLS_AUTHORITIES', 'caFile', {
      what: `of the listener is empty, but clientCertificates is ${clientCertificates}`,
      hint: 'Set it to a PEM file with the authorities that sign client certificates.',
    });
  }
  const file = readPemFile(caFile);
  const authorities = certificatesOf(file, 'TLS_AUTHORITIES');
  if (authorities.length > tlsLimits.authoritiesMax) {
    throw tlsFault('TLS_AUTHORITIES', caFile, {
      what: `has ${authorities.length} certificates, more than ${tlsLimits.authoritiesMax}`,
      hint: 'Leave in it only the authorities that sign the certificates of your devices.',
    });
  }
  const ca = blocksOf(file, 'CERTIFICATE', 'TLS_AUTHORITIES').map(({ text }) => text);
  const told = toldText(`authorities: ${authorities.map(subjectText).join('; ')}`);
  const files = [{ path: caFile, digest: file.digest, detail: told }];
  if (crlFile === '') return { files, authorities, ca, lists: [], crl: [] };
  const { lists, ...listFile } = readLists(crlFile);
  return { files: [...files, listFile.file], authorities, ca, lists, crl: listFile.crl };
}

function readLists(path: string): { file: TlsFile; lists: RevocationList[]; crl: string[] } {
  const file = readPemFile(path);
  // One text for each: of a text with several Node takes the first.
  const crl = blocksOf(file, 'X509 CRL', 'TLS_REVOCATION_LIST').map(({ text }) => text);
  const lists = crl.map((text, index) => {
    try {
      return parseRevocationList(derOf(text));
    } catch (cause) {
      throw tlsFault('TLS_REVOCATION_LIST', path, {
        what: `holds something unreadable as revocation list ${index + 1} of ${crl.length}`,
        hint: 'Fetch it anew from the authority, and see it with: openssl crl -text -in the file.',
        cause,
      });
    }
  });
  const told = lists.map(({ revoked, nextUpdateMs }) => {
    const until =
      nextUpdateMs === null ? 'holds until there is a newer one' : `holds until ${dateText(nextUpdateMs)}`;
    return `${revoked} revoked, ${until}`;
  });
  return {
    file: { path, digest: file.digest, detail: toldText(`revocation lists: ${told.join('; ')}`) },
    lists,
    crl,
  };
}

function certificatesOf(file: PemFile, code: 'TLS_CERTIFICATE' | 'TLS_AUTHORITIES'): X509Certificate[] {
  const blocks = blocksOf(file, 'CERTIFICATE', code);
  return blocks.map(({ text }, index) => {
    try {
      return new X509Certificate(text);
    } catch (cause) {
      throw tlsFault(code, file.path, {
        what: `holds something unreadable as certificate ${index + 1} of ${blocks.length}`,
        hint: 'Write it anew, whole, and see it with: openssl x509 -text -in the file.',
        cause,
      });
    }
  });
}

function checkKey(certFile: PemFile, certificate: X509Certificate, keyFile: PemFile): void {
  const [{ text }] = blocksOf(keyFile, 'PRIVATE KEY', 'TLS_KEY');
  let key: KeyObject;
  try {
    key = createPrivateKey(text);
  } catch (cause) {
    const isEncrypted = text.includes('ENCRYPTED');
    throw tlsFault('TLS_KEY', keyFile.path, {
      what: isEncrypted
        ? 'holds an encrypted key, and there is nobody to ask for its password'
        : 'holds no usable key',
      hint: isEncrypted
        ? 'Decrypt it with openssl pkey -in it -out a new file, which only the gateway may read.'
        : 'Write it anew, whole, and see whether openssl pkey -noout -in the file takes it.',
      cause,
    });
  }
  if (certificate.checkPrivateKey(key)) return;
  throw tlsFault('TLS_KEY_MISMATCH', keyFile.path, {
    what: `is not the key of the first certificate in ${certFile.path}, ${subjectText(certificate)}`,
    hint: "Put the gateway's own certificate first, and use the key that it was requested with.",
  });
}

/** What only OpenSSL finds, such as a key that is too short for it. */
function checkContext({ path }: PemFile, options: SecureContextOptions): void {
  try {
    createSecureContext(options);
  } catch (cause) {
    throw tlsFault('TLS_CONTEXT', path, {
      what: `and the other files of its listener are not taken by OpenSSL: ${(cause as Error).message}`,
      hint: 'Mostly a key that is too short or a signature with SHA-1: have them made anew.',
      cause,
    });
  }
}

function textOf(file: PemFile, labelEnd: string): string {
  const texts = file.blocks.filter(({ label }) => label.endsWith(labelEnd)).map(({ text }) => text);
  return `${texts.join('\n')}\n`;
}

function derOf(pem: string): Buffer {
  return Buffer.from(pem.replaceAll(/-----[^-]+-----/g, ''), 'base64');
}
