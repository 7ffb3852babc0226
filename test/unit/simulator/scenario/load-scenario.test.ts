import { mkdirSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  type LoadedScenario,
  loadScenario,
  parseScenario,
} from '../../../../simulator/scenario/load-scenario.ts';
import { TemporaryDirectory } from '../../../support/temporary-directory.ts';

const GOOD = `
name: good
why: It is what it should be.
system: { type: sluice }
groups:
  meter:
    devices: 3
    profile: { type: fixed, rate: 1/s }
    payload: { type: bytes }
timeline:
  - { name: quiet, for: 1s }
`;

/** "line path: message", as they are found. */
function problemsOf(loaded: LoadedScenario): string[] {
  if (loaded.ok) return [];
  return loaded.problems.map(({ path, message, line }) => `${line ?? '-'} ${path}: ${message}`);
}

/** GOOD with one piece of it replaced. */
function problemsWith(piece: string, other: string): string[] {
  expect(GOOD).toContain(piece);
  return problemsOf(parseScenario(GOOD.replace(piece, other)));
}

describe('a scenario', () => {
  test('that is good is read, with its defaults', () => {
    const loaded = parseScenario(GOOD);
    expect(problemsOf(loaded)).toEqual([]);
    expect(loaded).toMatchObject({
      scenario: {
        name: 'good',
        seed: 1,
        sampleEvery: 1000,
        groups: { meter: { devices: 3, qos: 1, driver: 'faithful', window: 20 } },
        timeline: [{ name: 'quiet', for: 1000, rate: 1, faults: [] }],
        mischief: [],
        verdict: { loss: 0, reorder: 0 },
      },
    });
  });

  test('keeps its groups in the order in which they are written', () => {
    const names = ['zebra', 'ant', 'm-9', 'bee'];
    const group = '{devices: 1, profile: {type: flood}, payload: {type: bytes}}';
    const text = names.map((name) => `  ${name}: ${group}`).join('\n');
    const loaded = parseScenario(GOOD.replace(/groups:[\s\S]*timeline/, `groups:\n${text}\ntimeline`));
    expect(loaded.ok && Object.keys(loaded.scenario.groups)).toEqual(names);
  });

  test('tells every problem at once, each with its line', () => {
    const problems = problemsOf(
      parseScenario(`
name: not a name
why: It is wrong in many ways.
groups:
  meter:
    devices: none
    qqos: 1
    profile: { type: fixed, rate: fast }
    payload: { type: music }
timeline:
  - { name: quiet, for: 0s }
  - { name: loud, for: 1s, faults: [{ type: earthquake }] }
`),
    );
    expect(problems.map((text) => text.replace(/: .*/, ''))).toEqual([
      '2 name',
      '2 system.type',
      '7 groups.meter.qqos',
      '6 groups.meter.devices',
      '8 groups.meter.profile.rate',
      '9 groups.meter.payload.type',
      '11 timeline.0.for',
      '12 timeline.1.faults.0.type',
    ]);
  });

  test('that is no YAML is one problem with a line', () => {
    expect(problemsOf(parseScenario('name: [x'))).toEqual([expect.stringMatching(/^1 : /)]);
  });

  test('that is empty lacks what it must have', () => {
    const problems = problemsOf(parseScenario(''));
    expect(problems.length).toBeGreaterThan(0);
    expect(problemsOf(parseScenario('{}')).join()).toMatch(/timeline: is missing/);
  });

  test('that cannot be read says so, without a line', () => {
    const loaded = loadScenario('/does/not/exist.yaml');
    expect(problemsOf(loaded)).toEqual([expect.stringMatching(/^- : cannot be read: ENOENT/)]);
  });

  test('may last for weeks, but not longer than a timer can', () => {
    expect(problemsWith('for: 1s', 'for: 24d')).toEqual([]);
    expect(problemsWith('for: 1s', 'for: 25d')).toEqual([expect.stringMatching(/timeline\.0\.for/)]);
  });
});

describe('rules between settings', () => {
  test('there are devices', () => {
    expect(
      problemsWith(GOOD.slice(GOOD.indexOf('groups'), GOOD.indexOf('timeline')), 'groups: {}\n'),
    ).toEqual(['5 groups: is empty']);
  });

  test('there are not more of them than a process can drive, bad ones included', () => {
    const half = 'timeline:';
    const many = (clients: number) => `mischief: [{ type: malformed, clients: ${clients} }]\n${half}`;
    const more = GOOD.replace('devices: 3', 'devices: 100000').replace(half, many(100_000));
    expect(problemsOf(parseScenario(more))).toEqual([]);
    const other = GOOD.slice(GOOD.indexOf('  meter'), GOOD.indexOf(half)).replace('meter', 'other');
    expect(problemsOf(parseScenario(more.replace('mischief', `${other}mischief`)))).toEqual([
      '6 groups: has 200003 devices and other clients, more than the 200000 that a process can drive',
    ]);
  });

  test.each(['rate', 'reconnect-storm'])('%s names groups that are there', (type) => {
    expect(problemsWith('for: 1s', `for: 1s, faults: [{ type: ${type}, groups: [meter, metre] }]`)).toEqual([
      '11 timeline.0.faults.0.groups: names a group that is not there: metre',
    ]);
  });

  test('who must not feel what is a group that is there, in phases that are there', () => {
    const text = (group: string, during: string) =>
      `verdict:\n  undisturbed: [{ group: ${group}, quiet: quiet, during: ${during} }]\ntimeline:`;
    expect(problemsWith('timeline:', text('metre', 'loud'))).toEqual([
      '11 verdict.undisturbed.0.group: names a group that is not there: metre',
      '11 verdict.undisturbed.0.during: names a phase that is not there: loud',
    ]);
    expect(problemsWith('timeline:', text('meter', 'quiet'))).toEqual([]);
  });

  test('mischief names phases that are there', () => {
    const text = `mischief:\n  - { type: malformed }\n  - { type: half-open, phases: [quiet, loud] }\ntimeline:`;
    expect(problemsWith('timeline:', text)).toEqual([
      '12 mischief.1.phases: names a phase that is not there: loud',
    ]);
  });

  const EXTERNAL = '{ type: external, gateway: "mqtt://plant" }';

  test.each([
    'link-cut',
    'link-slow',
    'link-blackhole',
    'link-deaf',
    'link-freeze',
    'link-reset',
    'gateway-kill',
    'gateway-stop',
    'power-cut',
    'disk-full',
  ])('%s cannot be done to a system that runs already', (type) => {
    const text = GOOD.replace('{ type: sluice }', EXTERNAL).replace(
      'for: 1s',
      `for: 1s, faults: [{ type: ${type} }]`,
    );
    expect(problemsOf(parseScenario(text))).toEqual([
      `11 timeline.0.faults.0.type: ${type} cannot be done to a system that runs already`,
    ]);
  });

  test.each(['reconnect-storm', 'rate', 'silence'])(
    '%s can, because it is the devices that do it',
    (type) => {
      const text = GOOD.replace('{ type: sluice }', EXTERNAL).replace(
        'for: 1s',
        `for: 1s, faults: [{ type: ${type} }]`,
      );
      expect(problemsOf(parseScenario(text))).toEqual([]);
    },
  );

  test.each([
    ['disk-full', 'tmpfs'],
    ['power-cut', 'power-cut'],
  ])('%s needs a disk of type %s', (type, disk) => {
    const text = GOOD.replace('for: 1s', `for: 1s, faults: [{ type: ${type} }]`);
    expect(problemsOf(parseScenario(text))).toEqual([
      `11 timeline.0.faults.0.type: ${type} needs a gateway on a disk for it`,
    ]);
    const withDisk = text.replace('{ type: sluice }', `{ type: sluice, disk: ${disk} }`);
    expect(problemsOf(parseScenario(withDisk))).toEqual([]);
  });

  test('those of profiles and payloads are among them, below their group and with a line', () => {
    const text = GOOD.replace(
      '{ type: fixed, rate: 1/s }',
      '\n      type: duty-cycle\n      every: 1s',
    ).replace(
      '{ type: bytes }',
      '\n      type: json\n      fields:\n        heat: { type: walk, min: 5, max: 1 }',
    );
    // awake is left to its default of 2s: the line is that of the profile
    expect(problemsOf(parseScenario(text))).toEqual([
      expect.stringMatching(/^9 groups\.meter\.profile\.awake: .* too long for every/),
      expect.stringMatching(/^14 groups\.meter\.payload\.fields\.heat\.max: 1 is less than min/),
    ]);
  });

  test.each([
    ['clientId: ""', 'clientId: is empty, and a session that is kept needs a name'],
    ['topic: ""', 'topic: is empty'],
    ['topic: "plant/#"', 'topic: has a wildcard'],
  ])('a name that no gateway takes is refused: %s', (line, problem) => {
    expect(problemsWith('devices: 3', `${line}\n    devices: 3`)).toEqual([`7 groups.meter.${problem}`]);
  });

  test('a device without a name is one with a session of its own each time', () => {
    expect(problemsWith('devices: 3', 'clientId: ""\n    session: clean\n    devices: 3')).toEqual([]);
  });

  test('all of them are told at once', () => {
    const text = GOOD.replace(
      'timeline:',
      'mischief: [{ type: malformed, phases: [loud] }]\ntimeline:',
    ).replace('for: 1s', 'for: 1s, faults: [{ type: rate, groups: [x] }, { type: disk-full }]');
    expect(problemsOf(parseScenario(text)).map((problem) => problem.replace(/: .*/, ''))).toEqual([
      '12 timeline.0.faults.0.groups',
      '10 mischief.0.phases',
      '12 timeline.0.faults.1.type',
    ]);
  });
});

describe('files that a scenario names', () => {
  const FILES = GOOD.replace(
    '    profile: { type: fixed, rate: 1/s }\n    payload: { type: bytes }',
    [
      '    tls: { ca: certs/ca.pem, cert: /etc/device.pem }',
      '    profile: { type: replay, file: ../day.csv }',
      '    payload: { type: replay, file: /data/day.csv }',
    ].join('\n'),
  );

  test('are looked for beside it, wherever the simulator runs', () => {
    using directory = new TemporaryDirectory();
    mkdirSync(directory.file('plant'));
    writeFileSync(directory.file('plant/scenario.yaml'), FILES);
    const loaded = loadScenario(directory.file('plant/scenario.yaml'));
    expect(loaded).toMatchObject({
      ok: true,
      scenario: {
        groups: {
          meter: {
            tls: { ca: directory.file('plant/certs/ca.pem'), cert: '/etc/device.pem', key: '' },
            profile: { file: directory.file('day.csv') },
            payload: { file: '/data/day.csv' },
          },
        },
      },
    });
  });

  test('are looked for in the working directory when it is no file', () => {
    const loaded = parseScenario(FILES);
    expect(loaded).toMatchObject({
      scenario: { groups: { meter: { profile: { file: resolve('../day.csv') } } } },
    });
  });
});
