import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const folders = ['config', 'storage', 'bridge', 'gateway', 'simulator'] as const;

/** Who may import whom: design, "Folders". */
const mayImport: Record<(typeof folders)[number], readonly string[]> = {
  config: ['config'],
  storage: ['storage', 'config'],
  bridge: ['bridge', 'config', 'storage'],
  gateway: ['gateway', 'config', 'storage', 'bridge', 'simulator'],
  simulator: ['simulator', 'config'],
};
/** `sluice demo` and `sluice simulate` start the simulator; nothing else of the gateway may know it. */
const simulatorImporters = [
  'gateway/commands/demo.ts',
  'gateway/commands/demo-arrivals.ts',
  'gateway/commands/proxy-arguments.ts',
  'gateway/commands/simulate.ts',
  'gateway/commands/simulate-proxy.ts',
  'gateway/commands/simulate-system.ts',
];

const LINES_MAX = 350;
const FUNCTION_LINES_MAX = 70;
/** Code is formatted to 110; comments have a little more. */
const COLUMNS_MAX = 120;

function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => path.endsWith('.ts') && statSync(join(root, path)).isFile());
}

const sources = folders.flatMap(filesBelow);
const textOf = new Map(sources.map((path) => [path, readFileSync(join(root, path), 'utf8')]));

function importsOf(path: string): string[] {
  const found = (textOf.get(path) ?? '').matchAll(/(?:^|\n)(?:import|export)\s[^;]*?from '(\.[^']+)'/g);
  return [...found].map(([, target]) => relative(root, resolve(root, dirname(path), target)));
}

/** Import statements that leave something at run time: type imports make no cycle. */
function runtimeImportsOf(path: string): string[] {
  const found = (textOf.get(path) ?? '').matchAll(
    /(?:^|\n)(?:import|export)\s(?!type\s)([^;]*?)from '(\.[^']+)'/g,
  );
  return [...found]
    .filter(([, names]) => !/^\{(\s*type\s[^,}]+,?)+\s*\}\s*$/.test(names.trim()))
    .map(([, , target]) => relative(root, resolve(root, dirname(path), target)));
}

describe('the tree', () => {
  test('there is something to look at', () => {
    expect(sources.length).toBeGreaterThan(80);
  });

  test('imports go one way: config <- storage <- bridge <- gateway, and the simulator stands alone', () => {
    const wrong = sources.flatMap((path) => {
      const folder = path.split('/')[0] as (typeof folders)[number];
      return importsOf(path)
        .filter((target) => !mayImport[folder].includes(target.split('/')[0]))
        .map((target) => `${path} imports ${target}`);
    });
    expect(wrong).toEqual([]);
  });

  test('only the commands that run it know the simulator', () => {
    const wrong = sources.filter(
      (path) =>
        path.startsWith('gateway/') &&
        !simulatorImporters.includes(path) &&
        importsOf(path).some((t) => t.startsWith('simulator/')),
    );
    expect(wrong).toEqual([]);
  });

  test('every relative import names a file that is there', () => {
    const wrong = sources.flatMap((path) =>
      importsOf(path)
        .filter((target) => !textOf.has(target))
        .map((target) => `${path} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  test('no two files import each other, directly or around', () => {
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (path: string, trail: string[]): void => {
      if (trail.includes(path)) cycles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
      if (trail.includes(path) || done.has(path)) return;
      for (const target of runtimeImportsOf(path)) visit(target, [...trail, path]);
      done.add(path);
    };
    for (const path of sources) visit(path, []);
    expect(cycles).toEqual([]);
  });

  test('only gateway/gateway.ts constructs the long-lived parts', () => {
    const parts = /new (Store|Bridge|SessionEngine|ClientHub|GroupCommit)\(/;
    // The simulator cannot import any of them; a `Store` there is the mqtt package's.
    const wrong = sources.filter(
      (path) =>
        path !== 'gateway/gateway.ts' && !path.startsWith('simulator/') && parts.test(textOf.get(path) ?? ''),
    );
    expect(wrong).toEqual([]);
  });

  test(`no file is longer than ${LINES_MAX} lines`, () => {
    const wrong = [...textOf]
      .filter(([, text]) => text.split('\n').length > LINES_MAX + 1)
      .map(([path]) => path);
    expect(wrong).toEqual([]);
  });

  test(`no line is longer than ${COLUMNS_MAX} columns`, () => {
    const wrong = [...textOf].flatMap(([path, text]) =>
      text
        .split('\n')
        .flatMap((line, i) =>
          line.length > COLUMNS_MAX && !/https?:\/\//.test(line) ? [`${path}:${i + 1}`] : [],
        ),
    );
    expect(wrong).toEqual([]);
  });

  test(`no function is longer than ${FUNCTION_LINES_MAX} lines`, () => {
    const wrong = [...textOf].flatMap(([path, text]) =>
      longFunctions(text).map((name) => `${path}: ${name}`),
    );
    expect(wrong).toEqual([]);
  });

  test('every file opens with a comment that says what it is', () => {
    const wrong = [...textOf].filter(([, text]) => !/^(#!.*\n)?\/\//.test(text)).map(([path]) => path);
    expect(wrong).toEqual([]);
  });
});

/** By indentation, which the formatter guarantees: a function ends where a brace stands at its own depth. */
function longFunctions(text: string): string[] {
  const lines = text.split('\n');
  return lines.flatMap((line, i) => {
    const start =
      /^(\s*)(?:export )?(?:async )?(?:override )?(?:private )?(?:static )?(?:function\*? )?([#\w]+)\(.*\{$/.exec(
        line,
      );
    if (start === null || /^\s*(if|for|while|switch|return|catch)\b/.test(line)) return [];
    const end = lines.findIndex((other, j) => j > i && other.startsWith(`${start[1]}}`));
    return end - i > FUNCTION_LINES_MAX ? [start[2]] : [];
  });
}
