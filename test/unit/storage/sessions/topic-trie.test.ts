import { describe, expect, test } from 'vitest';
import { filterMatches } from '../../../../storage/sessions/subscription-trie.ts';
import { TopicTrie } from '../../../../storage/sessions/topic-trie.ts';
import { seededRandom } from './seeded-random.ts';

describe('the topic trie', () => {
  test('answers every filter as a scan over all topics does, while topics come and go (MQTT 5.0 4.7)', () => {
    const random = seededRandom(11);
    const path = (levels: string[]) =>
      Array.from({ length: 1 + random.below(4) }, () => random.pick(levels)).join('/');
    const trie = new TopicTrie<string>();
    const topics = new Set<string>();
    for (let i = 0; i < 4000; i++) {
      const topic = path(['a', 'b', '', '$x']);
      if (random.below(2) === 0) {
        expect(trie.delete(topic)).toBe(topics.delete(topic));
      } else {
        trie.set(topic, topic);
        topics.add(topic);
      }
      const filter =
        random.below(3) === 0
          ? random.pick(['#', `${path(['a', '+', ''])}/#`])
          : path(['a', 'b', '', '$x', '+']);
      const expected = [...topics].filter((each) => filterMatches(filter, each));
      expect([...trie.matching(filter)].toSorted()).toEqual(expected.toSorted());
      expect(trie.size).toBe(topics.size);
      expect(trie.get(topic)).toBe(topics.has(topic) ? topic : undefined);
    }
    expect([...trie.values()].toSorted()).toEqual([...topics].toSorted());
  });

  test('looks only at the levels that a filter names', () => {
    const trie = new TopicTrie<number>();
    for (let i = 0; i < 100_000; i++) trie.set(`site/${i % 100}/device/${i}/state`, i);
    const startedAt = performance.now();
    for (let i = 0; i < 1000; i++)
      expect([...trie.matching(`site/7/device/${i * 100 + 7}/+`)]).toEqual([i * 100 + 7]);
    const narrowMs = performance.now() - startedAt;
    const wideStartedAt = performance.now();
    expect([...trie.matching('#')].length).toBe(100_000);
    const wideMs = performance.now() - wideStartedAt;
    // A thousand narrow lookups over a scan each would take a thousand times as long as one scan.
    expect(narrowMs).toBeLessThan(100 * wideMs);
  });
});
