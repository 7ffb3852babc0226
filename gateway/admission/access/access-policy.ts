// The access rules of the settings. They only allow: once there are rules or users, what no rule grants is refused;
// without either, everything is allowed.
//
// A placeholder grants nothing when what it stands for is empty or could mean more than one name in a topic (a slash, a
// wildcard), and neither when it makes the first level of a topic one that is not the client's to choose: one that
// begins with `$` (MQTT 5.0 4.7.2), or, for a client outside of tenants, the name of a tenant.

import type { Config } from '../../../config/settings.ts';
import { isPlaceholderValue, NamePatterns } from '../identity/name-pattern.ts';
import { Authority } from './authority.ts';
import { FilterSet, noFilters } from './filter-set.ts';
import { Tenants } from './tenants.ts';
import { isSystem, levelEnd } from './topic-match.ts';

type Access = Config['access'];

/** A client as rules see it; the client id is its own one, without the tenant. */
export interface Subject {
  /** Empty: without a name. */
  readonly user: string;
  readonly clientId: string;
  readonly group: string;
}

/** What one client may do under one version of the policy. */
export interface Grants extends SharedGrants {
  readonly everything: boolean;
  readonly inTenant: boolean;
  /** By rules with placeholders. */
  readonly ownPublish: FilterSet;
  readonly ownSubscribe: FilterSet;
}

/** By rules without placeholders; the same object for all clients that the same rules are for. */
interface SharedGrants {
  readonly publish: FilterSet;
  readonly subscribe: FilterSet;
}

interface Rule {
  readonly users: NamePatterns;
  readonly clients: NamePatterns;
  readonly groups: NamePatterns;
  readonly publish: Filters;
  readonly subscribe: Filters;
}

interface Filters {
  readonly plain: readonly string[];
  readonly templates: readonly string[];
}

/** Different combinations of rules whose filters are kept ready. */
const SHARED_MAX = 256;
const PLACEHOLDER = /\{(client|user|group)\}/g;

export class AccessPolicy {
  #version = 0;
  #rules: Rule[] = [];
  #everything = false;
  #tenants = new Tenants({});
  readonly #shared = new Map<string, SharedGrants>();

  /** `hasUsers`: there is a password file, a hook, or clients have certificates. */
  constructor(access: Access, hasUsers: boolean) {
    this.replace(access, hasUsers);
  }

  /** Grows with every `replace`. */
  get version(): number {
    return this.#version;
  }

  /** Those of the settings that hold now. */
  get tenants(): Tenants {
    return this.#tenants;
  }

  /** Other settings from now on, for clients that are connected too. */
  replace(access: Access, hasUsers: boolean): void {
    this.#rules = access.rules.map(({ users, clients, groups, publish, subscribe }) => ({
      users: new NamePatterns(users),
      clients: new NamePatterns(clients),
      groups: new NamePatterns(groups),
      publish: sorted(publish),
      subscribe: sorted(subscribe),
    }));
    this.#everything = access.rules.length === 0 && !hasUsers;
    this.#tenants = new Tenants(access.groups);
    this.#shared.clear();
    this.#version++;
  }

  authorityOf(subject: Subject): Authority {
    return new Authority(this, subject);
  }

  /** For Authority. */
  grantsOf(subject: Subject): Grants {
    const { user, clientId, group } = subject;
    const mount = this.#tenants.mountOf(group);
    const indexes: number[] = [];
    for (const [index, rule] of this.#rules.entries()) {
      if (!rule.users.matches(user) || !rule.clients.matches(clientId) || !rule.groups.matches(group))
        continue;
      indexes.push(index);
    }
    const inTenant = mount?.isNone === false;
    const expand = ({ templates }: Filters): string[] =>
      templates
        .map((template) => this.#expand(template, subject, inTenant))
        .filter((filter) => filter !== null);
    return {
      ...this.#sharedBy(indexes),
      everything: this.#everything && mount !== null,
      inTenant,
      ownPublish: setOf(indexes.flatMap((index) => expand(this.#rules[index].publish))),
      ownSubscribe: setOf(indexes.flatMap((index) => expand(this.#rules[index].subscribe))),
    };
  }

  #sharedBy(indexes: readonly number[]): SharedGrants {
    const key = indexes.join();
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    const shared = {
      publish: setOf(indexes.flatMap((index) => this.#rules[index].publish.plain)),
      subscribe: setOf(indexes.flatMap((index) => this.#rules[index].subscribe.plain)),
    };
    if (this.#shared.size >= SHARED_MAX) this.#shared.clear(); // who has one keeps it
    this.#shared.set(key, shared);
    return shared;
  }

  /** Null: it grants nothing. */
  #expand(template: string, { user, clientId, group }: Subject, inTenant: boolean): string | null {
    const values: Record<string, string> = { '{client}': clientId, '{user}': user, '{group}': group };
    const used = template.match(PLACEHOLDER) ?? [];
    if (!used.every((placeholder) => isPlaceholderValue(values[placeholder]))) return null;
    const filter = template.replace(PLACEHOLDER, (placeholder) => values[placeholder]);
    if (isSystem(filter) && !isSystem(template)) return null;
    const first = filter.slice(0, levelEnd(filter, 0));
    const isChosen = first !== template.slice(0, levelEnd(template, 0));
    return isChosen && !inTenant && this.#tenants.has(first) ? null : filter;
  }
}

function sorted(filters: readonly string[]): Filters {
  const isTemplate = (filter: string): boolean => filter.search(PLACEHOLDER) >= 0;
  return {
    plain: filters.filter((filter) => !isTemplate(filter)),
    templates: filters.filter(isTemplate),
  };
}

function setOf(filters: readonly string[]): FilterSet {
  return filters.length === 0 ? noFilters : new FilterSet(filters);
}
