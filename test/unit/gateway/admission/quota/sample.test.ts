import { describe, expect, test } from 'vitest';
import { quotaBounds } from '../../../../../gateway/admission/quota/quota-bounds.ts';
import {
  LatestBudget,
  type LatestMessage,
  LatestPerTopic,
  OneIn,
  type SampledRecord,
} from '../../../../../gateway/admission/quota/sample.ts';

function record(topic: string, payload: string, properties: string | null = null): SampledRecord {
  const bytes = Buffer.from(`..${payload}..`);
  return {
    topic: { text: topic, lane: 0, batchSerial: 0, batchIndex: 0 },
    bytes,
    payloadStart: 2,
    payloadEnd: bytes.length - 2,
    properties: properties === null ? null : Buffer.from(properties),
    flags: 1,
  };
}

function texts(latest: LatestPerTopic): string[] {
  const seen: string[] = [];
  latest.release((message) => seen.push(textOf(message)) > 0);
  return seen;
}

const textOf = ({ topic, bytes, payloadBytes, properties }: LatestMessage) =>
  `${topic.text}=${bytes.toString('utf8', 0, payloadBytes)}${properties === null ? '' : `+${properties}`}`;

describe('one in N', () => {
  test('is the first, and then every N-th', () => {
    const oneIn = new OneIn();
    const kept: number[] = [];
    for (let i = 0; i < 13; i++) {
      if (oneIn.isNext) kept.push(i);
      oneIn.step(5);
    }
    expect(kept).toEqual([0, 5, 10]);
  });

  test('asking twice about a message changes nothing', () => {
    const oneIn = new OneIn();
    expect([oneIn.isNext, oneIn.isNext]).toEqual([true, true]);
    oneIn.step(3);
    expect([oneIn.isNext, oneIn.isNext]).toEqual([false, false]);
  });

  test('a lower N holds from the next message on', () => {
    const oneIn = new OneIn();
    for (let i = 0; i < 8; i++) oneIn.step(10);
    oneIn.step(2);
    expect(oneIn.isNext).toBe(true);
  });
});

describe('the latest of each topic', () => {
  test('is kept, and those before it are sampled away', () => {
    const latest = new LatestPerTopic(new LatestBudget());
    const away = ['a=1', 'b=1', 'a=2', 'a=33333333', 'a=4'].map((text) => {
      const [topic, payload] = text.split('=');
      return latest.put(record(topic, payload), 10);
    });
    expect(away).toEqual([0, 0, 1, 1, 1]);
    expect(texts(latest)).toEqual(['a=4', 'b=1']);
    expect(latest.size).toBe(0);
  });

  test('is a copy, properties included', () => {
    const latest = new LatestPerTopic(new LatestBudget());
    const one = record('a', 'payload', 'props');
    latest.put(one, 10);
    one.bytes.fill(0);
    one.properties?.fill(0);
    expect(texts(latest)).toEqual(['a=payload+props']);
    latest.put(record('a', 'long payload', 'long props'), 10);
    latest.put(record('a', 'x'), 10);
    expect(texts(latest)).toEqual(['a=x']);
  });

  test('a message that takes the place of a larger one uses its memory', () => {
    const latest = new LatestPerTopic(new LatestBudget());
    latest.put(record('a', 'x'.repeat(1000)), 1000);
    const seen: LatestMessage[] = [];
    const look = (message: LatestMessage) => seen.push(message) < 0; // none is taken
    latest.release(look);
    const { bytes } = seen[0];
    for (let i = 0; i < 100; i++) latest.put(record('a', `${i}`), 10);
    latest.release(look);
    expect(seen[1].bytes).toBe(bytes);
  });

  test('what found no room stays, and goes first the next time', () => {
    const latest = new LatestPerTopic(new LatestBudget());
    for (const topic of ['a', 'b', 'c']) latest.put(record(topic, '1'), 10);
    const seen: string[] = [];
    const takeOne = (message: LatestMessage) => seen.length === 0 && seen.push(textOf(message)) > 0;
    expect(latest.release(takeOne)).toBe(false);
    expect(texts(latest)).toEqual(['b=1', 'c=1']);
    expect(seen).toEqual(['a=1']);
  });

  test('topics are bounded; those beyond are sampled away', () => {
    const latest = new LatestPerTopic(new LatestBudget());
    let away = 0;
    for (let i = 0; i < quotaBounds.latestTopicsMax + 5; i++) away += latest.put(record(`t/${i}`, 'x'), 10);
    expect(away).toBe(5);
    expect(latest.size).toBe(quotaBounds.latestTopicsMax);
    expect(latest.put(record('t/0', 'y'), 10)).toBe(1); // a topic that has its place
  });

  test('bytes are bounded; rather than an older message none is kept of the topic', () => {
    const latest = new LatestPerTopic(new LatestBudget());
    latest.put(record('a', 'small'), 10);
    expect(latest.put(record('a', 'x'.repeat(quotaBounds.latestBytesMax)), 10)).toBe(2);
    expect(latest.put(record('b', 'x'.repeat(quotaBounds.latestBytesMax)), 10)).toBe(1);
    expect(latest.size).toBe(0);
  });

  test('all devices share a budget, and everything goes back to it', () => {
    const budget = new LatestBudget(10_000);
    const [one, other] = [new LatestPerTopic(budget), new LatestPerTopic(budget)];
    expect(one.put(record('a', 'x'.repeat(9000)), 10)).toBe(0);
    expect(other.put(record('a', 'x'.repeat(900)), 10)).toBe(1);
    for (let i = 0; i < 10; i++) one.put(record('a', 'x'.repeat(9000 + 10 * i)), 10);
    expect(one.clear()).toBe(1);
    expect(other.put(record('a', 'x'.repeat(900)), 10)).toBe(0);
    other.put(record('a', 'x'), 10);
    texts(other);
    expect(budget.bytesLeft).toBe(10_000);
  });
});
