import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { loadConfig } from '../../../config/load.ts';
import type { Problem } from '../../../config/schema/problem.ts';
import type { Config } from '../../../config/settings.ts';
import { openAccess } from '../../support/gateway-settings.ts';

function configOf(text: string): Config {
  const result = loadConfig({ text, env: openAccess });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.config;
}

function problemsOf(text: string): readonly Problem[] {
  const result = loadConfig({ text, env: openAccess });
  return result.ok ? [] : result.problems;
}

function configFile(name: string): string {
  return new URL(`../../../config/${name}`, import.meta.url).pathname;
}

const directory = mkdtempSync(join(tmpdir(), 'sluice-config-'));
afterAll(() => rmSync(directory, { recursive: true }));

describe('defaults', () => {
  test('an empty file is the default configuration, every value in the unit its name ends with', () => {
    const config = configOf('');
    expect(config).toMatchObject({
      gateway: { id: '' },
      data: { dir: './data' },
      listeners: [{ type: 'tcp', host: '127.0.0.1', port: 1883, maxConnections: 10_000 }],
      lanes: [{ name: 'main', match: ['#'], priority: 'normal' }],
      commit: { lingerMs: 20, recordsMax: 16_384, bytesMax: 2_097_152 },
      sinks: {},
      upstream: { embedded: false, host: '127.0.0.1', port: 1884 },
      log: { level: 'info', format: 'auto' },
    });
    expect(config.mqtt.sessionExpiryMaxMs).toBe(30 * 86_400_000);
    expect(config.buffer.maxBytes).toBe(4 * 1024 ** 3);
  });

  test.each(['{}', '~', '# nothing\n', 'sinks:\nlisteners:\ncommit:\nlanes:\n', '\ufeffcommit: {}'])(
    '%j is the default configuration too',
    (text) => {
      expect(configOf(text)).toEqual(configOf(''));
    },
  );

  test('two loads share nothing that one of them could change', () => {
    expect(configOf('').lanes).not.toBe(configOf('').lanes);
  });

  test('a sink has every setting, and the topic of its format', () => {
    const { sinks } = configOf('sinks: {a: {type: mqtt}, b: {type: mqtt, format: each}}');
    expect(sinks.a).toMatchObject({
      type: 'mqtt',
      url: 'mqtt://127.0.0.1:1884',
      topic: 'sluice/{gateway}/{lane}',
      qos: 1,
      protocolVersion: 5,
      batch: { maxBytes: 262_144, maxMessages: 20_000, lingerMs: 100 },
      reconnect: { minMs: 500, maxMs: 60_000, stableAfterMs: 30_000 },
      commands: [],
      tls: { ca: '', cert: '', key: '', rejectUnauthorized: true },
    });
    expect(sinks.b?.topic).toBe('{topic}');
  });
});

describe('values', () => {
  test.each([
    ['commit: {lingerMs: 5}', 5],
    ['commit: {lingerMs: "5"}', 5],
    ['commit: {lingerMs: 5ms}', 5],
    ['commit: {lingerMs: 0.5s}', 500],
    ['commit: {lingerMs: 0x10}', 16],
    ['commit: {lingerMs: 1e2}', 100],
    ['commit: {lingerMs: -0}', 0],
  ])('%s is %d ms', (text, expected) => {
    expect(configOf(text).commit.lingerMs).toBe(expected);
  });

  test.each([
    ['commit: {lingerMs: 2s}', 'commit.lingerMs', '"2s" is more than 1s'],
    ['commit: {lingerMs: 1e300}', 'commit.lingerMs', '1e300 is more than 1s'],
    ['commit: {lingerMs: -1}', 'commit.lingerMs', '-1 is less than 0ms'],
    ['commit: {lingerMs: 0.5}', 'commit.lingerMs', '0.5 is not a time in whole milliseconds'],
    ['commit: {lingerMs: .nan}', 'commit.lingerMs', '.nan is not a time in whole milliseconds'],
    ['commit: {lingerMs: .inf}', 'commit.lingerMs', '.inf is not a time in whole milliseconds'],
    ['commit: {lingerMs: 5 parsecs}', 'commit.lingerMs', '"5 parsecs" is not a time in whole milliseconds'],
    ['commit: {lingerMs: true}', 'commit.lingerMs', 'true is not a time in whole milliseconds'],
    ['commit: {lingerMs: [5]}', 'commit.lingerMs', 'is a list, not a single value'],
    ['commit: {lingerMs: {ms: 5}}', 'commit.lingerMs', 'is a map, not a single value'],
    ['commit: {lingerMs: }', 'commit.lingerMs', 'has no value'],
    ['commit: {bytesMax: 64K}', 'commit.bytesMax', '"64K" is not a size in whole bytes'],
    ['commit: {bytesMax: 1TB}', 'commit.bytesMax', '"1TB" is more than 16MiB'],
    ['commit: {recordsMax: "400"}', 'commit.recordsMax', '"400" is not a whole number'],
    ['commit: {recordsMax: 400.5}', 'commit.recordsMax', '400.5 is not a whole number'],
    ['commit: {recordsMax: 255}', 'commit.recordsMax', '255 is less than 256'],
    [
      'commit: {recordsMax: 99999999999999999999}',
      'commit.recordsMax',
      '99999999999999999999 is more than 65535',
    ],
    ['commit: 5', 'commit', 'is not a map of settings'],
    ['commit: [1]', 'commit', 'is not a map of settings'],
    ['lanes: {a: 1}', 'lanes', 'is not a list'],
    ['listeners: []', 'listeners', 'has 0 entries'],
    ['listeners: [5]', 'listeners.0', 'is not a map of settings'],
    ['listeners: [{port: 1}]', 'listeners.0.type', 'is missing'],
    ['listeners: [{type: udp}]', 'listeners.0.type', '"udp" is not a known type'],
    ['listeners: [{type: [tcp]}]', 'listeners.0.type', 'a list is not a known type'],
    ['listeners: [{type: constructor}]', 'listeners.0.type', '"constructor" is not a known type'],
    ['listeners: [{type: ws, path: mqtt}]', 'listeners.0.path', '"mqtt" does not have the right form'],
    ['sinks: [a]', 'sinks', 'is not a map'],
    ['sinks: {Up: {type: mqtt}}', 'sinks.Up', '"Up" cannot be a name'],
    ['sinks: {__proto__: {type: mqtt}}', 'sinks.__proto__', '"__proto__" cannot be a name'],
    [
      'sinks: {a: {type: mqtt, url: "http://x"}}',
      'sinks.a.url',
      '"http://x" has a scheme that cannot be used here',
    ],
    ['sinks: {a: {type: mqtt, url: "mqtt://"}}', 'sinks.a.url', '"mqtt://" is not a URL'],
    ['sinks: {a: {type: mqtt, url: "mqtt:x"}}', 'sinks.a.url', '"mqtt:x" is not a URL'],
    ['sinks: {a: {type: mqtt, url: "mqtt://x:99999"}}', 'sinks.a.url', '"mqtt://x:99999" is not a URL'],
    ['sinks: {a: {type: mqtt, url: 5}}', 'sinks.a.url', '"5" is not a URL'],
    ['sinks: {a: {type: mqtt, qos: 0}}', 'sinks.a.qos', '0 is not one of its values'],
    ['sinks: {a: {type: mqtt, qos: "1"}}', 'sinks.a.qos', '"1" is not one of its values'],
    ['sinks: {a: {type: mqtt, username: 12}}', 'sinks.a.username', '12 is not text'],
    [
      'sinks: {a: {type: mqtt, username: "a\\nb"}}',
      'sinks.a.username',
      '"a\\nb" has a control character or a line break',
    ],
    ['sinks: {a: {type: mqtt, commands: [{}]}}', 'sinks.a.commands.0.filter', 'is missing'],
    ['upstream: {embedded: yes}', 'upstream.embedded', '"yes" is neither true nor false'],
    ['upstream: {embedded: 1}', 'upstream.embedded', '1 is neither true nor false'],
    ['gateway: {id: "a b"}', 'gateway.id', '"a b" does not have the right form'],
    ['gateway: {id: 7}', 'gateway.id', '7 is not text'],
    ['data: {dir: ""}', 'data.dir', '"" does not have the right form'],
    ['data: {dir: "\\ud800"}', 'data.dir', '"\ufffd" is not valid Unicode'],
    [
      'lanes: [{name: main, match: ["a/#/b", "#"]}]',
      'lanes.0.match.0',
      '"a/#/b" has \'#\' before its last level',
    ],
    ['log: {level: inof}', 'log.level', '"inof" is not one of its values'],
    ['hello', '', 'the file is not a map of settings'],
    ['- a', '', 'the file is not a map of settings'],
  ])('%s is one problem', (text, path, message) => {
    expect(problemsOf(text)).toEqual([expect.objectContaining({ path, message, line: 1 })]);
  });

  test('a hint says what would be right', () => {
    expect(problemsOf('commit: {lingerMs: 2s}')[0]?.hint).toBe(
      'Write a time from 0ms to 1s, in ms, s, m, h or d.',
    );
    expect(problemsOf('log: {level: inof}')[0]?.hint).toBe(
      'Did you mean info? Write trace, debug, info, warn or error.',
    );
    expect(problemsOf('gateway: {id: 7}')[0]?.hint).toBe('Put it in quotes if it is meant as text.');
  });

  test('lists longer than their limit are refused, as are maps', () => {
    const many = Array.from({ length: 17 }, (_, index) => index);
    const listeners = many.map((index) => ({ type: 'tcp', port: 2000 + index }));
    const sinks = Object.fromEntries(many.map((index) => [`s${index}`, { type: 'mqtt' }]));
    const problems = problemsOf(stringify({ listeners, sinks }));
    expect(problems.map(({ path, message }) => `${path} ${message}`)).toEqual([
      'listeners has 17 entries',
      'sinks has 17 entries',
    ]);
  });
});

describe('secrets', () => {
  test.each([
    'password: 12345678',
    'password: "12345678\\n"',
    'password: [12345678]',
    'password: {12345678: 1}',
    'url: "mqtt://user:12345678@host"',
    'url: "http://user:12345678@host"',
    'url: "wss://host/?token=12345678#x"',
    'url: "12345678@host"',
  ])('a problem with %s does not repeat the secret', (line) => {
    const problems = problemsOf(`sinks: {a: {type: mqtt, ${line}}}`);
    const values = problems.filter(({ path }) => !path.endsWith('12345678'));
    expect(problems.length).toBeGreaterThan(0);
    expect(JSON.stringify(values)).not.toContain('12345678');
  });
});

test('the hook may not have a user name and password in its URL, and they are not repeated', () => {
  const problems = problemsOf('access: {hook: {url: "https://user:12345678@host/"}}');
  expect(problems).toEqual([
    expect.objectContaining({
      path: 'access.hook.url',
      message: 'the URL holds a user name or password',
      hint: expect.stringContaining('?key='),
    }),
  ]);
  expect(JSON.stringify(problems)).not.toContain('12345678');
});

describe('unknown keys', () => {
  test.each([
    ['commt: {}', 'commt', 'Did you mean commit?'],
    [
      'commit: {maxBytes: 1MiB}',
      'commit.maxBytes',
      'Did you mean bytesMax? There is buffer.maxBytes or sinks.<name>.batch.maxBytes.',
    ],
    ['lingerMs: 5', 'lingerMs', 'There is commit.lingerMs or sinks.<name>.batch.lingerMs.'],
    [
      'listeners: [{type: tcp, path: /x}]',
      'listeners.0.path',
      'There is listeners[].path with type ws or wss.',
    ],
    ['commit: {colour: red}', 'commit.colour', 'Known here: lingerMs, recordsMax, bytesMax.'],
    ['commit: {__proto__: {lingerMs: 5}}', 'commit.__proto__', 'Known here: lingerMs, recordsMax, bytesMax.'],
    ['log: {constructor: 1}', 'log.constructor', 'Known here: level, format.'],
    [
      '"a b": 1',
      '"a b"',
      'Known here: gateway, data, listeners, access, quotas, pressure, mqtt, sessions, lanes, commit, buffer, sinks, upstream, log.',
    ],
  ])('%s is refused, and the hint helps', (text, path, hint) => {
    expect(problemsOf(text)).toEqual([
      { path, message: 'is not a known setting', hint, line: 1, column: expect.any(Number) },
    ]);
  });
});

test('every problem is reported at once, in the order of the file', () => {
  const text = [
    'commit: {lingerMs: 5s, foo: 1}',
    'listeners:',
    '  - {type: tcp, port: 70000}',
    '  - {type: ws, port: 1884}',
    '  - {type: tcp, port: 1884}',
    'lanes: [{name: only, match: ["a/b"]}]',
    'buffer: {maxBytes: 1}',
    'commit: {}',
    'sinks: {c: {type: mqtt, lanes: [nope], qos: 3}}',
  ].join('\n');
  expect(problemsOf(text).map(({ line, path }) => `${line} ${path}`)).toEqual([
    '1 commit.lingerMs',
    '1 commit.foo',
    '3 listeners.0.port',
    '5 listeners.2.port',
    '6 lanes.0.match',
    '7 buffer.maxBytes',
    '8 commit',
    '9 sinks.c.lanes.0',
    '9 sinks.c.qos',
  ]);
});

test('a file that lets nobody in is refused, and the ways in are named', () => {
  expect(loadConfig({ text: 'sinks: {a: {type: mqtt}}', env: {} })).toEqual({
    ok: false,
    problems: [
      {
        path: 'access.anonymous',
        message: 'is false, and there is no other way in: nobody could connect',
        hint: expect.stringMatching(
          /access\.usersFile.*sluice passwd.*access\.hook\.url.*clientCertificates.*access\.anonymous: true/,
        ),
      },
    ],
  });
});

test('a rule between settings stays silent about a value that was refused already', () => {
  // commit.bytesMax falls back to 2MiB, for which this buffer would be large enough or not: nobody knows.
  expect(
    problemsOf('mqtt: {packetBytesMax: 4MiB}\ncommit: {bytesMax: lots}').map(({ path }) => path),
  ).toEqual(['commit.bytesMax']);
});

describe('files', () => {
  test('default.yaml is good, without warnings', () => {
    const file = configFile('default.yaml');
    expect(loadConfig({ file, env: {} })).toMatchObject({ ok: true, warnings: [], sources: [file] });
  });

  test('example.yaml is good, with the one warning that it speaks of', () => {
    const result = loadConfig({ file: configFile('example.yaml'), env: {} });
    expect(result).toMatchObject({
      ok: true,
      warnings: [{ path: 'listeners.1.host', message: 'passwords come to 10.20.0.1 unencrypted' }],
    });
  });

  test('default.yaml forwards to the embedded upstream it turns on', () => {
    const result = loadConfig({ file: configFile('default.yaml'), env: {} });
    if (!result.ok) throw new Error('default.yaml is bad');
    const { upstream, sinks } = result.config;
    expect(upstream.embedded).toBe(true);
    expect(sinks.cloud?.url).toBe(`mqtt://${upstream.host}:${upstream.port}`);
  });

  test.each([
    ['that does not exist', join(directory, 'none.yaml'), 'there is no such file'],
    ['below a file', `${configFile('default.yaml')}/x`, 'there is no such file'],
    ['that is a directory', directory, 'is a directory, not a file'],
    ['that never ends', '/dev/zero', 'is larger than 256KiB'],
    ['with a NUL in its name', 'a\0b', 'could not be read'],
  ])('a file %s is one problem', (_, file, message) => {
    const result = loadConfig({ file, env: {} });
    expect(result).toMatchObject({
      ok: false,
      problems: [{ path: '', message: expect.stringContaining(message) }],
    });
  });

  test.skipIf(process.getuid?.() === 0)('a file that may not be read is one problem', () => {
    const file = join(directory, 'secret.yaml');
    writeFileSync(file, '');
    chmodSync(file, 0);
    expect(loadConfig({ file, env: {} })).toMatchObject({
      ok: false,
      problems: [{ message: 'may not be read' }],
    });
  });

  test('a file that is not UTF-8 is one problem', () => {
    const file = join(directory, 'latin1.yaml');
    writeFileSync(file, Buffer.from('gateway: {id: caf\xe9}', 'latin1'));
    expect(loadConfig({ file, env: {} })).toMatchObject({
      ok: false,
      problems: [{ message: 'is not UTF-8 text' }],
    });
  });

  test('a text that is too large is one problem', () => {
    expect(problemsOf('#'.repeat(300_000))).toMatchObject([{ message: 'is larger than 256KiB' }]);
  });
});
