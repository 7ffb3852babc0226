// What to tell mosquitto_pub and mosquitto_sub so that they reach this gateway and are let in: address and port, who
// one is, and for TLS whom to believe and a name that the certificate has. A help for people who try it out, so where
// the settings and files do not tell, a placeholder in capitals stands instead of a fault.

import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { Config, ListenerConfig } from '../../config/settings.ts';
import { asksForCertificates, hasPasswords } from '../../config/sign-in-ways.ts';
import { readPemFile } from '../listener/tls/pem-file.ts';

type TlsConfig = Extract<ListenerConfig, { type: 'tls' }>;

type SignIn = Pick<Config, 'access' | 'listeners'>;

/**
 * For the first listener that these two can speak to, and that lets anybody in; undefined without one: they know no
 * WebSockets.
 */
export function clientFlags(config: SignIn, urls: readonly string[]): string | undefined {
  const index = config.listeners.findIndex(
    (listener) =>
      (listener.type === 'tcp' || listener.type === 'tls') && credentials(config, listener) !== undefined,
  );
  if (index === -1) return undefined;
  const listener = config.listeners[index];
  const { port } = new URL(urls[index]);
  const shown = credentials(config, listener);
  if (listener.type !== 'tls') return `-h ${reachable(listener.host)} -p ${port}${shown}`;
  const own = certificatesIn(listener.certFile);
  return `-h ${hostOf(listener, own)} -p ${port} --cafile ${authorityFile(listener, own)}${shown}`;
}

/** What shows who one is, as little as the listener lets in; undefined when it lets nobody in. */
function credentials(config: SignIn, listener: ListenerConfig): string | undefined {
  const certificate = ' --cert CERT_FILE --key KEY_FILE';
  if ('clientCertificates' in listener && listener.clientCertificates === 'required') return certificate;
  if (config.access.anonymous) return '';
  if (hasPasswords(config)) return ' -u USER -P PASSWORD';
  return asksForCertificates(listener) ? certificate : undefined;
}

/** "Every address" is none that one can connect to. */
function reachable(host: string): string {
  return host === '0.0.0.0' || host === '::' ? 'localhost' : host;
}

function hostOf({ host }: TlsConfig, [certificate]: readonly X509Certificate[]): string {
  if (certificate === undefined) return reachable(host);
  const isNamed = (name: string) =>
    (isIP(name) === 0 ? certificate.checkHost(name, { subject: 'never' }) : certificate.checkIP(name)) !==
    undefined;
  const named = [reachable(host), 'localhost', '127.0.0.1'].find(isNamed);
  return named ?? /(?:^|, )DNS:([^", *]+)/.exec(certificate.subjectAltName ?? '')?.[1] ?? reachable(host);
}

/** A file that has the root of the gateway's own certificate. */
function authorityFile({ certFile, caFile }: TlsConfig, own: readonly X509Certificate[]): string {
  if (own.some((certificate) => certificate.checkIssued(certificate))) return quoted(certFile);
  const trusted = caFile === '' ? [] : certificatesIn(caFile);
  if (own.some((certificate) => trusted.some((authority) => certificate.checkIssued(authority))))
    return quoted(caFile);
  return 'CA_FILE';
}

function certificatesIn(file: string): X509Certificate[] {
  try {
    const { blocks } = readPemFile(file);
    return blocks.filter(({ label }) => label === 'CERTIFICATE').map(({ text }) => new X509Certificate(text));
  } catch {
    return []; // replaced in this moment; the listener has its own eye on it
  }
}

/** As one word for a shell. */
export function quoted(path: string): string {
  return /^[\w./@:+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
