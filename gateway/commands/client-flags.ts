// What to tell mosquitto_pub and mosquitto_sub so that they reach this gateway: address and port, and for TLS whom to
// believe and a name that the certificate has. A help for people who try it out, so where the files do not tell, a
// placeholder stands instead of a fault.

import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { ListenerConfig } from '../../config/settings.ts';
import { readPemFile } from '../listener/tls/pem-file.ts';

type TlsConfig = Extract<ListenerConfig, { type: 'tls' }>;

/** For the first listener that these two can speak to; undefined without one: they know no WebSockets. */
export function clientFlags(
  listeners: readonly ListenerConfig[],
  urls: readonly string[],
): string | undefined {
  const index = listeners.findIndex(({ type }) => type === 'tcp' || type === 'tls');
  if (index === -1) return undefined;
  const config = listeners[index];
  const { port } = new URL(urls[index]);
  if (config.type !== 'tls') return `-h ${reachable(config.host)} -p ${port}`;
  const own = certificatesIn(config.certFile);
  const asked = config.clientCertificates === 'required' ? ' --cert client.crt --key client.key' : '';
  return `-h ${hostOf(config, own)} -p ${port} --cafile ${quoted(authorityFile(config, own))}${asked}`;
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
  if (own.some((certificate) => certificate.checkIssued(certificate))) return certFile;
  const trusted = caFile === '' ? [] : certificatesIn(caFile);
  if (own.some((certificate) => trusted.some((authority) => certificate.checkIssued(authority))))
    return caFile;
  return 'authority.crt';
}

function certificatesIn(file: string): X509Certificate[] {
  try {
    const { blocks } = readPemFile(file);
    return blocks.filter(({ label }) => label === 'CERTIFICATE').map(({ text }) => new X509Certificate(text));
  } catch {
    return []; // replaced in this moment; the listener has its own eye on it
  }
}

function quoted(path: string): string {
  return /^[\w./@:+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
