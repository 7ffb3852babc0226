import { describe, expect, test } from 'vitest';
import { AccessPolicy } from '../../../../../gateway/admission/access/access-policy.ts';
import type { Authority } from '../../../../../gateway/admission/access/authority.ts';
import { DistinctTopics } from '../../../../../gateway/admission/access/distinct-topics.ts';
import { Mount } from '../../../../../gateway/admission/access/mount.ts';
import { TopicVerdicts } from '../../../../../gateway/admission/access/topic-verdicts.ts';
import { TopicTable } from '../../../../../gateway/admission/topic-table.ts';
import { seededRandom } from '../../../storage/sessions/seeded-random.ts';
import { accessOf } from './access-settings.ts';

const table = () => new TopicTable({ topicsMax: 100_000, laneOf: () => 0 });

/** An authority that notes what it is asked; every topic that begins with "yes" may be published to. */
function asked() {
  const topics: string[] = [];
  const authority = {
    version: 1,
    everything: false,
    mayPublish: (topic: string) => topics.push(topic) > 0 && topic.startsWith('yes'),
  };
  return { topics, authority, verdicts: new TopicVerdicts(authority as unknown as Authority) };
}

describe('verdicts', () => {
  test('are asked for once while a device keeps to its topics', () => {
    const topics = table();
    const { verdicts, topics: seen } = asked();
    const entries = ['yes/1', 'no/1', 'yes/2', 'no/2', 'yes/3'].map((topic) => topics.lookupText(topic));
    for (let round = 0; round < 50; round++) {
      for (const entry of entries) expect(verdicts.mayPublish(entry)).toBe(entry.text.startsWith('yes'));
    }
    expect(seen.toSorted()).toEqual(['no/1', 'no/2', 'yes/1', 'yes/2', 'yes/3']);
  });

  test('are right for more topics than are remembered', () => {
    const topics = table();
    const { verdicts, topics: seen } = asked();
    const random = seededRandom(7);
    const entries = Array.from({ length: 100 }, (_, i) =>
      topics.lookupText(`${i % 3 === 0 ? 'yes' : 'no'}/${i}`),
    );
    for (let i = 0; i < 20_000; i++) {
      const entry = random.pick(entries);
      expect(verdicts.mayPublish(entry)).toBe(entry.text.startsWith('yes'));
    }
    expect(seen.length).toBeGreaterThan(10_000);
  });

  test('two topics that share a place are both remembered while they take turns', () => {
    const topics = table();
    const { verdicts, topics: seen } = asked();
    const [first, ...others] = Array.from({ length: 17 }, (_, i) => topics.lookupText(`yes/${i}`));
    for (let i = 0; i < 10; i++) {
      verdicts.mayPublish(first);
      verdicts.mayPublish(others.at(-1)!);
    }
    expect(others.at(-1)!.id - first.id).toBe(16);
    expect(seen).toHaveLength(2);
  });

  test('do not outlive the rules they were made by', () => {
    const policy = new AccessPolicy(accessOf({ rules: [{ publish: ['a', 'b'] }] }), true);
    const verdicts = new TopicVerdicts(policy.authorityOf({ user: 'u', clientId: 'c', group: 'default' }));
    const topics = table();
    const entries = ['a', 'b', 'c'].map((topic) => topics.lookupText(topic));
    const all = () => entries.map((entry) => verdicts.mayPublish(entry));
    expect([all(), all()]).toEqual([
      [true, true, false],
      [true, true, false],
    ]);
    policy.replace(accessOf({ rules: [{ publish: ['c'] }] }), true);
    expect([all(), all()]).toEqual([
      [false, false, true],
      [false, false, true],
    ]);
    policy.replace(accessOf({}), false);
    expect(all()).toEqual([true, true, true]);
  });

  test("are about the device's own topic, not the mounted one", () => {
    const bytes = Buffer.from('yes/1');
    const entry = table().lookup(bytes, 0, bytes.length, new Mount('acme'));
    const { verdicts, topics: seen } = asked();
    expect(verdicts.mayPublish(entry)).toBe(true);
    expect(seen).toEqual(['yes/1']);
  });
});

describe('different topics', () => {
  test('are counted once each, and one too many is refused, known ones never', () => {
    const topics = table();
    const distinct = new DistinctTopics();
    const hashes = Array.from({ length: 5000 }, (_, i) => topics.lookupText(`t/${i}`).hash);
    const limit = 3000;
    for (let round = 0; round < 3; round++) {
      const admitted = hashes.filter((hash) => distinct.admit(hash, limit));
      expect(new Set(admitted)).toEqual(new Set(hashes.slice(0, admitted.length)));
      expect(admitted.length).toBeGreaterThanOrEqual(limit);
      expect(admitted.length).toBeLessThan(limit + 3); // two topics with the same 32 bits are rare
    }
    expect(distinct.count).toBe(limit);
  });

  test('may be one', () => {
    const distinct = new DistinctTopics();
    expect([1, 1, 2, 1].map((hash) => distinct.admit(hash, 1))).toEqual([true, true, false, true]);
  });

  test('without a limit are not counted', () => {
    const distinct = new DistinctTopics();
    for (let i = 0; i < 100; i++) expect(distinct.admit(i, 0)).toBe(true);
    expect(distinct.count).toBe(0);
  });

  test('any hash is one, 0 and negative ones too', () => {
    const distinct = new DistinctTopics();
    const hashes = [5, 0, -1, 2 ** 31 - 1, -(2 ** 31)];
    for (let round = 0; round < 2; round++)
      for (const hash of hashes) expect(distinct.admit(hash, 5)).toBe(true);
    expect(distinct.admit(77, 5)).toBe(false);
    expect(distinct.count).toBe(5);
  });

  test('a limit that was raised lets in more, one that was lowered takes none away', () => {
    const distinct = new DistinctTopics();
    expect([1, 2, 3].map((hash) => distinct.admit(hash, 2))).toEqual([true, true, false]);
    expect([1, 2, 3, 4].map((hash) => distinct.admit(hash, 3))).toEqual([true, true, true, false]);
    expect([1, 2, 3, 4].map((hash) => distinct.admit(hash, 1))).toEqual([true, true, true, false]);
  });
});
