import { describe, expect, test } from 'vitest';
import type { FrameRules } from '../../../../../gateway/listener/frames/frame-rules.ts';
import { explain, type Reason } from '../../../../../gateway/listener/frames/reasons.ts';
import { judgeTopicFilter } from '../../../../../gateway/listener/frames/topic-filter.ts';
import { judgeResponseTopic, judgeTopicName } from '../../../../../gateway/listener/frames/topic-name.ts';

const rules: FrameRules = {
  version: 5,
  packetBytesMax: 1024,
  heldBytesMax: 1024,
  filtersMax: 10,
  topicBytesMax: 40,
  topicLevelsMax: 4,
  topicAliasMaximum: 0,
  clientIdBytesMax: 23,
};

type Content = string | readonly number[];
type Judge = (buffer: Buffer, start: number, end: number) => Reason;

/** Judged in the middle of other bytes, so that a look beyond either end shows. */
function within(content: Content, judge: Judge): string {
  const raw = typeof content === 'string' ? Buffer.from(content) : Buffer.from(content);
  const found = ['/#', 'x/', '\x80', ''].map((after) => {
    const buffer = Buffer.concat([Buffer.from('#+'), raw, Buffer.from(after, 'latin1')]);
    return explain(judge(buffer, 2, 2 + raw.length)).name;
  });
  expect(new Set(found).size).toBe(1);
  return found[0]!;
}
const topicName = (content: Content) => within(content, (b, s, e) => judgeTopicName(b, s, e, rules));
const topicFilter = (content: Content, version: FrameRules['version'] = 5) =>
  within(content, (b, s, e) => judgeTopicFilter(b, s, e, { ...rules, version }));

describe('topic names', () => {
  test.each([
    ['a'],
    ['/'],
    ['//'],
    ['a/b/c/d'],
    ['größe/温度/📈'],
    ['with space'],
    ['\ufeffbom'],
    ['$'],
    ['$aws/things/x'],
    ['$SYSTEM'],
    ['$shared/x'],
    ['x'.repeat(40)],
  ])('%j is one (MQTT 5.0 4.7.3)', (content) => {
    expect(topicName(content)).toBe('ok');
  });

  test.each([
    ['a+', 'topicWildcard'],
    ['+', 'topicWildcard'],
    ['a/#', 'topicWildcard'],
    ['é#', 'topicWildcard'],
  ])('%j has a wildcard (MQTT 5.0 3.3.2.1)', (content, expected) => {
    expect(topicName(content)).toBe(expected);
  });

  test.each<[Content, string]>([
    [[0x61, 0x00], 'utf8Null'],
    [[0xc0, 0x80], 'utf8Invalid'],
    [[0xed, 0xa0, 0x80], 'utf8Invalid'],
    [[0xe2, 0x82], 'utf8Invalid'],
    ['a\u0001', 'characterDisallowed'],
    ['a\u001f', 'characterDisallowed'],
    ['a\u007f', 'characterDisallowed'],
    ['a\u0085', 'characterDisallowed'],
    ['a\ufdd0', 'characterDisallowed'],
    ['a\uffff', 'characterDisallowed'],
    ['a\u{1fffe}', 'characterDisallowed'],
    ['a\u0001#', 'topicWildcard'],
  ])('%j has characters that a string may not have (MQTT 5.0 1.5.4)', (content, expected) => {
    expect(topicName(content)).toBe(expected);
  });

  test('more bytes or levels than the gateway takes are refused', () => {
    expect(topicName('x'.repeat(41))).toBe('topicTooLong');
    expect(topicName('é'.repeat(21))).toBe('topicTooLong');
    expect(topicName('a/b/c/d/e')).toBe('topicTooDeep');
    expect(topicName('////')).toBe('topicTooDeep');
  });

  test('a fault of form outweighs a refusal', () => {
    expect(topicName(`${'x'.repeat(41)}#`)).toBe('topicWildcard');
    expect(topicName('$SYS/\u0001')).toBe('characterDisallowed');
  });

  test.each(['$SYS', '$SYS/', '$SYS/broker/load', '$share', '$share/g/t'])(
    '%j is reserved (MQTT 5.0 4.7.2)',
    (content) => {
      expect(topicName(content)).toBe('topicReserved');
    },
  );

  test('a response topic is only judged by its form (MQTT 5.0 3.3.2.3.5)', () => {
    const responseTopic = (content: Content) => within(content, judgeResponseTopic);
    expect(responseTopic('$SYS/x')).toBe('ok');
    expect(responseTopic('x'.repeat(100))).toBe('ok');
    expect(responseTopic('a/+')).toBe('responseTopicWildcard');
    expect(responseTopic('a\u0001')).toBe('characterDisallowed');
    expect(responseTopic('')).toBe('propertyValue');
  });
});

describe('topic filters', () => {
  test.each([
    '#',
    '+',
    '/',
    '+/+',
    'a/#',
    '+/a/#',
    '/#',
    'a/+/b',
    '+/',
    '$SYS/#',
    '$SYS/+/x',
    'größe/+',
    ' ',
  ])('%j is one (MQTT 5.0 4.7.1)', (content) => {
    expect(topicFilter(content)).toBe('ok');
    expect(topicFilter(content, 4)).toBe('ok');
  });

  test.each(['a#', 'a/b#', '#/a', 'a/#/b', '##', '#a', '+a', 'a+', 'a/b+/c', 'a/+b', '++', '+#', 'é+'])(
    '%j has a wildcard out of place (MQTT 5.0 4.7.1)',
    (content) => {
      expect(topicFilter(content)).toBe('filterWildcard');
      expect(topicFilter(content, 3)).toBe('filterWildcard');
    },
  );

  test('an empty filter is none (MQTT 5.0 4.7.3)', () => {
    expect(topicFilter('')).toBe('filterEmpty');
  });

  test.each<[Content, string]>([
    [[0x61, 0x00], 'utf8Null'],
    [[0xff], 'utf8Invalid'],
    ['a\u0007', 'characterDisallowed'],
  ])('%j has characters that a string may not have (MQTT 5.0 1.5.4)', (content, expected) => {
    expect(topicFilter(content)).toBe(expected);
  });

  test('more bytes or levels than the gateway takes are refused', () => {
    expect(topicFilter('x'.repeat(41))).toBe('filterTooLong');
    expect(topicFilter('a/b/c/d/e')).toBe('filterTooDeep');
    expect(topicFilter('a/b/c/d')).toBe('ok');
  });

  test.each(['$share/group/a', '$share/g/#', '$share/g/+/b', '$share/g//', '$share/g/a/b/c/d'])(
    '%j is a shared subscription (MQTT 5.0 4.8.2)',
    (content) => {
      expect(topicFilter(content)).toBe('ok');
    },
  );

  test.each([
    '$share',
    '$share/',
    '$share/g',
    '$share/g/',
    '$share//a',
    '$share/+/a',
    '$share/g#/a',
    '$share/#',
  ])('%j is a shared subscription out of form in MQTT 5 (MQTT 5.0 4.8.2)', (content) => {
    expect(topicFilter(content)).toBe('sharedFilterSyntax');
  });

  test('a shared filter has the wildcard rules and levels of what it shares (MQTT 5.0 4.8.2)', () => {
    expect(topicFilter('$share/g/a#')).toBe('filterWildcard');
    expect(topicFilter('$share/g/a/b/c/d/e')).toBe('filterTooDeep');
  });

  test('before MQTT 5 a first level of $share is a level like others', () => {
    expect(topicFilter('$share//a', 4)).toBe('ok');
    expect(topicFilter('$share', 4)).toBe('ok');
  });

  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', '__defineGetter__'])(
    '%j, which every object inherits, is refused',
    (content) => {
      expect(topicFilter(content)).toBe('filterReserved');
      expect(topicFilter(`${content}/a`)).toBe('ok');
    },
  );
});
