import { describe, expect, test } from 'vitest';
import { fileLimits } from '../../../../config/limits.ts';
import type { Raw } from '../../../../config/schema/raw.ts';
import { parseYaml } from '../../../../config/schema/yaml-source.ts';

/** Raw settings as plain values, maps as lists of pairs. */
function plain(raw: Raw | undefined): unknown {
  if (raw === undefined) return undefined;
  if (raw.kind === 'scalar') return raw.value;
  if (raw.kind === 'list') return raw.items.map(plain);
  return [...raw.entries].map(([key, entry]) => [key, plain(entry.value)]);
}

function onlyProblem(text: string) {
  const { problems } = parseYaml(text);
  expect(problems).toHaveLength(1);
  return problems[0]!;
}

describe('values', () => {
  test('keep their type and their line', () => {
    const { raw, problems } = parseYaml('a: 1\nb:\n  - true\n  - "x"\nc: ~\n');
    expect(problems).toEqual([]);
    expect(plain(raw)).toEqual([
      ['a', 1],
      ['b', [true, 'x']],
      ['c', null],
    ]);
    const b = raw?.kind === 'map' ? raw.entries.get('b')?.value : undefined;
    expect(b?.kind === 'list' && b.items[1]?.origin).toEqual({ line: 4, column: 5 });
  });

  test('an alias stands for what it names', () => {
    expect(plain(parseYaml('a: &x [1, 2]\nb: *x\n').raw)).toEqual([
      ['a', [1, 2]],
      ['b', [1, 2]],
    ]);
  });

  test('an anchor used again names the later value', () => {
    expect(plain(parseYaml('a: &x 1\nb: *x\nc: &x 2\nd: *x\n').raw)).toEqual([
      ['a', 1],
      ['b', 1],
      ['c', 2],
      ['d', 2],
    ]);
  });

  test('two uses of an alias do not share their value', () => {
    const { raw } = parseYaml('a: &x {k: 1}\nb: *x\n');
    const [a, b] = raw?.kind === 'map' ? [...raw.entries.values()].map((entry) => entry.value) : [];
    expect(a).not.toBe(b);
    expect(plain(a)).toEqual(plain(b));
  });

  test('keys of prototypes are keys like any other', () => {
    expect(plain(parseYaml('__proto__: {a: 1}\nconstructor: 2\n').raw)).toEqual([
      ['__proto__', [['a', 1]]],
      ['constructor', 2],
    ]);
    expect(({} as Record<string, unknown>).a).toBeUndefined();
  });

  test('an empty text has no values and no problems', () => {
    expect(plain(parseYaml('').raw)).toBeNull();
    expect(parseYaml('# only a comment\n').problems).toEqual([]);
  });
});

describe('text that is not good YAML', () => {
  test.each([
    ['a tab as indentation', 'a:\n\tb: 1\n', 'a tab is used as indentation', 2],
    ['two documents', 'a: 1\n---\nb: 2\n', 'there is more than one document', 2],
    ['a quote that is not closed', 'a: "x\n', 'a colon, comma, quote, bracket or space is missing', 2],
    ['an unknown tag', 'a: 1\nb: !foo 1\n', 'the tag (!) is unknown', 2],
    ['a reserved character', 'a: 1\nb: @x\n', 'the text begins with a reserved character', 2],
    ['an alias without an anchor', 'a: 1\nb: *x\n', 'the alias (*) names no anchor', 2],
    ['a list as a key', 'a: 1\n? [x]\n: 1\n', 'a key is not a plain word', 2],
    ['an empty key', 'a: 1\n~: 1\n', 'a key is not a plain word', 2],
    ['binary data', 'a: 1\nb: !!binary aGk=\n', 'is not text, a number, true or false', 2],
  ])('%s is one problem with its line', (_, text, message, line) => {
    expect(onlyProblem(text)).toMatchObject({ message, line });
  });

  test('a key given twice is a problem that names both lines, and the first one counts', () => {
    const { raw, problems } = parseYaml('a:\n  k: 1\n  l: 2\n  k: 3\n');
    expect(problems).toMatchObject([{ path: 'a.k', message: 'is given twice, on lines 2 and 4', line: 4 }]);
    expect(plain(raw)).toEqual([
      [
        'a',
        [
          ['k', 1],
          ['l', 2],
        ],
      ],
    ]);
  });

  test.each([
    '*hunter2',
    '!hunter2',
    '@hunter2',
    '%hunter2',
    '"\\hunter2"',
    '"hunter2',
    '[hunter2',
    '{hunter2',
    '|hunter2',
  ])('a password that breaks the syntax, %s, is not repeated in the problem', (password) => {
    const { problems } = parseYaml(`sinks:\n  cloud:\n    password: ${password}\n`);
    expect(problems.length).toBeGreaterThan(0);
    expect(JSON.stringify(problems)).not.toContain('hunter2');
  });
});

describe('hostile text', () => {
  const bomb = (() => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
    for (let i = 1; i < 12; i++)
      lines.push(
        `a${i}: &a${i} [${Array(10)
          .fill(`*a${i - 1}`)
          .join(', ')}]`,
      );
    return lines.join('\n');
  })();

  test('aliases that multiply end as one problem, not as all the memory', () => {
    expect(onlyProblem(bomb).message).toBe(`has more than ${fileLimits.nodesMax} values`);
    expect(parseYaml(bomb).raw).toBeUndefined();
  });

  test.each([
    ['an alias inside its own anchor', 'a: &a [*a]'],
    ['brackets opened for ever', '['.repeat(20_000)],
    ['brackets within brackets', `${'['.repeat(3000)}${']'.repeat(3000)}`],
    ['maps within maps', `a: ${'{a: '.repeat(200)}1${'}'.repeat(200)}`],
    ['dashes within dashes', `${'- '.repeat(20_000)}x`],
  ])('%s is one problem', (_, text) => {
    expect(onlyProblem(text).message).toBe('is nested too deeply');
  });
});
