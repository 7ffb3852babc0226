import { describe, expect, test } from 'vitest';
import { cutFrame, Frame } from '../../../../../gateway/listener/frames/fixed-header.ts';
import type { FrameRules } from '../../../../../gateway/listener/frames/frame-rules.ts';
import {
  copyPropertiesWithoutAlias,
  noExpiry,
  PublishView,
  parsePublish,
} from '../../../../../gateway/listener/frames/publish-parser.ts';
import { explain, isRefusal, reason } from '../../../../../gateway/listener/frames/reasons.ts';
import { bytes, frameOf, prefixed, properties, uint16, uint32 } from '../../../../support/mqtt-bytes.ts';
import { packetMaxima } from '../../../../support/mqtt-frame-packets.ts';

function parse(buffer: Buffer, version: 3 | 4 | 5 = 5, at = 0) {
  const rules: FrameRules = { ...packetMaxima, version, topicAliasMaximum: 10 };
  const frame = new Frame();
  const view = new PublishView();
  expect(cutFrame(buffer, at, buffer.length, frame, rules)).toBe(reason.ok);
  // What follows in the buffer must not matter.
  for (const fill of [0x00, 0x01, 0xff]) {
    const why = parsePublish(bytes(buffer, Buffer.alloc(8, fill)), frame, new PublishView(), rules);
    expect(why).toBe(parsePublish(buffer, frame, view, rules));
  }
  return { why: explain(parsePublish(buffer, frame, view, rules)).name, view };
}

const qos1 = (...afterTopic: Parameters<typeof bytes>) =>
  frameOf(0x32, prefixed('a/b'), uint16(7), ...afterTopic);

describe('a PUBLISH', () => {
  test('of MQTT 3.1.1 is read in place (3.1.1: 3.3)', () => {
    const buffer = bytes(
      [0xff],
      frameOf(0x3b, prefixed('site/temp'), uint16(0x1234), Buffer.from('21.5')),
      [0xff],
    );
    const { why, view } = parse(buffer, 4, 1);
    expect(why).toBe('ok');
    expect(view).toMatchObject({ qos: 1, dup: true, retain: true, packetId: 0x1234, topicAlias: 0 });
    expect(buffer.toString('utf8', view.topicStart, view.topicEnd)).toBe('site/temp');
    expect(buffer.toString('utf8', view.payloadStart, view.payloadEnd)).toBe('21.5');
    expect(view.propsStart).toBe(view.propsEnd);
  });

  test('with QoS 0 has no packet identifier (MQTT 5.0 2.2.1)', () => {
    const { why, view } = parse(frameOf(0x30, prefixed('a'), 0, Buffer.from('xy')));
    expect([why, view.packetId, view.payloadEnd - view.payloadStart]).toEqual(['ok', 0, 2]);
  });

  test('may have an empty payload (MQTT 5.0 3.3.3)', () => {
    const { why, view } = parse(qos1(0));
    expect([why, view.payloadEnd - view.payloadStart]).toEqual(['ok', 0]);
  });

  test('of MQTT 5 shows its properties, and keeps them as they were sent (MQTT 5.0 3.3.2.3)', () => {
    const block = bytes(
      [0x01, 1],
      [0x02, ...uint32(0xffff_fffe)],
      [0x23, 0, 10],
      0x26,
      prefixed('k'),
      prefixed('v'),
      0x26,
      prefixed('k'),
      prefixed(''),
      0x08,
      prefixed('reply/to'),
      0x09,
      prefixed([0, 1, 2]),
      0x03,
      prefixed('text/plain'),
    );
    const buffer = qos1(properties(block), Buffer.from('p'));
    const { why, view } = parse(buffer);
    expect(why).toBe('ok');
    expect(view).toMatchObject({
      topicAlias: 10,
      messageExpirySeconds: 0xffff_fffe,
      payloadFormatUtf8: true,
      hasContentProps: true,
    });
    expect(buffer.subarray(view.propsStart, view.propsEnd)).toEqual(block);
  });

  test('leaves nothing of the one before in its view', () => {
    const rules: FrameRules = { ...packetMaxima, version: 5 };
    const frame = new Frame();
    const view = new PublishView();
    const rich = frameOf(0x3d, prefixed('a'), uint16(1), properties([0x01, 1, 0x02, 0, 0, 0, 9, 0x23, 0, 1]));
    const plain = frameOf(0x30, prefixed('b'), 0);
    for (const buffer of [rich, plain]) {
      cutFrame(buffer, 0, buffer.length, frame, rules);
      expect(parsePublish(buffer, frame, view, rules)).toBe(reason.ok);
    }
    const fresh = new PublishView();
    cutFrame(plain, 0, plain.length, frame, rules);
    parsePublish(plain, frame, fresh, rules);
    expect(view).toEqual(fresh);
    expect(view.messageExpirySeconds).toBe(noExpiry);
  });

  test('with nothing but an alias has no properties of its own (MQTT 5.0 3.3.2.3.4)', () => {
    const { why, view } = parse(qos1(properties([0x23, 0, 3])));
    expect([why, view.topicAlias, view.hasContentProps]).toEqual(['ok', 3, false]);
  });

  test('may leave its topic to an alias in MQTT 5 only (MQTT 5.0 3.3.2.3.4, 3.1.1: 4.7.3)', () => {
    const aliased = parse(frameOf(0x30, prefixed(''), properties([0x23, 0, 3])));
    expect([aliased.why, aliased.view.topicEnd - aliased.view.topicStart]).toEqual(['ok', 0]);
    expect(parse(frameOf(0x30, prefixed(''), 0)).why).toBe('topicEmpty');
    expect(parse(frameOf(0x30, prefixed('')), 4).why).toBe('topicEmpty');
    expect(parse(frameOf(0x30, prefixed('')), 3).why).toBe('topicEmpty');
  });

  test('that is refused for its topic alone can still be answered', () => {
    for (const [topic, expected] of [
      ['$SYS/x', 'topicReserved'],
      ['x'.repeat(1025), 'topicTooLong'],
      ['/'.repeat(32), 'topicTooDeep'],
    ] as const) {
      const { why, view } = parse(frameOf(0x34, prefixed(topic), uint16(9), 0, Buffer.from('p')));
      expect([why, view.qos, view.packetId, view.payloadEnd - view.payloadStart]).toEqual([
        expected,
        2,
        9,
        1,
      ]);
      expect(isRefusal(reason[expected])).toBe(true);
    }
  });
});

describe('a malformed PUBLISH', () => {
  test.each([
    ['no topic length', frameOf(0x30, [0])],
    ['a topic beyond the packet', frameOf(0x30, [0, 5], Buffer.from('abc'))],
    ['no packet identifier', frameOf(0x32, prefixed('a'), [1])],
    ['no property length', frameOf(0x30, prefixed('a'))],
    ['properties beyond the packet', frameOf(0x30, prefixed('a'), [5, 0x01, 0x01])],
    ['half an integer property', frameOf(0x30, prefixed('a'), properties([0x02, 0, 0, 1]))],
    ['half an alias', frameOf(0x30, prefixed('a'), properties([0x23, 0]))],
    ['a property without a value', frameOf(0x30, prefixed('a'), properties([0x01]))],
    [
      'a string beyond its block',
      frameOf(0x30, prefixed('a'), properties([0x03, 0, 2, 0x61]), Buffer.from('bc')),
    ],
    [
      'half a user property',
      frameOf(0x30, prefixed('a'), properties([0x26], prefixed('name')), prefixed('value')),
    ],
    ['half a string length', frameOf(0x30, prefixed('a'), properties([0x03, 0]), [0])],
  ])('%s is truncated (MQTT 5.0 4.13)', (_what, buffer) => {
    expect(parse(buffer).why).toBe('truncated');
  });

  test('packet identifier 0 is a protocol error (MQTT 5.0 2.2.1)', () => {
    expect(parse(frameOf(0x32, prefixed('a'), uint16(0), 0)).why).toBe('packetIdZero');
    expect(parse(frameOf(0x34, prefixed('a'), uint16(0)), 4).why).toBe('packetIdZero');
  });

  test('a wildcard in the topic is malformed in every version (MQTT 5.0 3.3.2.1, 3.1.1: 3.3.2.1)', () => {
    for (const version of [3, 4, 5] as const) {
      const afterTopic = version === 5 ? [0] : [];
      expect(parse(frameOf(0x30, prefixed('a/+'), afterTopic), version).why).toBe('topicWildcard');
    }
  });

  test.each([
    ['alias 0', [0x23, 0, 0], 'topicAliasInvalid'],
    ['an alias beyond the maximum', [0x23, 0, 11], 'topicAliasInvalid'],
  ])('%s is invalid (MQTT 5.0 3.3.2.3.4)', (_what, block, expected) => {
    expect(parse(qos1(properties(block))).why).toBe(expected);
  });

  test.each([
    ['payload format 2', [0x01, 2], 'propertyValue'],
    ['a subscription identifier', [0x0b, 1], 'subscriptionIdFromClient'],
    ['a session expiry', [0x11, 0, 0, 0, 1], 'propertyNotAllowed'],
    ['a reason string', [0x1f, 0, 0], 'propertyNotAllowed'],
    ['an unknown property', [0x7f, 0], 'propertyNotAllowed'],
    ['property 0', [0x00], 'propertyNotAllowed'],
    ['a content type with U+0000', [0x03, 0, 1, 0], 'utf8Null'],
    ['a content type that is not UTF-8', [0x03, 0, 1, 0x80], 'utf8Invalid'],
    ['a user property value that is not UTF-8', [0x26, 0, 1, 0x61, 0, 1, 0xff], 'utf8Invalid'],
    ['a user property name that is not UTF-8', [0x26, 0, 1, 0xff, 0, 1, 0x61], 'utf8Invalid'],
    ['a response topic with a wildcard', [0x08, 0, 1, 0x23], 'responseTopicWildcard'],
    ['an empty response topic', [0x08, 0, 0], 'propertyValue'],
  ])('%s is refused (MQTT 5.0 3.3.2.3)', (_what, block, expected) => {
    expect(parse(qos1(properties(block))).why).toBe(expected);
  });

  test.each([
    ['payload format', [0x01, 1]],
    ['message expiry', [0x02, 0, 0, 0, 1]],
    ['content type', [0x03, 0, 1, 0x61]],
    ['response topic', [0x08, 0, 1, 0x61]],
    ['correlation data', [0x09, 0, 1, 0x61]],
    ['topic alias', [0x23, 0, 1]],
  ])('%s twice is a protocol error (MQTT 5.0 3.3.2.3)', (_what, block) => {
    expect(parse(qos1(properties(block))).why).toBe('ok');
    expect(parse(qos1(properties(block, block))).why).toBe('propertyDuplicate');
  });

  test('a padded or overlong property length is malformed (MQTT 5.0 1.5.5)', () => {
    expect(parse(qos1([0x80, 0x00])).why).toBe('lengthNotMinimal');
    expect(parse(qos1([0x82, 0x00, 0x01, 0x01])).why).toBe('lengthNotMinimal');
    expect(parse(qos1([0xff, 0xff, 0xff, 0xff, 0x01])).why).toBe('lengthTooLong');
    expect(parse(qos1([0xff])).why).toBe('truncated');
  });
});

describe('properties without the alias', () => {
  const alias = [0x23, 0, 3];
  const user = bytes(0x26, prefixed('#'), prefixed('##'));
  const expiry = [0x02, 0x23, 0x23, 0x23, 0x23];

  test.each([
    ['no properties', [], []],
    ['an alias alone', [alias], []],
    ['an alias first', [alias, expiry, user], [expiry, user]],
    ['an alias between', [expiry, alias, user], [expiry, user]],
    ['an alias last', [[0x01, 1], user, alias], [[0x01, 1], user]],
    ['no alias', [user, expiry, [0x03, 0, 3, 0x23, 0, 3]], [user, expiry, [0x03, 0, 3, 0x23, 0, 3]]],
  ])('are copied from %s', (_what, parts, expected) => {
    const source = bytes([0xee], ...parts, [0xee]);
    const target = Buffer.alloc(64, 0xaa);
    const end = copyPropertiesWithoutAlias(source, 1, source.length - 1, target, 5);
    expect(target.subarray(5, end)).toEqual(bytes(...expected));
    expect(target[4]).toBe(0xaa);
    expect(target[end]).toBe(0xaa);
  });
});
