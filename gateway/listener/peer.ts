// Who is at the other end of a connection, as far as its transport can tell: where from, through which listener, and
// the name in the certificate that it has shown.

import type { Socket } from 'node:net';

/** From a client certificate that was found good; one object a connection, which it stands for. */
export interface CertifiedName {
  readonly user: string;
  readonly subject: string;
}

export interface Peer {
  /** IPv4 as such, also where it came in by an IPv6 socket; '?' of one that is gone already. */
  readonly address: string;
  readonly port: number;
  /** Type and port, such as 'tls:8883'. */
  readonly listener: string;
  readonly certificate: CertifiedName | null;
}

export function peerOf(socket: Socket, listener: string, certificate: CertifiedName | null): Peer {
  const { remoteAddress, remotePort } = socket;
  return { address: plainAddress(remoteAddress), port: remotePort ?? 0, listener, certificate };
}

/** RFC 4291 2.5.5.2: ::ffff:192.0.2.1 is 192.0.2.1, for limits and lists are of addresses, not of spellings. */
export function plainAddress(address: string | undefined): string {
  if (address === undefined) return '?';
  return /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(address)?.[1] ?? address;
}
