// MQTT topic filters as they appear in settings: what is wrong with one, and whether messages of a topic
// template could be received through one (a loop). Only shapes are judged here; matching of live topics is
// the gateway's.

const encoder = new TextEncoder();
const stringBytesMax = 65_535;

/** What is wrong with `filter` (MQTT 5.0 4.7, 1.5.4), as the end of a sentence; `undefined` if nothing is. */
export function topicFilterFault(filter: string): string | undefined {
  if (filter === '') return 'is empty';
  const fault = characterFault(filter);
  if (fault) return fault;
  if (filter.startsWith('$share/')) return 'is a shared subscription, which has no meaning here';
  const levels = filter.split('/');
  for (const [index, level] of levels.entries()) {
    if (level === '#' && index !== levels.length - 1) return "has '#' before its last level";
    if (level.length > 1 && /[+#]/.test(level)) {
      return `has the wildcard '${/[+#]/.exec(level)![0]}' beside other characters in one level`;
    }
  }
  return undefined;
}

const placeholders = /\{(client|user|group)\}/g;

/** As `topicFilterFault`, for filters with {client}, {user} and {group} in them. */
export function accessFilterFault(filter: string): string | undefined {
  const unknown = /\{[^}]*\}/.exec(filter.replaceAll(placeholders, ''));
  if (unknown !== null)
    return `has the unknown placeholder ${unknown[0]}; there are {client}, {user} and {group}`;
  return topicFilterFault(filter.replaceAll(placeholders, 'x'));
}

/** What no topic may have: too many bytes, control characters and non-characters (MQTT 5.0 1.5.4). */
export function characterFault(text: string): string | undefined {
  if (!text.isWellFormed()) return 'is not valid Unicode';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  if (/[\u0000-\u001f\u007f-\u009f\ufdd0-\ufdef\ufffe\uffff]/.test(text)) return 'has a control character';
  if (encoder.encode(text).length > stringBytesMax) return `is longer than ${stringBytesMax} bytes`;
  return undefined;
}

/** True when everything except topics that begin with `$` matches (MQTT 5.0 4.7.2). */
export function matchesEverything(filter: string): boolean {
  return filter === '#' || filter === '+/#';
}
