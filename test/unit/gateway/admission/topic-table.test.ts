import { expect, test } from 'vitest';
import { laneRouter } from '../../../../gateway/admission/lane-router.ts';
import { isTopic, TopicTable } from '../../../../gateway/admission/topic-table.ts';

function table(topicsMax = 100) {
  const asked: string[] = [];
  const topics = new TopicTable({ topicsMax, laneOf: (topic) => asked.push(topic) - 1 });
  const lookup = (text: string) => {
    const bytes = Buffer.from(`..${text}..`);
    return topics.lookup(bytes, 2, bytes.length - 2);
  };
  return { asked, lookup, topics };
}

test('a topic is decided once and found again by its bytes', () => {
  const { asked, lookup } = table();
  const first = lookup('plant/1/temperature');
  expect(lookup('plant/1/temperature')).toBe(first);
  expect(lookup('plant/2/temperature')).not.toBe(first);
  expect(asked).toEqual(['plant/1/temperature', 'plant/2/temperature']);
});

test('an entry keeps its own copy of the bytes', () => {
  const { topics } = table();
  const bytes = Buffer.from('a/b');
  const entry = topics.lookup(bytes, 0, 3);
  bytes.fill(0x7a);
  expect(entry.text).toBe('a/b');
  expect(isTopic(entry, Buffer.from('a/b'), 0, 3)).toBe(true);
});

test('topics that differ in length or in one byte are different topics', () => {
  const { lookup } = table();
  const entry = lookup('a/b');
  for (const other of ['a/', 'a/bc', 'a/c', 'b/b', 'a/B']) {
    const bytes = Buffer.from(other);
    expect(isTopic(entry, bytes, 0, bytes.length)).toBe(false);
  }
});

test('a flood of topics is bounded by two generations, and one in use stays the same entry', () => {
  const { asked, lookup } = table(10);
  const used = lookup('used');
  for (let i = 0; i < 1000; i++) {
    lookup(`flood/${i}`);
    expect(lookup('used')).toBe(used);
  }
  expect(asked.filter((topic) => topic === 'used')).toHaveLength(1);
  lookup('flood/0');
  expect(asked.filter((topic) => topic === 'flood/0')).toHaveLength(2); // it was let go
});

test('colliding hashes do not confuse topics', () => {
  const { lookup } = table(100_000);
  const entries = new Map<string, unknown>();
  for (let i = 0; i < 20_000; i++) entries.set(`t/${i}`, lookup(`t/${i}`));
  for (const [text, entry] of entries) expect(lookup(text)).toBe(entry);
});

test('the first lane whose filters match takes a topic, and the last takes what begins with $', () => {
  const laneOf = laneRouter([
    { name: 'alarms', match: ['+/alarm/#', 'alarms/#'] },
    { name: 'bulk', match: ['bulk/#'] },
    { name: 'main', match: ['#'] },
  ]);
  expect(['a/alarm/x', 'alarms', 'bulk/alarm', 'bulk/x/y', 'else', '$aws/x'].map(laneOf)).toEqual([
    0, 0, 0, 1, 2, 2,
  ]);
});
