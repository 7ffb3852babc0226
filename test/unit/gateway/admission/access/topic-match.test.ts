import { describe, expect, test } from 'vitest';
import { FilterSet } from '../../../../../gateway/admission/access/filter-set.ts';
import { covers, matches } from '../../../../../gateway/admission/access/topic-match.ts';
import { seededRandom } from '../../../storage/sessions/seeded-random.ts';

/** MQTT 5.0 4.7 read aloud, level by level. */
function matchesByTheBook(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && /^[+#]/.test(filter)) return false;
  const walk = (wanted: string[], levels: string[]): boolean => {
    if (wanted.length === 0) return levels.length === 0;
    if (wanted[0] === '#') return true;
    if (levels.length === 0) return false;
    return (wanted[0] === '+' || wanted[0] === levels[0]) && walk(wanted.slice(1), levels.slice(1));
  };
  const wanted = filter.split('/');
  const levels = topic.split('/');
  // "sport/#" also matches the singular "sport".
  if (wanted.at(-1) === '#' && wanted.length === levels.length + 1) return walk(wanted.slice(0, -1), levels);
  return walk(wanted, levels);
}

function namesOf(levels: readonly string[], depth: number): string[] {
  let names = [...levels];
  const all = [...names];
  for (let i = 1; i < depth; i++) {
    names = names.flatMap((name) => levels.map((level) => `${name}/${level}`));
    all.push(...names);
  }
  return all.filter((name) => name !== '');
}

/** Every filter of up to three levels, and every topic of up to four with levels that no filter names. */
const filters = namesOf(['', 'a', 'ab', '$', '+', '#'], 3).filter((filter) => !/#\//.test(filter));
const topics = namesOf(['', 'a', 'ab', '$', 'z', '$z'], 4);

describe('matching one topic', () => {
  test.each([
    ['sport/#', 'sport', true],
    ['sport/#', 'sport/', true],
    ['sport/#', 'sports', false],
    ['sport/+', 'sport', false],
    ['sport/+', 'sport/', true],
    ['+/+', '/finance', true],
    ['/+', '/finance', true],
    ['+', '/finance', false],
    ['#', '$SYS/uptime', false],
    ['+/uptime', '$SYS/uptime', false],
    ['$SYS/#', '$SYS/uptime', true],
    ['a/+/#', 'a', false],
    ['a//b', 'a//b', true],
    ['größe/温度', 'größe/温度', true],
  ])('%s and %s: %s', (filter, topic, expected) => {
    expect(matches(filter, topic)).toBe(expected);
  });

  test('is what the specification says, for every filter and topic of a small alphabet', () => {
    const wrong = filters.flatMap((filter) =>
      topics
        .filter((topic) => matches(filter, topic) !== matchesByTheBook(filter, topic))
        .map((topic) => `${filter} and ${topic}`),
    );
    expect(wrong).toEqual([]);
  });
});

describe('one filter covers another', () => {
  test.each([
    ['#', 'a/+/b', true],
    ['#', '#', true],
    ['+/#', '#', true],
    ['#', '$SYS/#', false],
    ['+/#', '$SYS/x', false],
    ['$SYS/#', '#', false],
    ['a/#', 'a', true],
    ['a', 'a/#', false],
    ['a/+', 'a/#', false],
    ['a/+/#', 'a/#', false],
    ['+', '+', true],
    ['a', '+', false],
    ['a/+/c', 'a/b/c', true],
    ['a/b/c', 'a/+/c', false],
    ['/#', '/+', true],
    ['+', '/', false],
  ])('%s covers %s: %s', (wider, narrower, expected) => {
    expect(covers(wider, narrower)).toBe(expected);
  });

  test('exactly when every topic of the narrower is one of the wider, for every two of a small alphabet', () => {
    // With the empty topic, which nobody can publish to: the level above `/#`.
    const all = ['', ...topics];
    const topicsOf = new Map(
      filters.map((filter) => [filter, new Set(all.filter((topic) => matchesByTheBook(filter, topic)))]),
    );
    const isSubset = (narrower: string, wider: string): boolean =>
      [...topicsOf.get(narrower)!].every((topic) => topicsOf.get(wider)!.has(topic));
    const wrong = filters.flatMap((wider) =>
      filters
        .filter((narrower) => covers(wider, narrower) !== isSubset(narrower, wider))
        .map((narrower) => `${wider} covers ${narrower}`),
    );
    expect(wrong).toEqual([]);
    expect(filters.length).toBeGreaterThan(150);
  });
});

describe('a set of filters', () => {
  test('covers what one of its filters covers, few or many', () => {
    const random = seededRandom(20260131);
    for (let round = 0; round < 300; round++) {
      const chosen = Array.from({ length: 1 + random.below(24) }, () => random.pick(filters));
      const set = new FilterSet(chosen);
      for (let i = 0; i < 60; i++) {
        const asked = random.pick(i % 2 === 0 ? filters : topics);
        const expected = chosen.some((filter) => covers(filter, asked));
        expect(set.covers(asked), `[${chosen}] covers ${asked}`).toBe(expected);
      }
    }
  });

  test('without any covers nothing', () => {
    expect(new FilterSet([]).covers('a')).toBe(false);
  });

  test('tells levels apart that have the same hash', () => {
    // FNV-1a of these two is the same.
    const [one, other] = ['costarring', 'liquid'];
    const many = Array.from({ length: 20 }, (_, i) => `filler-${i}`);
    const set = new FilterSet([...many, `${one}/x`]);
    expect(set.covers(`${one}/x`)).toBe(true);
    expect(set.covers(`${other}/x`)).toBe(false);
  });
});
