// Names of groups where settings refer to them: a name that is mistyped would match nobody, and nobody would
// notice.

import { type Finding, problem } from './finding.ts';
import { nearestKey } from './schema/nearest-key.ts';
import { quoted } from './schema/problem.ts';
import type { Config } from './settings.ts';

/** The group of everybody who is in none. */
const defaultGroup = 'default';

type Groups = Pick<Config['access'], 'groups'>;

/** A finding for each of `names`, the list at `path`, that is no pattern and no group. */
export function groupProblem(path: string, names: readonly string[], access: Groups): Finding[] {
  return names.flatMap((name, index) =>
    name.includes('*') ? [] : unknownGroup(`${path}.${index}`, name, access),
  );
}

/** A finding when `name`, which stands at `path`, is no group. */
export function unknownGroup(path: string, name: string, { groups }: Groups): Finding[] {
  const known = [...Object.keys(groups), defaultGroup];
  if (known.includes(name)) return [];
  const near = nearestKey(name, known);
  return [
    problem([path, 'access.groups'], {
      message: `${quoted(name)} is not a group`,
      hint: near === undefined ? `The groups are: ${known.join(', ')}.` : `Did you mean ${near}?`,
    }),
  ];
}
