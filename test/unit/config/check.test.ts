import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { describeConfig, renderProblems } from '../../../config/check.ts';
import { loadConfig } from '../../../config/load.ts';
import { settingList } from '../../../config/schema/setting-list.ts';
import { type Config, settings } from '../../../config/settings.ts';
import { openAccess } from '../../support/gateway-settings.ts';

function configOf(text: string): Config {
  const result = loadConfig({ text, env: openAccess });
  if (!result.ok) throw new Error(renderProblems(result.problems));
  return result.config;
}

/** Paths of the settings that `text` does not give a value, in no entry of their list or map. */
function missingFrom(text: string): string[] {
  return settingList(settings)
    .map(({ path }) => path)
    .filter((path) => {
      let found: unknown[] = [parse(text)];
      for (const part of path.replaceAll('[]', '.[]').split('.')) {
        const each = part === '[]' || part.startsWith('<');
        found = found.flatMap((value) => {
          if (typeof value !== 'object' || value === null) return [];
          if (each) return Object.values(value);
          return Object.hasOwn(value, part) ? [(value as Record<string, unknown>)[part]] : [];
        });
      }
      return found.length === 0;
    });
}

const example = readFileSync(new URL('../../../config/example.yaml', import.meta.url), 'utf8');

describe('problems in print', () => {
  test('say where, what, and what to do, one line each', () => {
    const result = loadConfig({
      text: 'commit:\n  lingerMs: 5s\n  foo: 1\n',
      env: { ...openAccess, SLUICE_LOG__LEVEL: 'loud' },
    });
    expect(!result.ok && renderProblems(result.problems, 'my.yaml').split('\n')).toEqual([
      'my.yaml:2:13 commit.lingerMs: "5s" is more than 1s. Write a time from 0ms to 1s, in ms, s, m, h or d.',
      'my.yaml:3:3 commit.foo: is not a known setting. Known here: lingerMs, recordsMax, bytesMax.',
      'SLUICE_LOG__LEVEL log.level: "loud" is not one of its values. Write trace, debug, info, warn or error.',
    ]);
  });

  test('of the whole file name the file', () => {
    const problems = [{ path: '', message: 'there is no such file', hint: 'Name one.' }];
    expect(renderProblems(problems, 'x.yaml')).toBe('x.yaml: there is no such file. Name one.');
    expect(renderProblems(problems)).toBe('there is no such file. Name one.');
  });

  test('stay on one line and leave the terminal alone, whatever the file holds', () => {
    const evil = '"a\\nb\\e[2J": 1\nlog: {level: "x\\r\\ny\\e[31m\\u2028"}';
    const result = loadConfig({ text: evil, env: openAccess });
    const text = result.ok ? '' : renderProblems(result.problems, 'evil\n\x1b[2Jname.yaml');
    expect(text.split('\n')).toHaveLength(2);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    expect(text.replaceAll('\n', '')).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028]/);
  });

  test('are nothing when there are none', () => {
    expect(renderProblems([], 'x.yaml')).toBe('');
  });
});

describe('the effective configuration in print', () => {
  test('is a configuration file that means the same', () => {
    const config = configOf(example.replace(/password: .*/, ''));
    expect(configOf(describeConfig(config))).toEqual(config);
  });

  test('shows defaults, with units', () => {
    const printed = parse(describeConfig(configOf('sinks: {a: {type: mqtt}}')));
    expect(printed).toMatchObject({
      commit: { lingerMs: '20ms', bytesMax: '2MiB' },
      mqtt: { sessionExpiryMaxMs: '30d' },
      listeners: [{ type: 'tcp', port: 1883 }],
      sinks: { a: { topic: 'sluice/{gateway}/{lane}', reconnect: { maxMs: '1m' } } },
    });
  });

  test('has every setting', () => {
    expect(missingFrom(describeConfig(configOf(example)))).toEqual([]);
  });

  test('has no secret', () => {
    const sink = 'sinks: {a: {type: mqtt, url: "wss://h/?token=hunter2", username: u, password: hunter2}}';
    const printed = describeConfig(configOf(sink));
    expect(printed).not.toContain('hunter2');
    expect(parse(printed).sinks.a).toMatchObject({
      url: 'wss://h/?********',
      username: 'u',
      password: '********',
    });
    expect(parse(describeConfig(configOf('sinks: {a: {type: mqtt}}'))).sinks.a.password).toBe('');
  });

  test('does not have the key in the URL of the hook', () => {
    const printed = describeConfig(configOf('access: {hook: {url: "https://h:8443/sign-in?key=hunter2"}}'));
    expect(printed).not.toContain('hunter2');
    expect(parse(printed).access.hook.url).toBe('https://h:8443/sign-in?********');
    expect(parse(describeConfig(configOf(''))).access.hook.url).toBe('');
  });
});

test('example.yaml shows every setting, those of every key of the file', () => {
  expect(Object.keys(parse(example))).toEqual(Object.keys(settings.fields));
  expect(missingFrom(example)).toEqual([]);
  expect(missingFrom('commit: {lingerMs: 5ms}')).toContain('sinks.<name>.batch.lingerMs');
});
