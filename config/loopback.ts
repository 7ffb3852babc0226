// Whether an address or a host name is this machine and nobody else can reach it. A name is not looked up:
// one that happens to lead here is taken for another machine.

import { BlockList, isIP } from 'node:net';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** RFC 6890, and RFC 6761 6.3 for `localhost`. IPv6 with or without brackets. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[(.*)\]$/, '$1');
  const address = name.replace(/%.*$/, '');
  switch (isIP(address)) {
    case 4:
      return loopback.check(address, 'ipv4');
    case 6:
      return loopback.check(address, 'ipv6');
    default:
      return /^(?:.+\.)?localhost\.?$/.test(name);
  }
}
