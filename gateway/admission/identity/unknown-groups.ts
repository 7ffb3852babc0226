// Users of the password file whose group the settings do not have: they are refused, so that a mistyped name puts
// nobody outside of his tenant. Told with the first few names, or nobody would find them in the file.

import { type PasswordUsers, quoted } from './password-file.ts';

export interface UnknownGroup {
  readonly group: string;
  /** The first few. */
  readonly users: readonly string[];
  /** All of them. */
  readonly count: number;
}

const USERS_TOLD_MAX = 3;

/** In the order of the file. */
export function unknownGroups(users: PasswordUsers, hasGroup: (group: string) => boolean): UnknownGroup[] {
  const members = new Map<string, { users: string[]; count: number }>();
  for (const [user, { group }] of users.entries()) {
    if (group === undefined || hasGroup(group)) continue;
    const known = members.get(group) ?? { users: [], count: 0 };
    members.set(group, known);
    if (++known.count <= USERS_TOLD_MAX) known.users.push(user);
  }
  return [...members].map(([group, of]) => ({ group, ...of }));
}

/** `group "gvien" of "ann", "bob" and 7 more` */
export function describeUnknownGroup({ group, users, count }: UnknownGroup): string {
  const more = count - users.length;
  return `group ${quoted(group)} of ${users.map(quoted).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
