import { expect, test } from 'vitest';
import { clientLimits } from '../../../../config/limits.ts';
import { Mount, noMount } from '../../../../gateway/admission/access/mount.ts';
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
    { name: 'alarms', match: ['+/alarm/#', 'alarms/#'], priority: 'normal' },
    { name: 'bulk', match: ['bulk/#'], priority: 'low' },
    { name: 'main', match: ['#'], priority: 'normal' },
  ]);
  expect(['a/alarm/x', 'alarms', 'bulk/alarm', 'bulk/x/y', 'else', '$aws/x'].map(laneOf)).toEqual([
    0, 0, 0, 1, 2, 2,
  ]);
});

test('the same topic of two tenants is two, each known to the gateway under its tenant', () => {
  const { asked, topics } = table();
  const bytes = Buffer.from('a/b');
  const mounts = [noMount, new Mount('acme'), new Mount('zeta')];
  const entries = mounts.map((mount) => topics.lookup(bytes, 0, 3, mount));
  expect(entries.map(({ text, ownText }) => [text, ownText])).toEqual([
    ['a/b', 'a/b'],
    ['acme/a/b', 'a/b'],
    ['zeta/a/b', 'a/b'],
  ]);
  expect(asked).toEqual(['a/b', 'acme/a/b', 'zeta/a/b']);
  expect(mounts.map((mount) => topics.lookup(bytes, 0, 3, mount))).toEqual(entries);
  expect(topics.lookup(bytes, 0, 3, new Mount('acme'))).toBe(entries[1]); // after a change of the settings
  expect(new Set(entries.map(({ id }) => id)).size).toBe(3);
  expect(new Set(entries.map(({ hash }) => hash)).size).toBe(3);
});

test('two tenants are told apart even where their hashes are the same', () => {
  const { topics } = table();
  const twin = Object.defineProperty(new Mount('zeta'), 'salt', { value: new Mount('acme').salt });
  const bytes = Buffer.from('a');
  const [one, other] = [new Mount('acme'), twin].map((mount) => topics.lookup(bytes, 0, 1, mount));
  expect([one.text, other.text]).toEqual(['acme/a', 'zeta/a']);
  expect(other.hash).toBe(one.hash);
});

test('an entry that was let go comes back with another id and the same hash', () => {
  const { lookup } = table(10);
  const before = lookup('a');
  for (let i = 0; i < 30; i++) lookup(`flood/${i}`);
  const after = lookup('a');
  expect(after).not.toBe(before);
  expect(after.id).toBeGreaterThan(before.id);
  expect(after.hash).toBe(before.hash);
});

test('topics with long names make a generation of fewer', () => {
  const { asked, lookup } = table(1_000_000);
  const long = (i: number) => `${'x'.repeat(65_000)}/${i}`;
  const perGeneration = Math.ceil(clientLimits.topicNameBytesMax / Buffer.byteLength(long(100)));
  const first = lookup(long(0));
  for (let i = 1; i <= perGeneration; i++) lookup(long(i));
  expect(lookup(long(0))).toBe(first); // taken over
  for (let i = 1000; i <= 1000 + 2 * perGeneration; i++) lookup(long(i));
  asked.length = 0;
  expect(lookup(long(0))).not.toBe(first);
  expect(asked).toHaveLength(1);
});
