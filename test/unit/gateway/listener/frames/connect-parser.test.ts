import { describe, expect, test } from 'vitest';
import {
  type ConnectResult,
  neverExpires,
  packetBytesUnlimited,
} from '../../../../../gateway/listener/frames/connect.ts';
import { parseConnect } from '../../../../../gateway/listener/frames/connect-parser.ts';
import { cutFrame, Frame } from '../../../../../gateway/listener/frames/fixed-header.ts';
import { explain, reason } from '../../../../../gateway/listener/frames/reasons.ts';
import { bytes, frameOf, prefixed, properties, uint16, uint32 } from '../../../../support/mqtt-bytes.ts';
import { packetMaxima } from '../../../../support/mqtt-frame-packets.ts';

function parse(buffer: Buffer): ConnectResult {
  const rules = { ...packetMaxima, version: 0 as const };
  const frame = new Frame();
  expect(cutFrame(buffer, 0, buffer.length, frame, rules)).toBe(reason.ok);
  return parseConnect(buffer, frame, rules);
}

/** Reason, version to answer in, CONNACK code; or `ok`. */
function outcome(buffer: Buffer): unknown {
  const result = parse(buffer);
  return result.ok ? 'ok' : [explain(result.reason).name, result.version, result.connackCode];
}

type Part = Parameters<typeof bytes>[number];
const levels = { 3: prefixed('MQIsdp'), 4: prefixed('MQTT'), 5: prefixed('MQTT') } as const;

/** A CONNECT with the given flags; `rest` follows the keep-alive (and, in MQTT 5, the properties). */
function connect(version: 3 | 4 | 5, flags: number, ...rest: Part[]): Buffer {
  const head = [levels[version], version, flags, uint16(30)];
  return frameOf(0x10, ...head, ...(version === 5 ? [[0]] : []), ...rest);
}

/** An MQTT 5 CONNECT with these properties. */
function connect5(...blocks: Part[]): Buffer {
  return frameOf(0x10, levels[5], 5, 2, uint16(30), properties(...blocks), prefixed('dev'));
}

const user = (name: string, value: string) => bytes(0x26, prefixed(name), prefixed(value));

describe('a CONNECT', () => {
  test('of MQTT 3.1.1 is read with the defaults of what it cannot say (3.1.1: 3.1)', () => {
    const will = [prefixed('will/topic'), prefixed('gone')];
    const result = parse(
      connect(4, 0xee, prefixed('dev-1'), ...will, prefixed('user'), prefixed([0, 1, 255])),
    );
    expect(result).toEqual({
      ok: true,
      connect: {
        version: 4,
        clientId: 'dev-1',
        cleanStart: true,
        keepAliveS: 30,
        username: 'user',
        password: Buffer.from([0, 1, 255]),
        will: {
          topic: 'will/topic',
          payload: Buffer.from('gone'),
          qos: 1,
          retain: true,
          delayS: 0,
          messageExpiryS: undefined,
          payloadFormatUtf8: false,
          contentType: undefined,
          responseTopic: undefined,
          correlationData: undefined,
          userProperties: [],
        },
        sessionExpiryS: 0,
        receiveMaximum: 65_535,
        maximumPacketBytes: packetBytesUnlimited,
        topicAliasMaximum: 0,
        requestProblemInfo: true,
        requestResponseInfo: false,
        authMethod: undefined,
        authData: undefined,
      },
    });
  });

  test('of MQTT 3.1 is read (3.1: 3.1)', () => {
    const result = parse(connect(3, 0x00, prefixed('dev')));
    expect(result).toMatchObject({
      ok: true,
      connect: {
        version: 3,
        clientId: 'dev',
        cleanStart: false,
        sessionExpiryS: neverExpires,
        will: undefined,
      },
    });
  });

  test('of MQTT 5 is read with all its properties (MQTT 5.0 3.1.2.11)', () => {
    const buffer = connect5(
      [0x11, ...uint32(0xffff_ffff)],
      [0x21, 0, 20],
      [0x27, 0, 1, 0, 0],
      [0x22, 0, 5],
      [0x19, 1],
      [0x17, 0],
      user('k', 'v'),
      user('k', 'v'),
      bytes(0x15, prefixed('SCRAM')),
      bytes(0x16, prefixed([1, 2])),
    );
    expect(parse(buffer)).toMatchObject({
      ok: true,
      connect: {
        version: 5,
        sessionExpiryS: neverExpires,
        receiveMaximum: 20,
        maximumPacketBytes: 65_536,
        topicAliasMaximum: 5,
        requestResponseInfo: true,
        requestProblemInfo: false,
        authMethod: 'SCRAM',
        authData: Buffer.from([1, 2]),
      },
    });
  });

  test('of MQTT 5 brings the properties of its will (MQTT 5.0 3.1.3.2)', () => {
    const block = properties(
      [0x18, 0, 0, 0, 9],
      [0x01, 1],
      [0x02, 0, 0, 0, 7],
      bytes(0x03, prefixed('t')),
      bytes(0x08, prefixed('r/t')),
      bytes(0x09, prefixed([9])),
      user('a', ''),
      user('a', 'b'),
    );
    const result = parse(connect(5, 0x16, prefixed(''), block, prefixed('w'), prefixed([])));
    expect(result).toMatchObject({
      ok: true,
      connect: {
        clientId: '',
        will: {
          topic: 'w',
          payload: Buffer.alloc(0),
          qos: 2,
          retain: false,
          delayS: 9,
          messageExpiryS: 7,
          payloadFormatUtf8: true,
          contentType: 't',
          responseTopic: 'r/t',
          correlationData: Buffer.from([9]),
          userProperties: [
            ['a', ''],
            ['a', 'b'],
          ],
        },
      },
    });
  });

  test('points nowhere into the buffer it was read from', () => {
    const buffer = connect(
      4,
      0xc6,
      prefixed('dev'),
      prefixed('w'),
      prefixed('gone'),
      prefixed('u'),
      prefixed('pw'),
    );
    const result = parse(buffer);
    buffer.fill(0);
    expect(result).toMatchObject({
      connect: { password: Buffer.from('pw'), will: { payload: Buffer.from('gone') } },
    });
  });

  test('may have a password without a user name in MQTT 5 only (MQTT 5.0 3.1.2.9, 3.1.1: 3.1.2.9)', () => {
    const rest = [prefixed('dev'), prefixed('secret')];
    expect(outcome(connect(5, 0x42, ...rest))).toBe('ok');
    expect(outcome(connect(4, 0x42, ...rest))).toEqual(['passwordWithoutUsername', 4, undefined]);
    expect(outcome(connect(3, 0x42, ...rest))).toEqual(['passwordWithoutUsername', 3, undefined]);
  });
});

describe('protocol name and level', () => {
  test.each([
    ['a level that nobody speaks', prefixed('MQTT'), 2, ['protocolLevel', 4, 0x01]],
    ['the level of MQTT 3.1 with the name of 3.1.1', prefixed('MQTT'), 3, ['protocolLevel', 4, 0x01]],
    ['the level of 3.1.1 with the name of 3.1', prefixed('MQIsdp'), 4, ['protocolLevel', 4, 0x01]],
    ['a level to come', prefixed('MQTT'), 6, ['protocolLevel', 5, 0x84]],
    ["a mosquitto bridge's level", prefixed('MQTT'), 0x84, ['protocolLevel', 4, 0x01]],
    ['another name', prefixed('MQTTX'), 4, ['protocolName', 4, 0x01]],
    ['a name in lower case', prefixed('mqtt'), 5, ['protocolName', 4, 0x01]],
  ])('%s is an unsupported version (MQTT 5.0 3.1.2.1, 3.1.2.2)', (_what, name, level, expected) => {
    expect(outcome(frameOf(0x10, name, level, 2, uint16(0), prefixed('dev')))).toEqual(expected);
  });
});

describe('connect flags', () => {
  test.each([3, 4, 5] as const)(
    'of version %i with the reserved bit are malformed (MQTT 5.0 3.1.2.3)',
    (version) => {
      const code = version === 5 ? 0x81 : undefined;
      expect(outcome(connect(version, 0x03, prefixed('dev')))).toEqual([
        'connectReservedFlag',
        version,
        code,
      ]);
    },
  );

  test('of a will without a will are malformed (MQTT 5.0 3.1.2.6, 3.1.2.7)', () => {
    for (const flags of [0x0a, 0x12, 0x1a, 0x22]) {
      expect(outcome(connect(4, flags, prefixed('dev')))).toEqual(['willFlags', 4, undefined]);
      expect(outcome(connect(5, flags, prefixed('dev')))).toEqual(['willFlags', 5, 0x81]);
    }
  });

  test('with will QoS 3 are malformed (MQTT 5.0 3.1.2.6)', () => {
    const buffer = connect(5, 0x1e, prefixed('dev'), [0], prefixed('w'), prefixed(''));
    expect(outcome(buffer)).toEqual(['willFlags', 5, 0x81]);
  });
});

describe('client identifiers', () => {
  test('of no length need MQTT 5, or 3.1.1 with a clean session (MQTT 5.0 3.1.3.1, 3.1.1: 3.1.3.1)', () => {
    expect(outcome(connect(5, 0x00, prefixed('')))).toBe('ok');
    expect(outcome(connect(4, 0x02, prefixed('')))).toBe('ok');
    expect(outcome(connect(4, 0x00, prefixed('')))).toEqual(['clientIdEmpty', 4, 0x02]);
    expect(outcome(connect(3, 0x02, prefixed('')))).toEqual(['clientIdEmpty', 3, 0x02]);
  });

  test.each([
    ['longer than the gateway takes', 'x'.repeat(257), 'clientIdTooLong'],
    ['with a control character', 'a\nb', 'clientIdCharacter'],
    ['with a non-character', 'a\ufffe', 'clientIdCharacter'],
    ['that every object inherits', 'constructor', 'clientIdReserved'],
    ['that is a prototype', '__proto__', 'clientIdReserved'],
  ])('%s are not valid (MQTT 5.0 3.1.3.1)', (_what, id, expected) => {
    expect(outcome(connect(5, 0x02, prefixed(id)))).toEqual([expected, 5, 0x85]);
    expect(outcome(connect(4, 0x02, prefixed(id)))).toEqual([expected, 4, 0x02]);
  });

  test('as long as the gateway takes are valid', () => {
    expect(outcome(connect(5, 0x02, prefixed('x'.repeat(256))))).toBe('ok');
  });

  test('with U+0000 or invalid UTF-8 are malformed (MQTT 5.0 1.5.4)', () => {
    expect(outcome(connect(5, 0x02, prefixed('a\0')))).toEqual(['utf8Null', 5, 0x81]);
    expect(outcome(connect(4, 0x02, prefixed([0xff])))).toEqual(['utf8Invalid', 4, undefined]);
  });
});

describe('fields of a CONNECT', () => {
  test.each([
    ['user name', connect(4, 0x82, prefixed('dev'), prefixed([0xc0, 0x80])), 'utf8Invalid'],
    ['user name', connect(4, 0x82, prefixed('dev'), prefixed('a\u0001')), 'characterDisallowed'],
    [
      'will topic',
      connect(4, 0x06, prefixed('dev'), prefixed([0xed, 0xa0, 0x80]), prefixed('')),
      'utf8Invalid',
    ],
  ])('%s has the rules of strings (MQTT 5.0 1.5.4)', (_what, buffer, expected) => {
    expect(outcome(buffer)).toEqual([expected, 4, undefined]);
  });

  test.each([
    ['a wildcard', 'a/#', ['topicWildcard', 4, undefined], ['topicWildcard', 5, 0x81]],
    ['no length', '', ['topicEmpty', 4, undefined], ['topicEmpty', 5, 0x82]],
    ['a reserved first level', '$SYS/x', ['topicReserved', 4, 0x05], ['topicReserved', 5, 0x87]],
    ['too many levels', '/'.repeat(32), ['topicTooDeep', 4, 0x05], ['topicTooDeep', 5, 0x90]],
  ])('a will topic with %s is refused (MQTT 5.0 3.1.3.3)', (_what, topic, expected4, expected5) => {
    expect(outcome(connect(4, 0x06, prefixed('dev'), prefixed(topic), prefixed('')))).toEqual(expected4);
    expect(outcome(connect(5, 0x06, prefixed('dev'), [0], prefixed(topic), prefixed('')))).toEqual(expected5);
  });

  test('any of them missing is malformed, at every length (MQTT 5.0 4.13)', () => {
    const whole = connect(
      4,
      0xc6,
      prefixed('dev'),
      prefixed('w'),
      prefixed('gone'),
      prefixed('u'),
      prefixed('pw'),
    );
    expect(outcome(whole)).toBe('ok');
    for (let length = 0; length < whole.length - 2; length++) {
      expect(outcome(frameOf(0x10, whole.subarray(2, 2 + length)))).toEqual(['truncated', 4, undefined]);
    }
  });

  test('with bytes after the last one are malformed (MQTT 5.0 4.13)', () => {
    expect(outcome(connect(4, 0x02, prefixed('dev'), [0]))).toEqual(['trailingBytes', 4, undefined]);
    expect(outcome(connect(5, 0x02, prefixed('dev'), [0]))).toEqual(['trailingBytes', 5, 0x81]);
  });

  test('in a frame with a padded length are malformed in MQTT 5 only (MQTT 5.0 1.5.5)', () => {
    const pad = (buffer: Buffer) => bytes(buffer[0]!, buffer[1]! | 0x80, 0, buffer.subarray(2));
    expect(outcome(pad(connect(4, 0x02, prefixed('dev'))))).toBe('ok');
    expect(outcome(pad(connect(5, 0x02, prefixed('dev'))))).toEqual(['lengthNotMinimal', 5, 0x81]);
  });
});

describe('properties of a CONNECT', () => {
  test.each([
    ['receive maximum 0 (MQTT 5.0 3.1.2.11.3)', [0x21, 0, 0], 'propertyValue', 0x82],
    ['maximum packet size 0 (MQTT 5.0 3.1.2.11.4)', [0x27, 0, 0, 0, 0], 'propertyValue', 0x82],
    ['request response information 2 (MQTT 5.0 3.1.2.11.6)', [0x19, 2], 'propertyValue', 0x82],
    ['request problem information 2 (MQTT 5.0 3.1.2.11.7)', [0x17, 2], 'propertyValue', 0x82],
    ['authentication data alone (MQTT 5.0 3.1.2.11.10)', [0x16, 0, 1, 1], 'authDataWithoutMethod', 0x82],
    ['a topic alias (MQTT 5.0 2.2.2.2)', [0x23, 0, 1], 'propertyNotAllowed', 0x81],
    ['a will delay outside the will (MQTT 5.0 2.2.2.2)', [0x18, 0, 0, 0, 1], 'propertyNotAllowed', 0x81],
    ['an assigned client identifier (MQTT 5.0 2.2.2.2)', [0x12, 0, 1, 0x61], 'propertyNotAllowed', 0x81],
  ])('%s is refused', (_what, block, expected, code) => {
    expect(outcome(connect5(block))).toEqual([expected, 5, code]);
  });

  test.each([
    [0x11, 0, 0, 0, 1],
    [0x21, 0, 1],
    [0x27, 0, 0, 0, 1],
    [0x22, 0, 0],
    [0x19, 1],
    [0x17, 1],
    [0x15, 0, 1, 0x61],
  ])('property %i twice is a protocol error (MQTT 5.0 3.1.2.11)', (...block) => {
    expect(outcome(connect5(block))).toBe('ok');
    expect(outcome(connect5(block, block))).toEqual(['propertyDuplicate', 5, 0x82]);
  });

  test.each([
    ['a session expiry', [0x11, 0, 0, 0, 1], 'propertyNotAllowed', 0x81],
    ['a topic alias', [0x23, 0, 1], 'propertyNotAllowed', 0x81],
    ['two delays', [0x18, 0, 0, 0, 1, 0x18, 0, 0, 0, 1], 'propertyDuplicate', 0x82],
    ['payload format 2', [0x01, 2], 'propertyValue', 0x82],
    ['a response topic with a wildcard', [0x08, 0, 1, 0x2b], 'responseTopicWildcard', 0x82],
  ])('%s in the will is refused (MQTT 5.0 3.1.3.2)', (_what, block, expected, code) => {
    const buffer = connect(5, 0x06, prefixed('dev'), properties(block), prefixed('w'), prefixed(''));
    expect(outcome(buffer)).toEqual([expected, 5, code]);
  });
});
