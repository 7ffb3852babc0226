// What is different between two snapshots of the password file, for the audit log: names, never hashes.

import type { PasswordUsers } from './password-file.ts';

export interface UserChanges {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Another password or another group. */
  readonly changed: readonly string[];
}

/** Names told of each kind; how many more there are is told too. */
const NAMES_MAX = 20;

export function userChanges(before: PasswordUsers, after: PasswordUsers): UserChanges {
  const [added, removed, changed]: [string[], string[], string[]] = [[], [], []];
  for (const [user, { hash, group }] of after.entries()) {
    const known = before.find(user);
    if (known === undefined) added.push(user);
    else if (known.hash !== hash || known.group !== group) changed.push(user);
  }
  for (const [user] of before.entries()) if (after.find(user) === undefined) removed.push(user);
  return { added, removed, changed };
}

/** `added "a", "b"; removed "c"`; undefined when nothing is different. */
export function describeChanges(changes: UserChanges): string | undefined {
  const parts = Object.entries(changes)
    .filter(([, names]) => names.length > 0)
    .map(([kind, names]: [string, readonly string[]]) => {
      const told = names.slice(0, NAMES_MAX).map((name) => JSON.stringify(name));
      const more = names.length - told.length;
      return `${kind} ${told.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
    });
  return parts.length === 0 ? undefined : parts.join('; ');
}
