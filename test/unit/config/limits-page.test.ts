import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { clientLimits } from '../../../config/limits.ts';
import { settingList } from '../../../config/schema/setting-list.ts';
import { settings } from '../../../config/settings.ts';
import { answerOf } from '../../../gateway/admission/connect-refusal.ts';
import type { ConnectRefusal } from '../../../gateway/admission/identity/identity.ts';
import { publishRefusalNames } from '../../../gateway/admission/publish-refusal.ts';
import { admitRefusals } from '../../../gateway/admission/quota/connection-limits.ts';
import { createAcceptCounters } from '../../../gateway/listener/accept-counters.ts';
import { createListenerCounters } from '../../../gateway/listener/listener-counters.ts';

const page = readFileSync(new URL('../../../docs/limits.md', import.meta.url), 'utf8');
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| (?:what|---) /.test(line))
  .map((line) => line.slice(2, -2).split(' | '));
const paths = new Set(settingList(settings).map(({ path }) => path.replaceAll('[]', '')));

/** What stands between backticks. */
function namesIn(texts: readonly string[]): string[] {
  return texts.flatMap((text) => [...text.matchAll(/`([^`]+)`/g)].map(([, name]) => name!));
}

function isCounter(name: string): boolean {
  const [place, ...rest] = name.split('.');
  const last = rest.at(-1)!;
  switch (place) {
    case 'counters':
      return Object.hasOwn(createListenerCounters(), last);
    case 'listeners':
      return Object.hasOwn(createAcceptCounters(), last);
    case 'admission':
      return isRefusal(rest[0]!, rest[1]);
    default:
      return place === 'dropped'; // a type, whose names are those that the tests in integration/hostile look at
  }
}

function isRefusal(kind: string, why: string | undefined): boolean {
  if (kind === 'refusedSubscribes') return why === undefined;
  if (kind === 'refusedPublishes') return why !== undefined && publishRefusalNames.includes(why);
  if (kind !== 'refusedConnections') return false;
  const isAdmit = (admitRefusals as readonly string[]).includes(why ?? '');
  return why === undefined || isAdmit || answerOf(why as ConnectRefusal) !== undefined;
}

test('docs/limits.md has five cells in every row: what, bound, default, what is beyond it, counter', () => {
  expect(rows.length).toBeGreaterThan(25);
  expect(rows.filter(({ length }) => length !== 5)).toEqual([]);
});

test('each bound in it is a setting, or a number of clientLimits', () => {
  const bounds = namesIn(rows.map(([, bound]) => bound!));
  expect(bounds.length).toBeGreaterThan(30);
  const unknown = bounds.filter((name) => !(paths.has(name) || Object.hasOwn(clientLimits, name)));
  expect(unknown).toEqual([]);
});

test('each number of clientLimits is in it', () => {
  const named = namesIn([page]);
  expect(Object.keys(clientLimits).filter((name) => !named.includes(name))).toEqual([]);
});

test('each counter in it is one', () => {
  const counters = namesIn(rows.map(([, , , , counter]) => counter!));
  expect(counters.length).toBeGreaterThan(20);
  expect(counters.filter((name) => !isCounter(name))).toEqual([]);
});
