// Under what an address is counted: an IPv4 address is itself, also where it is written as IPv6 (::ffff:a.b.c.d);
// an IPv6 address is its first 64 bits, because the rest is its owner's to choose (RFC 4291 2.5.4).

const GROUPS = 8;
const NETWORK_GROUPS = 4;
const MAPPED = /^::ffff:(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})$/i;

export function addressKey(address: string): string {
  if (!address.includes(':')) return address;
  const mapped = MAPPED.exec(address);
  if (mapped !== null) return mapped[1];
  const [head, tail] = address.replace(/%.*$/, '').toLowerCase().split('::');
  const groups = groupsOf(head);
  if (tail !== undefined) {
    const after = groupsOf(tail);
    const dotted = tail.includes('.') ? 1 : 0; // stands for two groups
    while (groups.length + after.length + dotted < GROUPS) groups.push('0');
    groups.push(...after);
  }
  const network = groups.slice(0, NETWORK_GROUPS).map((group) => group.replace(/^0+(?=.)/, ''));
  return `${network.join(':')}::/64`;
}

function groupsOf(text: string): string[] {
  return text === '' ? [] : text.split(':');
}
