import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../../config/load.ts';
import type { Config } from '../../../config/settings.ts';
import { openAccess } from '../../support/gateway-settings.ts';

type Env = Record<string, string>;

function configOf(env: Env, text = ''): Config {
  const result = loadConfig({ text, env: { ...openAccess, ...env } });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.config;
}

function problemsOf(env: Env, text = '') {
  const result = loadConfig({ text, env: { ...openAccess, ...env } });
  return result.ok ? [] : result.problems;
}

describe('a variable overrides a setting', () => {
  test('whatever the case of its name, and with units', () => {
    expect(configOf({ SLUICE_COMMIT__LINGERMS: '5ms' }, 'commit: {lingerMs: 7ms}').commit.lingerMs).toBe(5);
    expect(configOf({ SLUICE_commit__lingerMs: '0.5s' }).commit.lingerMs).toBe(500);
  });

  test('and leaves its neighbours as the file has them', () => {
    const { commit } = configOf({ SLUICE_COMMIT__LINGERMS: '5' }, 'commit: {recordsMax: 400}');
    expect(commit).toMatchObject({ lingerMs: 5, recordsMax: 400 });
  });

  test('of every type: text, number, truth, one of several', () => {
    const config = configOf({
      SLUICE_GATEWAY__ID: '007',
      SLUICE_COMMIT__RECORDSMAX: '400',
      SLUICE_UPSTREAM__EMBEDDED: 'TRUE',
      SLUICE_LOG__LEVEL: 'warn',
      SLUICE_BUFFER__MAXBYTES: '1GiB',
    });
    expect(config).toMatchObject({
      gateway: { id: '007' },
      commit: { recordsMax: 400 },
      upstream: { embedded: true },
      log: { level: 'warn' },
      buffer: { maxBytes: 1024 ** 3 },
    });
  });

  test('a password stays the text it is, whatever it looks like', () => {
    for (const password of ['12345', 'true', '~', ' x ', '*x', '{', "it's"]) {
      const env = { SLUICE_SINKS__CLOUD__PASSWORD: password };
      expect(configOf(env, 'sinks: {cloud: {type: mqtt}}').sinks.cloud?.password).toBe(password);
    }
  });

  test('in a list by its number, in the default list as well', () => {
    expect(configOf({ SLUICE_LISTENERS__0__PORT: '1999' }).listeners).toEqual([
      { type: 'tcp', host: '127.0.0.1', port: 1999, maxConnections: 10_000 },
    ]);
    const text = 'listeners: [{type: tcp}, {type: ws}]';
    expect(configOf({ SLUICE_LISTENERS__1__PATH: '/x' }, text).listeners[1]).toMatchObject({ path: '/x' });
  });

  test('adding an entry at the end of a list', () => {
    const env = { SLUICE_LISTENERS__1__TYPE: 'ws', SLUICE_LISTENERS__1__PORT: '9001' };
    expect(configOf(env).listeners).toMatchObject([
      { type: 'tcp' },
      { type: 'ws', port: 9001, path: '/mqtt' },
    ]);
  });

  test('in a map by its name, a single underscore standing for a dash', () => {
    const text = 'sinks: {cloud: {type: mqtt}, control-room: {type: mqtt}}';
    const env = { SLUICE_SINKS__CONTROL_ROOM__QOS: '2', SLUICE_SINKS__CONTROL_ROOM__BATCH__LINGERMS: '1s' };
    const { sinks } = configOf(env, text);
    expect(sinks['control-room']).toMatchObject({ qos: 2, batch: { lingerMs: 1000 } });
    expect(sinks.cloud).toMatchObject({ qos: 1, batch: { lingerMs: 100 } });
  });

  test('adding an entry to a map', () => {
    const env = { SLUICE_SINKS__CLOUD__TYPE: 'mqtt', SLUICE_SINKS__CLOUD__PROTOCOLVERSION: '4' };
    expect(configOf(env).sinks.cloud).toMatchObject({ type: 'mqtt', protocolVersion: 4 });
  });

  test('a whole list or map as YAML in one line, and then a part of it', () => {
    const env = {
      SLUICE_LANES: '[{name: a, match: [x]}, {name: b, match: ["#"]}]',
      SLUICE_LANES__0__NAME: 'first',
      SLUICE_SINKS: '{c: {type: mqtt, lanes: [first]}}',
    };
    const config = configOf(env);
    expect(config.lanes.map((lane) => lane.name)).toEqual(['first', 'b']);
    expect(config.sinks.c?.lanes).toEqual(['first']);
  });

  test('without changing what an alias in the file shares', () => {
    const text = 'sinks: {a: &s {type: mqtt}, b: *s}';
    const { sinks } = configOf({ SLUICE_SINKS__A__QOS: '2' }, text);
    expect([sinks.a?.qos, sinks.b?.qos]).toEqual([2, 1]);
  });

  test('and is named among the sources', () => {
    const env = { SLUICE_LOG__LEVEL: 'warn', SLUICE_COMMIT__LINGERMS: '5', HOME: '/root' };
    expect(loadConfig({ text: 'access: {anonymous: true}', env })).toMatchObject({
      ok: true,
      sources: ['SLUICE_COMMIT__LINGERMS', 'SLUICE_LOG__LEVEL'],
    });
  });
});

test('other variables, and the one that names the file, are ignored', () => {
  const env = { SLUICE_CONFIG: '/etc/sluice.yaml', PATH: '/bin', SLUICEX: '1', sluice_commit__lingerms: '5' };
  expect(configOf(env)).toEqual(configOf({}));
});

describe('a variable that is wrong', () => {
  test.each([
    ['SLUICE_COMIT__LINGERMS', 'Did you mean SLUICE_COMMIT__LINGERMS?'],
    ['SLUICE_COMMIT__LINGER', 'Did you mean SLUICE_COMMIT__LINGERMS?'],
    ['SLUICE_COMMIT_LINGERMS', 'Did you mean SLUICE_COMMIT__LINGERMS?'],
    [
      'SLUICE_FOO',
      'Parts are separated by two underscores, as in SLUICE_COMMIT__LINGERMS for commit.lingerMs.',
    ],
    ['SLUICE_', 'Parts are separated by two underscores, as in SLUICE_COMMIT__LINGERMS for commit.lingerMs.'],
    [
      'SLUICE___PROTO____X',
      'Parts are separated by two underscores, as in SLUICE_COMMIT__LINGERMS for commit.lingerMs.',
    ],
    ['SLUICE_COMMIT__LINGERMS__X', 'Did you mean SLUICE_COMMIT__LINGERMS?'],
  ])('%s names no setting, and the hint helps', (variable, hint) => {
    expect(problemsOf({ [variable]: '1' })).toMatchObject([{ message: 'names no setting', hint, variable }]);
  });

  test.each([
    [{ SLUICE_COMMIT__LINGERMS: '2s' }, 'commit.lingerMs', '"2s" is more than 1s'],
    [{ SLUICE_COMMIT__LINGERMS: '' }, 'commit.lingerMs', '"" is not a time in whole milliseconds'],
    [{ SLUICE_COMMIT__RECORDSMAX: '4e2' }, 'commit.recordsMax', '"4e2" is not a whole number'],
    [{ SLUICE_UPSTREAM__EMBEDDED: 'yes' }, 'upstream.embedded', '"yes" is neither true nor false'],
    [{ SLUICE_LOG__LEVEL: 'loud' }, 'log.level', '"loud" is not one of its values'],
    [{ SLUICE_LISTENERS__2__PORT: '1' }, 'listeners', '2 is not a place in a list of 1'],
    [{ SLUICE_LISTENERS__X__PORT: '1' }, 'listeners', 'X is not a place in a list of 1'],
    [{ SLUICE_LISTENERS__0__PATH: '/x' }, 'listeners.0.path', 'is not a known setting'],
    [{ SLUICE_LANES: '[' }, 'lanes', 'a colon, comma, quote, bracket or space is missing'],
    [{ SLUICE_LANES: 'main' }, 'lanes', 'is not a list'],
    [{ SLUICE_SINKS__A__URL: 'mqtt://x' }, 'sinks.a.type', 'is missing'],
  ])('%j is one problem that names the variable', (env, path, message) => {
    const [variable] = Object.keys(env);
    expect(problemsOf(env as Env)).toEqual([expect.objectContaining({ path, message, variable })]);
  });

  test('two spellings for one setting are refused', () => {
    const env = { SLUICE_LOG__LEVEL: 'info', SLUICE_Log__Level: 'warn' };
    expect(problemsOf(env)).toMatchObject([
      { path: 'log.level', message: 'is also set by SLUICE_LOG__LEVEL' },
    ]);
  });

  test('a secret in it is not repeated', () => {
    const env = { SLUICE_SINKS__A__TYPE: 'mqtt', SLUICE_SINKS__A__PASSWORD: 'hunter2\n' };
    const problems = problemsOf(env);
    expect(problems).toHaveLength(1);
    expect(JSON.stringify(problems)).not.toContain('hunter2');
  });

  test('problems of the file and of the environment are reported together', () => {
    const problems = problemsOf({ SLUICE_LOG__LEVEL: 'loud', SLUICE_FOO: '1' }, 'commit: {lingerMs: x}');
    expect(problems.map(({ path, variable }) => path || variable)).toEqual([
      'commit.lingerMs',
      'SLUICE_FOO',
      'log.level',
    ]);
  });

  test('something of the wrong kind in the file is reported as that, not as a wrong variable', () => {
    expect(problemsOf({ SLUICE_COMMIT__LINGERMS: '5' }, 'commit: 7')).toMatchObject([
      { path: 'commit', message: 'is not a map of settings', line: 1 },
    ]);
  });
});
