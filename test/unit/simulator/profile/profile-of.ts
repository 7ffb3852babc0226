// Profile settings out of YAML, and the steps of one device, as the scenario makes them.

import { object } from '../../../../config/schema/field.ts';
import type { Problem } from '../../../../config/schema/problem.ts';
import { readSettings } from '../../../../config/schema/reader.ts';
import { parseYaml } from '../../../../config/schema/yaml-source.ts';
import { createProfile, type ProfileLinks } from '../../../../simulator/profile/create-profile.ts';
import type { Profile, ProfileStep } from '../../../../simulator/profile/profile.ts';
import { profileProblems } from '../../../../simulator/profile/profile-problems.ts';
import { type ProfileSettings, profileSettings } from '../../../../simulator/profile/profile-settings.ts';
import { seededRandom } from '../../../../simulator/seeded-random.ts';

const schema = object('A profile.', { profile: profileSettings });

/** `text` is what stands after `profile:`, as YAML in one line. */
export function readProfile(text: string): { settings: ProfileSettings; problems: readonly Problem[] } {
  const read = readSettings(schema, parseYaml(`profile: ${text}`).raw);
  const settings = (read.value as { profile: ProfileSettings }).profile;
  return { settings, problems: read.problems.length > 0 ? read.problems : profileProblems(settings) };
}

export function profileOf(text: string, seed = 1, links: ProfileLinks = {}): Profile {
  const { settings, problems } = readProfile(text);
  if (problems.length > 0) throw new Error(JSON.stringify(problems));
  return createProfile(settings, seededRandom(seed), links);
}

/** Its steps before `toMs`. */
export function stepsBefore(profile: Profile, toMs: number): ProfileStep[] {
  const steps: ProfileStep[] = [];
  for (let step = profile.next(); step !== undefined && step.atMs < toMs; step = profile.next())
    steps.push(step);
  return steps;
}

/** "connect 0", "publish 1000". */
export function written(steps: readonly ProfileStep[]): string[] {
  return steps.map(({ kind, atMs }) => `${kind} ${atMs}`);
}
