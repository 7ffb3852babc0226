import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { referenceText } from '../../../../config/reference/reference.ts';
import { settingList } from '../../../../config/schema/setting-list.ts';
import { settings } from '../../../../config/settings.ts';
import { handWritten } from '../../../../config/write-settings.ts';

const root = new URL('../../../../', import.meta.url);
const file = readFileSync(new URL('docs/configuration.md', root), 'utf8');
const lines = file.split('\n');
const rows = lines.filter((line) => line.startsWith('| `'));

/** Cells of the rows of a setting. */
function cellsOf(path: string): string[][] {
  return rows
    .filter((row) => row.startsWith(`| \`${path}\``))
    .map((row) => row.slice(2, -2).split(/(?<!\\) \| /));
}

test('docs/configuration.md is what the settings and the texts beside them make it (npm run settings)', () => {
  expect(file).toBe(referenceText(handWritten()));
});

test('each text written by hand is the introduction or about a key of the file', () => {
  const names = [...handWritten().keys()];
  expect(names).toContain('intro');
  expect(names.filter((name) => name !== 'intro' && !Object.hasOwn(settings.fields, name))).toEqual([]);
});

describe('what is made from the schema', () => {
  const all = settingList(settings);
  const groups = all.filter(({ field }) => ['object', 'map', 'union'].includes(field.kind));

  test('has a row for every setting that holds a value, with its meaning', () => {
    const values = all.filter(
      ({ field }) => !groups.some((group) => group.field === field) && field.kind !== 'list',
    );
    expect(values.length).toBeGreaterThan(100);
    const missing = values.filter(
      ({ path, key, field }) =>
        !cellsOf(path).some(([, , , meaning]) => key === 'type' || meaning === field.help),
    );
    expect(missing.map(({ path }) => path)).toEqual([]);
  });

  test('says of each its values with units and range, and its default', () => {
    const [lingerMs] = cellsOf('commit.lingerMs');
    expect(lingerMs).toEqual([
      '`commit.lingerMs`',
      'time, 0ms to 1s',
      '`20ms`',
      'How long the first message of a commit waits for others.',
    ]);
    expect(cellsOf('quotas.gateway.messagesPerS')[0]?.slice(1, 3)).toEqual([
      'rate, 0/s to 10000000/s',
      '`0/s`',
    ]);
    expect(cellsOf('buffer.compression')[0]?.slice(1, 3)).toEqual(['`zstd`, `gzip` or `none`', '`zstd`']);
    expect(cellsOf('lanes[].match')[0]?.slice(1, 3)).toEqual([
      "list of 1 to 256: an MQTT topic filter such as 'plant/+/alarm/#'",
      'required',
    ]);
    expect(cellsOf('access.groups.<name>.clientIds')[0]?.[2]).toBe('`["*"]`');
  });

  test('tells types apart only where they differ', () => {
    expect(rows.filter((row) => row.startsWith('| `listeners[].')).map((row) => row.split(' | ')[0])).toEqual(
      [
        '| `listeners[].type`',
        '| `listeners[].host`',
        '| `listeners[].port` (tcp)',
        '| `listeners[].maxConnections`',
        '| `listeners[].port` (ws)',
        '| `listeners[].path` (ws, wss)',
        '| `listeners[].port` (tls)',
        '| `listeners[].certFile` (tls, wss)',
        '| `listeners[].keyFile` (tls, wss)',
        '| `listeners[].caFile` (tls, wss)',
        '| `listeners[].crlFile` (tls, wss)',
        '| `listeners[].clientCertificates` (tls, wss)',
        '| `listeners[].identity` (tls, wss)',
        '| `listeners[].port` (wss)',
      ],
    );
  });

  test('has a heading for every group of settings, with what it is about', () => {
    const headings = lines
      .filter((line) => line.startsWith('#'))
      .map((line) => line.replaceAll(/^#+ |`/g, ''));
    const missing = groups.filter(
      ({ path, field }) => !headings.includes(path) || !file.includes(field.help),
    );
    expect(missing.map(({ path }) => path)).toEqual([]);
  });

  test('is well-formed Markdown: four cells in every row', () => {
    for (const row of rows) expect(row.replaceAll('\\|', '').match(/\|/g)).toHaveLength(5);
  });
});

test('a link within the file leads to one of its headings, as GitHub names them', () => {
  const anchors = lines
    .filter((line) => /^#+ /.test(line))
    .map((line) =>
      line
        .replace(/^#+ /, '')
        .toLowerCase()
        .replaceAll(/[^a-z0-9 _-]/g, '')
        .replaceAll(' ', '-'),
    );
  const links = [...file.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor]) => anchor);
  expect(links.length).toBeGreaterThan(10);
  expect(links.filter((link) => !anchors.includes(link!))).toEqual([]);
});

test('settings that the texts name are there', () => {
  const all = settingList(settings);
  const known = new Set(all.flatMap(({ path, key }) => [path, key]));
  const values = new Set(all.flatMap(({ field }) => ('values' in field ? field.values.map(String) : [])));
  const named = [...handWritten().values()].flatMap((text) =>
    [...text.matchAll(/`([a-z][A-Za-z]*(?:\.[a-z][A-Za-z]*)*)`/g)].map(([, name]) => name!),
  );
  expect(named.length).toBeGreaterThan(40);
  // Names of what is no setting: units, the field of a hook's question, a tenant.
  const others = ['default', 'optional', 'acme', 'passwordBase64'];
  expect(named.filter((name) => !known.has(name) && !values.has(name) && !others.includes(name))).toEqual([]);
});
