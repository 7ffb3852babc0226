// Upstream topics from a template such as sluice/{gateway}/{lane}, ready for the wire: two bytes of length,
// then UTF-8 (MQTT 5.0 1.5.4). Values cannot bring wildcards into a topic: + and # become _ (a record's own
// topic has none).

const TOPIC_BYTES_MAX = 65_535;

export type TopicValues = Partial<Record<'gateway' | 'lane' | 'sink' | 'topic' | 'device', string>>;

/** The topic, or null when the upstream's protocol cannot carry it (empty, or longer than 65,535 bytes). */
export function topicBytes(template: string, values: TopicValues): Buffer | null {
  const topic = template.replace(/\{(\w+)\}/g, (whole, name: keyof TopicValues) => {
    const value = values[name];
    return value === undefined ? whole : value.replace(/[+#]/g, '_');
  });
  const length = Buffer.byteLength(topic);
  if (length === 0 || length > TOPIC_BYTES_MAX) return null;
  const bytes = Buffer.allocUnsafe(2 + length);
  bytes.writeUInt16BE(length, 0);
  bytes.write(topic, 2);
  return bytes;
}

/** Whether a topic matches a filter (MQTT 5.0 4.7). */
export function matchesFilter(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && /^[+#]/.test(filter)) return false;
  const levels = topic.split('/');
  const wanted = filter.split('/');
  for (const [index, level] of wanted.entries()) {
    if (level === '#') return true;
    if (index >= levels.length) return false;
    if (level !== '+' && level !== levels[index]) return false;
  }
  return wanted.length === levels.length;
}
