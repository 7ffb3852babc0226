import { describe, expect, test } from 'vitest';
import { matchesFilter, topicBytes } from '../../../../../bridge/sinks/mqtt/topic.ts';

describe('topic templates', () => {
  test('are filled in, with two bytes of length before them', () => {
    const bytes = topicBytes('up/{gateway}/{lane}/{sink}/{device}/{topic}', {
      gateway: 'g',
      lane: 'l',
      sink: 's',
      device: 'dév',
      topic: 'a/b',
    });
    expect(bytes?.subarray(2).toString()).toBe('up/g/l/s/dév/a/b');
    expect(bytes?.readUInt16BE()).toBe(bytes!.length - 2);
  });

  test('cannot be given wildcards by a device', () => {
    expect(topicBytes('{device}/x', { device: 'a+b/#' })?.subarray(2).toString()).toBe('a_b/_/x');
  });

  test('do not take dollar signs of a value for anything else', () => {
    expect(topicBytes('x/{topic}', { topic: "$&$'/y" })?.subarray(2).toString()).toBe("x/$&$'/y");
  });

  test('that no packet could carry are refused', () => {
    expect(topicBytes('{topic}', { topic: '' })).toBeNull();
    expect(topicBytes('{topic}', { topic: 'ä'.repeat(32_767) })).not.toBeNull();
    expect(topicBytes('{topic}', { topic: 'ä'.repeat(32_768) })).toBeNull();
  });
});

describe('topic filters', () => {
  const matching: [string, string][] = [
    ['a/b', 'a/b'],
    ['a/+', 'a/b'],
    ['+/+', '/x'],
    ['#', 'a/b/c'],
    ['a/#', 'a'],
    ['a/#', 'a/b/c'],
    ['+/b/#', 'a/b'],
    ['$SYS/#', '$SYS/x'],
    ['a//b', 'a//b'],
  ];
  test.each(matching)('%s matches %s', (filter, topic) => expect(matchesFilter(filter, topic)).toBe(true));

  const others: [string, string][] = [
    ['a/b', 'a/b/c'],
    ['a/b/c', 'a/b'],
    ['a/+', 'a'],
    ['a/+', 'a/b/c'],
    ['+', '/x'],
    ['#', '$SYS/x'],
    ['+/x', '$SYS/x'],
    ['A/b', 'a/b'],
  ];
  test.each(others)('%s does not match %s', (filter, topic) =>
    expect(matchesFilter(filter, topic)).toBe(false),
  );
});
