// Names as settings select them: `*` stands for any characters, none included; everything else is itself. In
// patterns of client ids {user} stands for the user name, to the letter: a * in a name is no wildcard, and a user
// without a name, or with one that could mean more than itself in a topic, matches no pattern that needs it.
//
// Without regular expressions: the leftmost place of each part is the right one, so there is nothing to go back to,
// whatever a pattern or a name looks like.

const USER = '{user}';

/** Compiled once; a match allocates nothing unless {user} is in it. */
export class NamePattern {
  readonly #parts: readonly string[];
  readonly #needsUser: boolean;

  constructor(pattern: string, { placeholders = false }: { placeholders?: boolean } = {}) {
    // Several * in a row are one.
    this.#parts = pattern.replace(/\*+/g, '*').split('*');
    this.#needsUser = placeholders && pattern.includes(USER);
  }

  matches(name: string, user = ''): boolean {
    if (!this.#needsUser) return matchesParts(this.#parts, name);
    if (!isPlaceholderValue(user)) return false;
    return matchesParts(
      this.#parts.map((part) => part.replaceAll(USER, () => user)),
      name,
    );
  }
}

/** A list of patterns, of which one has to match; those without wildcards are found at once. */
export class NamePatterns {
  readonly #names = new Set<string>();
  readonly #patterns: NamePattern[] = [];
  readonly #everybody: boolean;

  constructor(patterns: readonly string[], options: { placeholders?: boolean } = {}) {
    this.#everybody = patterns.some((pattern) => /^\*+$/.test(pattern));
    for (const pattern of patterns) {
      const isPlain = !pattern.includes('*') && !(options.placeholders === true && pattern.includes(USER));
      if (isPlain) this.#names.add(pattern);
      else this.#patterns.push(new NamePattern(pattern, options));
    }
  }

  matches(name: string, user = ''): boolean {
    if (this.#everybody || this.#names.has(name)) return true;
    for (const pattern of this.#patterns) if (pattern.matches(name, user)) return true;
    return false;
  }
}

/** Whether a name may stand for a placeholder: it is there, and means nothing in a topic or a terminal. */
export function isPlaceholderValue(value: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  return value !== '' && !/[/+#\u0000-\u001f\u007f-\u009f]/.test(value);
}

function matchesParts(parts: readonly string[], name: string): boolean {
  const first = parts[0];
  if (parts.length === 1) return name === first;
  const last = parts[parts.length - 1];
  if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last))
    return false;
  const end = name.length - last.length;
  let from = first.length;
  for (let i = 1; i < parts.length - 1; i++) {
    const at = name.indexOf(parts[i], from);
    if (at < 0 || at + parts[i].length > end) return false;
    from = at + parts[i].length;
  }
  return true;
}
