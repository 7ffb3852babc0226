import { describe, expect, test } from 'vitest';
import {
  disconnectSessionExpiryS,
  packetIdOf,
  reasonCodeOf,
  validateControl,
} from '../../../../../gateway/listener/frames/control-validator.ts';
import { cutFrame, Frame } from '../../../../../gateway/listener/frames/fixed-header.ts';
import type { FrameRules } from '../../../../../gateway/listener/frames/frame-rules.ts';
import { explain, reason } from '../../../../../gateway/listener/frames/reasons.ts';
import {
  subscribeFiltersOf,
  unsubscribeFiltersOf,
} from '../../../../../gateway/listener/frames/subscription-validator.ts';
import { bytes, frameOf, prefixed, properties, uint16 } from '../../../../support/mqtt-bytes.ts';
import { packetMaxima } from '../../../../support/mqtt-frame-packets.ts';

const rulesOf = (version: 3 | 4 | 5): FrameRules => ({ ...packetMaxima, version });

function cut(buffer: Buffer, version: 3 | 4 | 5): Frame {
  const frame = new Frame();
  expect(cutFrame(buffer, 0, buffer.length, frame, rulesOf(version))).toBe(reason.ok);
  return frame;
}

function judge(buffer: Buffer, version: 3 | 4 | 5): string {
  return explain(validateControl(buffer, cut(buffer, version), rulesOf(version))).name;
}

const id = uint16(0x1234);
const acknowledgements = [
  ['PUBACK', 0x40, [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99], 'MQTT 5.0 3.4.2.1'],
  ['PUBREC', 0x50, [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99], 'MQTT 5.0 3.5.2.1'],
  ['PUBREL', 0x62, [0x00, 0x92], 'MQTT 5.0 3.6.2.1'],
  ['PUBCOMP', 0x70, [0x00, 0x92], 'MQTT 5.0 3.7.2.1'],
] as const;

describe.each(acknowledgements)('%s', (_name, firstByte, codes, clause) => {
  test('is two bytes of packet identifier before MQTT 5 (3.1.1: 3.4 to 3.7)', () => {
    for (const version of [3, 4] as const) {
      expect(judge(frameOf(firstByte, id), version)).toBe('ok');
      expect(judge(frameOf(firstByte, id, [0]), version)).toBe('trailingBytes');
      expect(judge(frameOf(firstByte, [1]), version)).toBe('truncated');
      expect(judge(frameOf(firstByte), version)).toBe('truncated');
    }
  });

  test('has a packet identifier other than 0 (MQTT 5.0 2.2.1)', () => {
    expect(judge(frameOf(firstByte, uint16(0)), 4)).toBe('packetIdZero');
    expect(judge(frameOf(firstByte, uint16(0), [0, 0]), 5)).toBe('packetIdZero');
  });

  test(`has exactly the reason codes of ${clause}`, () => {
    for (let code = 0; code < 256; code++) {
      const allowed = (codes as readonly number[]).includes(code) ? 'ok' : 'reasonCodeUnknown';
      expect(judge(frameOf(firstByte, id, [code]), 5), `code ${code}`).toBe(allowed);
      expect(judge(frameOf(firstByte, id, [code, 0]), 5), `code ${code}`).toBe(allowed);
    }
  });

  test('may leave out reason code and properties, and has nothing after them (MQTT 5.0 3.4.2)', () => {
    expect(judge(frameOf(firstByte, id), 5)).toBe('ok');
    expect(judge(frameOf(firstByte, id, [0, 0, 0]), 5)).toBe('trailingBytes');
    expect(judge(frameOf(firstByte, id, [0, 1]), 5)).toBe('truncated');
  });

  test('has a reason string once and user properties (MQTT 5.0 3.4.2.2)', () => {
    const text = bytes(0x1f, prefixed('why'));
    const user = bytes(0x26, prefixed('k'), prefixed('v'));
    expect(judge(frameOf(firstByte, id, [0], properties(user, text, user)), 5)).toBe('ok');
    expect(judge(frameOf(firstByte, id, [0], properties(text, text)), 5)).toBe('propertyDuplicate');
    expect(judge(frameOf(firstByte, id, [0], properties([0x11, 0, 0, 0, 1])), 5)).toBe('propertyNotAllowed');
    expect(judge(frameOf(firstByte, id, [0], properties([0x1f, 0, 1, 0xff])), 5)).toBe('utf8Invalid');
  });

  test('tells its packet identifier and reason code', () => {
    for (const [buffer, code] of [
      [frameOf(firstByte, id), 0],
      [frameOf(firstByte, id, [codes[1]]), codes[1]],
      [frameOf(firstByte, id, [codes[1], 0]), codes[1]],
    ] as const) {
      expect(packetIdOf(buffer, cut(buffer, 5))).toBe(0x1234);
      expect(reasonCodeOf(buffer, cut(buffer, 5))).toBe(code);
    }
  });
});

describe('PINGREQ', () => {
  test('has no body (MQTT 5.0 3.12)', () => {
    expect(judge(frameOf(0xc0), 4)).toBe('ok');
    expect(judge(frameOf(0xc0, [0]), 4)).toBe('trailingBytes');
    expect(judge(frameOf(0xc0, [0]), 5)).toBe('trailingBytes');
  });
});

describe('DISCONNECT', () => {
  test('has no body before MQTT 5 (3.1.1: 3.14)', () => {
    for (const version of [3, 4] as const) {
      expect(judge(frameOf(0xe0), version)).toBe('ok');
      expect(judge(frameOf(0xe0, [0]), version)).toBe('trailingBytes');
    }
  });

  test('may leave out reason code and properties (MQTT 5.0 3.14.2.1, 3.14.2.2.1)', () => {
    expect(judge(frameOf(0xe0), 5)).toBe('ok');
    expect(judge(frameOf(0xe0, [4]), 5)).toBe('ok');
    expect(judge(frameOf(0xe0, [4, 0]), 5)).toBe('ok');
    expect(judge(frameOf(0xe0, [4, 0, 0]), 5)).toBe('trailingBytes');
  });

  test('has the reason codes that a client may send (MQTT 5.0 3.14.2.1)', () => {
    const codes = [0, 4, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99];
    for (let code = 0; code < 256; code++) {
      expect(judge(frameOf(0xe0, [code]), 5), `code ${code}`).toBe(
        codes.includes(code) ? 'ok' : 'reasonCodeUnknown',
      );
    }
  });

  test('has its own properties, each once (MQTT 5.0 3.14.2.2)', () => {
    const expiry = [0x11, 0, 0, 0, 60];
    expect(judge(frameOf(0xe0, [0], properties(expiry, 0x1f, prefixed('bye'))), 5)).toBe('ok');
    expect(judge(frameOf(0xe0, [0], properties(expiry, expiry)), 5)).toBe('propertyDuplicate');
    expect(judge(frameOf(0xe0, [0], properties([0x23, 0, 1])), 5)).toBe('propertyNotAllowed');
  });

  test('tells the session expiry it asks for (MQTT 5.0 3.14.2.2.2)', () => {
    const expiry = (buffer: Buffer) => disconnectSessionExpiryS(buffer, cut(buffer, 5));
    expect(expiry(frameOf(0xe0))).toBeUndefined();
    expect(expiry(frameOf(0xe0, [0]))).toBeUndefined();
    expect(expiry(frameOf(0xe0, [0, 0]))).toBeUndefined();
    expect(expiry(frameOf(0xe0, [0], properties([0x11, 0xff, 0xff, 0xff, 0xff])))).toBe(0xffff_ffff);
  });
});

describe('AUTH', () => {
  const method = bytes(0x15, prefixed('SCRAM'));

  test('has the reason codes that a client may send (MQTT 5.0 3.15.2.1)', () => {
    for (let code = 0; code < 256; code++) {
      const expected = code === 0x18 || code === 0x19 ? 'ok' : 'reasonCodeUnknown';
      expect(judge(frameOf(0xf0, [code], properties(method)), 5), `code ${code}`).toBe(expected);
    }
    expect(judge(frameOf(0xf0), 5)).toBe('reasonCodeUnknown');
  });

  test('names an authentication method (MQTT 5.0 3.15.2.2.2)', () => {
    expect(judge(frameOf(0xf0, [0x18, 0]), 5)).toBe('authMethodMissing');
    expect(judge(frameOf(0xf0, [0x18]), 5)).toBe('truncated');
    expect(judge(frameOf(0xf0, [0x18], properties(0x16, prefixed([1]))), 5)).toBe('authMethodMissing');
    expect(judge(frameOf(0xf0, [0x18], properties(method, method)), 5)).toBe('propertyDuplicate');
    expect(judge(frameOf(0xf0, [0x18], properties(method), [0]), 5)).toBe('trailingBytes');
  });
});

describe('SUBSCRIBE', () => {
  const subscribe = (...body: Parameters<typeof bytes>) => frameOf(0x82, id, ...body);

  test('is taken with several filters, and tells them in order (MQTT 5.0 3.8.3)', () => {
    const payload = [prefixed('a/+'), [1], prefixed('größe/#'), [2], prefixed('a/+'), [0]] as const;
    for (const version of [3, 4, 5] as const) {
      const block = version === 5 ? properties([0x0b, 0xff, 0x7f]) : [];
      const buffer = subscribe(block, ...payload);
      expect(judge(buffer, version)).toBe('ok');
      const frame = cut(buffer, version);
      expect(subscribeFiltersOf(buffer, frame, rulesOf(version))).toEqual(['a/+', 'größe/#', 'a/+']);
      expect(packetIdOf(buffer, frame)).toBe(0x1234);
    }
  });

  test('has a packet identifier other than 0 (MQTT 5.0 2.2.1)', () => {
    expect(judge(frameOf(0x82, uint16(0), prefixed('a'), [0]), 4)).toBe('packetIdZero');
    expect(judge(frameOf(0x82, [1]), 4)).toBe('truncated');
  });

  test('has at least one filter (MQTT 5.0 3.8.3)', () => {
    expect(judge(subscribe(), 4)).toBe('filterMissing');
    expect(judge(subscribe([0]), 5)).toBe('filterMissing');
  });

  test('has no more filters than are taken', () => {
    const most = Array.from({ length: packetMaxima.filtersMax }, () => bytes(prefixed('a'), [0]));
    expect(judge(subscribe(...most), 4)).toBe('ok');
    expect(judge(subscribe(...most, prefixed('a'), [0]), 4)).toBe('filtersTooMany');
  });

  test('has options after every filter (MQTT 5.0 3.8.3)', () => {
    expect(judge(subscribe(prefixed('a')), 4)).toBe('truncated');
    expect(judge(subscribe([0], prefixed('a'), [0], prefixed('b')), 5)).toBe('truncated');
    expect(judge(subscribe([0, 9], Buffer.from('abc')), 4)).toBe('truncated');
    expect(judge(subscribe(prefixed('a'), [0], [0]), 4)).toBe('truncated');
  });

  test('has exactly the options of its version (MQTT 5.0 3.8.3.1, 3.1.1: 3.8.3)', () => {
    for (let options = 0; options < 256; options++) {
      const expected4 = options > 3 ? 'subscriptionOptions' : options === 3 ? 'subscriptionQos3' : 'ok';
      expect(judge(subscribe(prefixed('a'), [options]), 4), `options ${options}`).toBe(expected4);
      let expected5 = 'ok';
      if ((options & 0x30) === 0x30) expected5 = 'retainHandling3';
      if ((options & 3) === 3) expected5 = 'subscriptionQos3';
      if (options > 0x3f) expected5 = 'subscriptionOptions';
      expect(judge(subscribe([0], prefixed('a'), [options]), 5), `options ${options}`).toBe(expected5);
    }
  });

  test('has no no-local on a shared subscription (MQTT 5.0 3.8.3.1)', () => {
    expect(judge(subscribe([0], prefixed('$share/g/a'), [0x05]), 5)).toBe('sharedNoLocal');
    expect(judge(subscribe([0], prefixed('$share/g/a'), [0x01]), 5)).toBe('ok');
    expect(judge(subscribe([0], prefixed('$shared/g/a'), [0x05]), 5)).toBe('ok');
  });

  test.each([
    ['subscription identifier 0', [0x0b, 0], 'propertyValue'],
    ['a padded subscription identifier', [0x0b, 0x81, 0x00], 'lengthNotMinimal'],
    ['a subscription identifier of five bytes', [0x0b, 0xff, 0xff, 0xff, 0xff, 1], 'lengthTooLong'],
    ['half a subscription identifier', [0x0b, 0x81], 'truncated'],
    ['two subscription identifiers', [0x0b, 1, 0x0b, 2], 'propertyDuplicate'],
    ['a reason string', [0x1f, 0, 0], 'propertyNotAllowed'],
  ])('with %s is refused (MQTT 5.0 3.8.2.1)', (_what, block, expected) => {
    expect(judge(subscribe(properties(block), prefixed('a'), [0]), 5)).toBe(expected);
  });

  test('has no property value that goes on in the filter after it (MQTT 5.0 2.2.2)', () => {
    const long = prefixed('x'.repeat(0x101));
    expect(judge(subscribe(properties([0x0b, 0x81]), long, [0]), 5)).toBe('truncated');
    expect(judge(subscribe(properties([0x0b, 0x01]), long, [0]), 5)).toBe('ok');
  });

  test('with one bad filter among good ones is refused (MQTT 5.0 4.7)', () => {
    expect(judge(subscribe(prefixed('a'), [0], prefixed('b#'), [0], prefixed('c'), [0]), 4)).toBe(
      'filterWildcard',
    );
    expect(judge(subscribe(prefixed('a'), [0], prefixed(''), [0]), 4)).toBe('filterEmpty');
  });
});

describe('UNSUBSCRIBE', () => {
  const unsubscribe = (...body: Parameters<typeof bytes>) => frameOf(0xa2, id, ...body);

  test('is taken with several filters, and tells them in order (MQTT 5.0 3.10.3)', () => {
    for (const version of [3, 4, 5] as const) {
      const user = bytes(0x26, prefixed('k'), prefixed('v'));
      const buffer = unsubscribe(version === 5 ? properties(user) : [], prefixed('a/#'), prefixed('b'));
      expect(judge(buffer, version)).toBe('ok');
      expect(unsubscribeFiltersOf(buffer, cut(buffer, version), rulesOf(version))).toEqual(['a/#', 'b']);
    }
  });

  test('has a packet identifier, a filter at least, and nothing else (MQTT 5.0 3.10)', () => {
    expect(judge(frameOf(0xa2, uint16(0), prefixed('a')), 4)).toBe('packetIdZero');
    expect(judge(unsubscribe(), 4)).toBe('filterMissing');
    expect(judge(unsubscribe([0]), 5)).toBe('filterMissing');
    expect(judge(unsubscribe(prefixed('a'), [0]), 4)).toBe('truncated');
    expect(judge(unsubscribe(properties([0x0b, 1]), prefixed('a')), 5)).toBe('propertyNotAllowed');
    expect(judge(unsubscribe(prefixed('a/#/b')), 4)).toBe('filterWildcard');
    expect(judge(unsubscribe([0], prefixed('$share/g')), 5)).toBe('sharedFilterSyntax');
    const most = Array.from({ length: packetMaxima.filtersMax }, () => prefixed('a'));
    expect(judge(unsubscribe(...most), 4)).toBe('ok');
    expect(judge(unsubscribe(...most, prefixed('a')), 4)).toBe('filtersTooMany');
  });
});

test('packets with a parser of their own are a fault of the caller', () => {
  const publish = frameOf(0x30, prefixed('a'));
  expect(() => validateControl(publish, cut(publish, 4), rulesOf(4))).toThrow('parser of its own');
});
