// A certificate authority of a test's own, made by openssl: certificates of servers and clients, expired and revoked
// ones, and the revocation lists. Keys are of P-256, which takes milliseconds.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasTool } from './mosquitto.ts';

export interface IssuedCertificate {
  certFile: string;
  keyFile: string;
  /** PEM. */
  cert: string;
  key: string;
}

export interface IssueOptions {
  /** As openssl's -subj; `/` and `+` in values escaped by a backslash. */
  subject?: string;
  /** Lines of an extension file, such as `subjectAltName=DNS:localhost`; default: for a client. */
  extensions?: readonly string[];
  from?: Date;
  until?: Date;
}

const DAY_MS = 86_400_000;
const FOR_CLIENTS = ['extendedKeyUsage=clientAuth'];
const FOR_SERVERS = ['subjectAltName=DNS:localhost,IP:127.0.0.1', 'extendedKeyUsage=serverAuth'];
const FOR_AUTHORITIES = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign'];

export function hasOpenssl(): boolean {
  return hasTool('openssl', 'openssl');
}

export class CertificateAuthority {
  readonly name: string;
  readonly #directory: string;
  readonly #own: IssuedCertificate;
  #issued = 0;

  /** Keeps its files in `directory`/`name`. `parent` has signed it; without one it is a root. */
  constructor(directory: string, name: string, parent?: CertificateAuthority) {
    this.name = name;
    this.#directory = join(directory, name);
    mkdirSync(this.#directory, { recursive: true });
    this.#write('index.txt', '');
    this.#write('crlnumber', '01\n');
    this.#write('ca.cnf', configText(this.#directory));
    const subject = `/O=Test plant/CN=${name}`;
    this.#own = parent?.issue({ subject, extensions: FOR_AUTHORITIES }) ?? this.#root(subject);
  }

  /** PEM file of its own certificate. */
  get caFile(): string {
    return this.#own.certFile;
  }

  /** Its own certificate, PEM. */
  get cert(): string {
    return this.#own.cert;
  }

  /** Itself, as its parent has signed it. */
  get issued(): IssuedCertificate {
    return this.#own;
  }

  issue({
    subject = '/CN=client',
    extensions = FOR_CLIENTS,
    from,
    until,
  }: IssueOptions = {}): IssuedCertificate {
    const name = `issued-${++this.#issued}`;
    const [keyFile, request, certFile] = ['key', 'csr', 'crt'].map((end) => this.#file(`${name}.${end}`));
    newKey(keyFile);
    openssl('req', '-new', '-utf8', '-key', keyFile, '-subj', subject, '-out', request);
    this.#write(`${name}.ext`, `${extensions.join('\n')}\n`);
    const now = Date.now();
    const validity = [
      ...['-startdate', asn1Time(from ?? new Date(now - DAY_MS))],
      ...['-enddate', asn1Time(until ?? new Date(now + DAY_MS))],
    ];
    const files = ['-in', request, '-out', certFile, '-extfile', this.#file(`${name}.ext`)];
    this.#ca('-batch', '-notext', '-preserveDN', ...validity, ...files);
    return { certFile, keyFile, ...texts(certFile, keyFile) };
  }

  server(options: IssueOptions = {}): IssuedCertificate {
    return this.issue({ subject: '/CN=localhost', extensions: FOR_SERVERS, ...options });
  }

  client(user: string): IssuedCertificate {
    return this.issue({ subject: `/O=Test plant/CN=${user}` });
  }

  expired(user: string): IssuedCertificate {
    const now = Date.now();
    return this.issue({
      subject: `/O=Test plant/CN=${user}`,
      from: new Date(now - 2 * DAY_MS),
      until: new Date(now - DAY_MS),
    });
  }

  /** Takes effect with the next revocation list. */
  revoke({ certFile }: IssuedCertificate): void {
    this.#ca('-revoke', certFile);
  }

  /** The revocation list as of now, PEM. */
  revocationList({ from, until }: { from?: Date; until?: Date } = {}): string {
    const file = this.#file('crl.pem');
    const now = Date.now();
    this.#ca(
      ...['-gencrl', '-out', file],
      ...['-crl_lastupdate', asn1Time(from ?? new Date(now - DAY_MS))],
      ...['-crl_nextupdate', asn1Time(until ?? new Date(now + DAY_MS))],
    );
    return readFileSync(file, 'utf8');
  }

  #root(subject: string): IssuedCertificate {
    const [keyFile, certFile] = [this.#file('root.key'), this.#file('root.crt')];
    newKey(keyFile);
    const extensions = FOR_AUTHORITIES.flatMap((line) => ['-addext', line]);
    openssl(
      ...['req', '-x509', '-new', '-key', keyFile, '-days', '2', '-subj', subject],
      ...['-config', this.#file('ca.cnf'), ...extensions, '-out', certFile],
    );
    return { certFile, keyFile, ...texts(certFile, keyFile) };
  }

  #ca(...args: string[]): void {
    const { certFile, keyFile } = this.#own;
    openssl('ca', '-config', this.#file('ca.cnf'), '-utf8', '-cert', certFile, '-keyfile', keyFile, ...args);
  }

  #file(name: string): string {
    return join(this.#directory, name);
  }

  #write(name: string, text: string): void {
    writeFileSync(this.#file(name), text);
  }
}

export function newKey(file: string): void {
  openssl('ecparam', '-genkey', '-name', 'prime256v1', '-noout', '-out', file);
}

export function openssl(...args: string[]): string {
  return execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function texts(certFile: string, keyFile: string): { cert: string; key: string } {
  return { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
}

function asn1Time(date: Date): string {
  return date.toISOString().replaceAll(/[-:T]|\.\d+/g, '');
}

function configText(directory: string): string {
  return [
    '[req]',
    'distinguished_name = dn',
    '[dn]',
    '[ca]',
    'default_ca = own',
    '[own]',
    `database = ${directory}/index.txt`,
    `crlnumber = ${directory}/crlnumber`,
    `new_certs_dir = ${directory}`,
    'rand_serial = yes',
    'unique_subject = no',
    'default_md = sha256',
    'policy = any',
    '[any]',
    'commonName = optional',
    '',
  ].join('\n');
}
