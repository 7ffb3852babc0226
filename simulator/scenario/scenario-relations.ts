// What must go together in a scenario, looked at once each setting by itself is good.

import type { Origin, Problem } from '../../config/schema/problem.ts';
import { payloadProblems } from '../payload/payload-problems.ts';
import { profileProblems } from '../profile/profile-problems.ts';
import { CLIENTS_MAX } from './scenario-bounds.ts';
import type { FaultSettings, Scenario } from './scenario-settings.ts';

interface Finding {
  path: string;
  message: string;
  hint: string;
}

export function scenarioRelations(scenario: Scenario, origins: ReadonlyMap<string, Origin>): Problem[] {
  const findings = [
    ...noDevices(scenario),
    ...tooMany(scenario),
    ...unknownGroups(scenario),
    ...unknownPhases(scenario),
    ...unknownDisturbed(scenario),
    ...cannotHarm(scenario),
    ...outsideItsPhase(scenario),
    ...badTemplates(scenario),
    ...badNames(scenario),
    ...groupProblems(scenario),
  ];
  return findings.map((finding) => ({ ...finding, ...originOf(finding.path, origins) }));
}

/** Of what is left to its default, where the part it belongs to is written. */
function originOf(path: string, origins: ReadonlyMap<string, Origin>): Origin | undefined {
  for (let part = path; part !== ''; part = part.slice(0, Math.max(0, part.lastIndexOf('.')))) {
    const origin = origins.get(part);
    if (origin !== undefined) return origin;
  }
  return undefined;
}

function noDevices({ groups }: Scenario): Finding[] {
  if (Object.keys(groups).length > 0) return [];
  return [{ path: 'groups', message: 'is empty', hint: 'Name at least one group of devices.' }];
}

function tooMany({ groups, mischief }: Scenario): Finding[] {
  const counts = [...Object.values(groups).map(({ devices }) => devices), ...mischief.map((m) => m.clients)];
  const clients = counts.reduce((sum, count) => sum + count, 0);
  if (clients <= CLIENTS_MAX) return [];
  const message = `has ${clients} devices and other clients, more than the ${CLIENTS_MAX} that a process can drive`;
  return [{ path: 'groups', message, hint: 'Take fewer, or several simulators.' }];
}

function* faultsOf(scenario: Scenario): Generator<{ path: string; fault: FaultSettings }> {
  for (const [p, { faults }] of scenario.timeline.entries())
    for (const [f, fault] of faults.entries()) yield { path: `timeline.${p}.faults.${f}`, fault };
}

function notThere(path: string, what: string, name: string, known: readonly string[]): Finding[] {
  if (known.includes(name)) return [];
  const hint = `There are ${known.join(', ')}.`;
  return [{ path, message: `names a ${what} that is not there: ${name}`, hint }];
}

function unknownGroups(scenario: Scenario): Finding[] {
  const known = Object.keys(scenario.groups);
  return [...faultsOf(scenario)].flatMap(({ path, fault }) =>
    ('groups' in fault ? fault.groups : []).flatMap((name) =>
      notThere(`${path}.groups`, 'group', name, known),
    ),
  );
}

function unknownPhases({ mischief, timeline }: Scenario): Finding[] {
  const known = timeline.map(({ name }) => name);
  return mischief.flatMap(({ phases }, i) =>
    phases.flatMap((name) => notThere(`mischief.${i}.phases`, 'phase', name, known)),
  );
}

function unknownDisturbed({ verdict, groups, timeline }: Scenario): Finding[] {
  const phases = timeline.map(({ name }) => name);
  return verdict.undisturbed.flatMap(({ group, quiet, during }, i) => {
    const path = `verdict.undisturbed.${i}`;
    const found = [
      ...notThere(`${path}.group`, 'group', group, Object.keys(groups)),
      ...notThere(`${path}.quiet`, 'phase', quiet, phases),
      ...notThere(`${path}.during`, 'phase', during, phases),
    ];
    if (found.length > 0 || groups[group]!.qos > 0) return found;
    const message = `names a group of QoS 0: ${group}`;
    return [{ path: `${path}.group`, message, hint: 'Only what is acknowledged can be judged.' }];
  });
}

function groupProblems({ groups }: Scenario): Finding[] {
  return Object.entries(groups).flatMap(([name, { profile, payload }]) => [
    ...below(`groups.${name}.profile`, profileProblems(profile)),
    ...below(`groups.${name}.payload`, payloadProblems(payload)),
  ]);
}

function below(path: string, problems: readonly Problem[]): Finding[] {
  return problems.map(({ path: inner, message, hint }) => ({ path: `${path}.${inner}`, message, hint }));
}

/** Harm can only be done to what the simulator has started. */
function cannotHarm(scenario: Scenario): Finding[] {
  const { system } = scenario;
  return [...faultsOf(scenario)].flatMap(({ path, fault: { type } }) => {
    const path_ = `${path}.type`;
    const isOurs = type === 'reconnect-storm' || type === 'rate' || type === 'silence';
    if (system.type === 'external' && !isOurs) {
      return [
        {
          path: path_,
          message: `${type} cannot be done to a system that runs already`,
          hint: 'Let the scenario start it (system.type: sluice), or put `sluice simulate proxy` into its link.',
        },
      ];
    }
    const disk = type === 'disk-full' ? 'tmpfs' : type === 'power-cut' ? 'power-cut' : undefined;
    if (disk === undefined || (system.type === 'sluice' && system.disk === disk)) return [];
    return [
      {
        path: path_,
        message: `${type} needs a gateway on a disk for it`,
        hint: `Set system.type: sluice, system.disk: ${disk}.`,
      },
    ];
  });
}

/** A fault that would not happen, or not as long or as often as written, would make a verdict that says nothing. */
function outsideItsPhase({ timeline }: Scenario): Finding[] {
  return timeline.flatMap(({ name, for: phaseMs, faults }, p) =>
    faults.flatMap((fault, f) => {
      const last = 'times' in fault ? fault.after + (fault.times - 1) * fault.every : fault.after;
      const end = 'for' in fault ? last + fault.for : last;
      const path = `timeline.${p}.faults.${f}`;
      const hint = `Lengthen the phase, or let the fault begin earlier.`;
      if (last >= phaseMs) return [{ path, message: `happens after its phase (${name}) is over`, hint }];
      return end > phaseMs ? [{ path, message: `lasts longer than its phase (${name})`, hint }] : [];
    }),
  );
}

/** Words in braces that stand for nothing, and topics that nobody may publish to (MQTT 5.0 4.7.1). */
function badTemplates({ groups }: Scenario): Finding[] {
  return Object.entries(groups).flatMap(([name, { clientId, topic, username }]) => {
    const unknown = (key: string, text: string, words: readonly string[]): Finding[] =>
      [...text.matchAll(/\{([^}]*)\}/g)]
        .filter(([, word]) => !words.includes(word as string))
        .map(([whole]) => ({
          path: `groups.${name}.${key}`,
          message: `has ${whole}, which stands for nothing`,
          hint: `Write ${words.map((word) => `{${word}}`).join(' or ')}.`,
        }));
    const own = ['index', 'group'];
    const wildcard = /[+#]/.test(topic)
      ? [
          {
            path: `groups.${name}.topic`,
            message: 'has a wildcard',
            hint: 'Publish to a topic without + and #.',
          },
        ]
      : [];
    return [
      ...unknown('clientId', clientId, own),
      ...unknown('topic', topic, [...own, 'client']),
      ...unknown('username', username, [...own, 'client']),
      ...wildcard,
    ];
  });
}

/** Names with which a gateway takes no connection or no message: MQTT 5.0 3.1.3.1, 4.7.3. */
function badNames({ groups }: Scenario): Finding[] {
  return Object.entries(groups).flatMap(([name, { clientId, topic, session }]) => {
    const found: Finding[] = [];
    if (clientId === '' && session === 'persistent')
      found.push({
        path: `groups.${name}.clientId`,
        message: 'is empty, and a session that is kept needs a name',
        hint: 'Name it, or set session: clean.',
      });
    if (topic === '')
      found.push({
        path: `groups.${name}.topic`,
        message: 'is empty',
        hint: 'Write a topic such as plant/{client}.',
      });
    return found;
  });
}
