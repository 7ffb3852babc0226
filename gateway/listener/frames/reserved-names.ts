// Names that are well-formed MQTT and stop the session engine: aedes keeps clients and subscriptions in plain
// objects, where a client id or a filter such as `constructor` finds what every object inherits, takes it for
// an entry, and throws. They are refused as client ids and as filters, before it sees them.

const names: ReadonlySet<string> = new Set(Object.getOwnPropertyNames(Object.prototype));
const lengths = [...names].map((name) => name.length);
const bytesMin = Math.min(...lengths);
const bytesMax = Math.max(...lengths);

export function isReservedName(buffer: Buffer, start: number, end: number): boolean {
  if (end - start < bytesMin || end - start > bytesMax) return false;
  return names.has(buffer.toString('latin1', start, end));
}
