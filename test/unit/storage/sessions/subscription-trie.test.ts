import { describe, expect, test } from 'vitest';
import { filterMatches, SubscriptionTrie } from '../../../../storage/sessions/subscription-trie.ts';
import { seededRandom } from './seeded-random.ts';

/** Filter, topic, whether it matches: the examples of MQTT 5.0 4.7 and their edges. */
const examples: [filter: string, topic: string, matches: boolean][] = [
  ['sport/tennis/player1/#', 'sport/tennis/player1', true],
  ['sport/tennis/player1/#', 'sport/tennis/player1/ranking', true],
  ['sport/tennis/player1/#', 'sport/tennis/player1/score/wimbledon', true],
  ['sport/tennis/player1/#', 'sport/tennis/player2', false],
  ['sport/#', 'sport', true],
  ['#', 'sport', true],
  ['#', '/', true],
  ['sport/tennis/+', 'sport/tennis/player1', true],
  ['sport/tennis/+', 'sport/tennis/player1/ranking', false],
  ['sport/+', 'sport', false],
  ['sport/+', 'sport/', true],
  ['+', 'finance', true],
  ['+', '/finance', false],
  ['/+', '/finance', true],
  ['+/+', '/finance', true],
  ['+/tennis/#', 'sport/tennis', true],
  ['sport/+/player1', 'sport//player1', true],
  ['a//b', 'a//b', true],
  ['a/b', 'a//b', false],
  ['a', 'A', false],
  ['a', '/a', false],
  ['#', '$SYS/uptime', false],
  ['+/uptime', '$SYS/uptime', false],
  ['+/#', '$SYS/uptime', false],
  ['$SYS/#', '$SYS/uptime', true],
  ['$SYS/#', '$SYS', true],
  ['$SYS/+', '$SYS/uptime', true],
  ['a/#', 'a/$b', true],
  ['a/+', 'a/$b', true],
  ['__proto__/constructor', '__proto__/constructor', true],
];

describe('a topic filter', () => {
  test.each(examples)('%s against %s: %s (MQTT 5.0 4.7)', (filter, topic, matches) => {
    const trie = new SubscriptionTrie<string>();
    trie.add(filter, 'value');
    expect(trie.match(topic)).toEqual(matches ? ['value'] : []);
    expect(trie.hasMatch(topic)).toBe(matches);
    expect(filterMatches(filter, topic)).toBe(matches);
  });
});

describe('the subscription trie', () => {
  test('answers as a scan over all filters does, while filters come and go', () => {
    const random = seededRandom(7);
    const level = (wild: boolean) => random.pick(wild ? ['a', 'b', '', '$x', '+'] : ['a', 'b', '', '$x']);
    const path = (wild: boolean) => Array.from({ length: 1 + random.below(4) }, () => level(wild)).join('/');
    const trie = new SubscriptionTrie<string>();
    const filters = new Set<string>();
    for (let i = 0; i < 4000; i++) {
      const filter = random.below(3) === 0 ? random.pick(['#', `${path(true)}/#`]) : path(true);
      if (random.below(2) === 0) {
        expect(trie.remove(filter, filter)).toBe(filters.delete(filter));
      } else {
        expect(trie.add(filter, filter)).toBe(!filters.has(filter));
        filters.add(filter);
      }
      const topic = path(false);
      const expected = [...filters].filter((each) => filterMatches(each, topic));
      expect(trie.match(topic).toSorted()).toEqual(expected.toSorted());
      expect(trie.hasMatch(topic)).toBe(expected.length > 0);
      expect(trie.size).toBe(filters.size);
    }
    for (const filter of filters) trie.remove(filter, filter);
    expect(trie.size).toBe(0);
    expect(['a', 'b', 'a/b', '/'].some((topic) => trie.hasMatch(topic))).toBe(false);
  });

  test('keeps values of one filter apart by identity', () => {
    const trie = new SubscriptionTrie<object>();
    const [one, two] = [{}, {}];
    expect(trie.add('a', one)).toBe(true);
    expect(trie.add('a', two)).toBe(true);
    expect(trie.add('a', one)).toBe(false);
    expect(trie.remove('a', one)).toBe(true);
    expect(trie.remove('a', one)).toBe(false);
    expect(trie.match('a')).toEqual([two]);
    expect(trie.match('a')[0]).toBe(two);
  });

  test('has another version after every change and the same after none', () => {
    const trie = new SubscriptionTrie<string>();
    const versions = [trie.version];
    const note = () => versions.push(trie.version);
    trie.add('a', 'x');
    note();
    trie.add('a', 'x');
    expect(trie.version).toBe(versions.at(-1));
    trie.remove('a', 'x');
    note();
    trie.remove('a', 'x');
    expect(trie.version).toBe(versions.at(-1));
    expect(new Set(versions).size).toBe(3);
  });

  test('takes a filter of thirty thousand levels', () => {
    const deep = 'a/'.repeat(30_000);
    const trie = new SubscriptionTrie<string>();
    trie.add(deep, 'deep');
    expect(trie.match(deep)).toEqual(['deep']);
    expect(trie.remove(deep, 'deep')).toBe(true);
  });
});
