// Which group a client is in, and which client ids that lets it use.
//
// The password file or the hook may name the group; then the settings must know it: a name that was mistyped there
// must not put a client outside of its tenant. Else it is the first group in the settings whose `users` match, else
// "default".

import type { Config } from '../../../config/settings.ts';
import { NamePatterns } from './name-pattern.ts';

export const defaultGroup = 'default';

/** As the settings allow it (access.groups). */
const NAME = /^[A-Za-z0-9._-]{1,64}$/;

export function isGroupName(text: string): boolean {
  return NAME.test(text);
}

interface Group {
  readonly users: NamePatterns;
  readonly clientIds: NamePatterns;
}

export class Groups {
  readonly #groups: ReadonlyMap<string, Group>;

  constructor(groups: Config['access']['groups']) {
    this.#groups = new Map(
      Object.entries(groups).map(([name, { users, clientIds }]) => [
        name,
        { users: new NamePatterns(users), clientIds: new NamePatterns(clientIds, { placeholders: true }) },
      ]),
    );
  }

  /** Whether the settings have the group, or it is "default", which is always there. */
  has(group: string): boolean {
    return group === defaultGroup || this.#groups.has(group);
  }

  /** `given` is what the password file or the hook says. Undefined when that is no group of the settings. */
  groupOf(user: string, given: string | undefined): string | undefined {
    if (given !== undefined) return this.has(given) ? given : undefined;
    for (const [name, { users }] of this.#groups) if (users.matches(user)) return name;
    return defaultGroup;
  }

  /** Whether a member may call itself so: its group's `clientIds`, with {user} for its name. */
  mayUseClientId(identity: { readonly user: string; readonly group: string }, clientId: string): boolean {
    return this.#groups.get(identity.group)?.clientIds.matches(clientId, identity.user) ?? true;
  }
}
