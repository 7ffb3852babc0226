import type { ISubscribePacket, IUnsubscribePacket } from 'mqtt-packet';
import { describe, expect, test } from 'vitest';
import { Mount, noMount } from '../../../../../gateway/admission/access/mount.ts';
import { cutFrame, Frame } from '../../../../../gateway/listener/frames/fixed-header.ts';
import {
  mountSubscribe,
  mountUnsubscribe,
} from '../../../../../gateway/listener/frames/mount-subscription.ts';
import { reason } from '../../../../../gateway/listener/frames/reasons.ts';
import {
  validateSubscribe,
  validateUnsubscribe,
} from '../../../../../gateway/listener/frames/subscription-validator.ts';
import { frameOf, prefixed, uint16 } from '../../../../support/mqtt-bytes.ts';
import { encodePacket, packetMaxima, validPacket } from '../../../../support/mqtt-frame-packets.ts';
import { Random } from '../../../../support/mqtt-frame-random.ts';
import { encode, parse } from '../outbound/flow-harness.ts';

const acme = new Mount('acme');
const versions = [3, 4, 5] as const;
type Version = (typeof versions)[number];

function subscribe(version: Version, ...filters: string[]): Buffer {
  const subscriptions = filters.map((topic) => ({ topic, qos: 1 as const }));
  return encode({ cmd: 'subscribe', messageId: 7, subscriptions }, version);
}

function mountedFilters(version: Version, ...filters: string[]): string[] {
  const frame = mountSubscribe(subscribe(version, ...filters), version, acme);
  return (parse(frame, version)[0] as ISubscribePacket).subscriptions.map(({ topic }) => topic);
}

describe('a filter of a tenant', () => {
  test.each(versions)('lies behind the name of the tenant (MQTT level %i)', (version) => {
    const filters = [
      'a/b',
      '#',
      '+',
      '+/#',
      '/',
      '//x',
      '/acme/x',
      '../zeta/#',
      'zeta/#',
      'größe/温度',
      '$SYS/#',
    ];
    expect(mountedFilters(version, ...filters)).toEqual(filters.map((filter) => `acme/${filter}`));
  });

  test('of a shared subscription does so too, behind the name of the share (MQTT 5.0 4.8.2)', () => {
    expect(
      mountedFilters(5, '$share/g/a/#', '$share/a/#', '$share/g//x', '$share/zeta/$share/g/x', '$shared/x'),
    ).toEqual([
      '$share/g/acme/a/#',
      '$share/a/acme/#',
      '$share/g/acme//x',
      '$share/zeta/acme/$share/g/x',
      'acme/$shared/x',
    ]);
  });

  test.each([3, 4] as const)('that looks shared is one like any other at MQTT level %i', (version) => {
    expect(mountedFilters(version, '$share/g/a/#', '$share/zeta/#')).toEqual([
      'acme/$share/g/a/#',
      'acme/$share/zeta/#',
    ]);
  });

  test('keeps its options, and the packet its identifier and properties', () => {
    const packet = {
      cmd: 'subscribe' as const,
      messageId: 0x1234,
      subscriptions: [
        { topic: 'a', qos: 2 as const, nl: true, rap: true, rh: 1 },
        { topic: 'b', qos: 0 as const, nl: false, rap: false, rh: 2 },
      ],
      properties: { subscriptionIdentifier: 300, userProperties: { k: 'v'.repeat(200) } },
    };
    const [mounted] = parse(mountSubscribe(encode(packet, 5), 5, acme), 5);
    const [a, b] = packet.subscriptions;
    expect(mounted).toMatchObject({
      ...packet,
      subscriptions: [
        { ...a, topic: 'acme/a' },
        { ...b, topic: 'acme/b' },
      ],
    });
  });

  test('is unsubscribed from under the same name', () => {
    for (const version of versions) {
      const unsubscriptions = ['a', '#', '$share/g/x'];
      const frame = encode({ cmd: 'unsubscribe', messageId: 9, unsubscriptions }, version);
      const [mounted] = parse(mountUnsubscribe(frame, version, acme), version);
      expect((mounted as IUnsubscribePacket).unsubscriptions).toEqual(
        mountedFilters(version, ...unsubscriptions),
      );
    }
  });

  test('makes the length of the packet a byte longer where it has to', () => {
    const frame = subscribe(4, 'x'.repeat(120));
    expect(frame[1]).toBe(125);
    const mounted = mountSubscribe(frame, 4, acme);
    expect([mounted[1], mounted[2]]).toEqual([0x82, 0x01]);
    expect(mounted.length).toBe(frame.length + 6);
  });

  test('is found behind a length that is longer than it needs to be, before MQTT 5', () => {
    const frame = Buffer.from([0x82, 0x86, 0x00, 0, 7, 0, 1, 0x61, 1]);
    expect(parse(mountSubscribe(frame, 4, acme), 4)).toMatchObject([
      { subscriptions: [{ topic: 'acme/a', qos: 1 }] },
    ]);
  });

  test('that has no room for the name of the tenant is not cut off', () => {
    const frame = frameOf(0x82, uint16(7), prefixed('x'.repeat(65_533)), 0);
    expect(() => mountSubscribe(frame, 4, acme)).toThrow('too long');
    const fitting = frameOf(0x82, uint16(7), prefixed('x'.repeat(65_530)), 0);
    expect(parse(mountSubscribe(fitting, 4, acme), 4)).toMatchObject([
      { subscriptions: [{ topic: `acme/${'x'.repeat(65_530)}` }] },
    ]);
  });
});

test('without a tenant a frame is what it was', () => {
  const frame = subscribe(5, 'a', '$share/g/#');
  expect(mountSubscribe(frame, 5, noMount)).toBe(frame);
  expect(mountUnsubscribe(frame, 5, noMount)).toBe(frame);
});

test('every valid SUBSCRIBE and UNSUBSCRIBE stays one, and nothing else in it changes', () => {
  const random = new Random(20260131);
  const view = new Frame();
  const seen = { subscribe: 0, unsubscribe: 0 };
  while (seen.subscribe < 400 || seen.unsubscribe < 200) {
    const version = random.pick(versions);
    const packet = validPacket(random, version);
    if (packet.cmd !== 'subscribe' && packet.cmd !== 'unsubscribe') continue;
    seen[packet.cmd]++;
    const isSubscribe = packet.cmd === 'subscribe';
    const original = encodePacket(packet, version);
    const before = Buffer.from(original);
    const mounted = (isSubscribe ? mountSubscribe : mountUnsubscribe)(original, version, acme);
    expect(original).toEqual(before);
    const rules = { ...packetMaxima, topicLevelsMax: 100, version };
    expect(cutFrame(mounted, 0, mounted.length, view, rules)).toBe(reason.ok);
    expect(view.bodyEnd).toBe(mounted.length);
    expect((isSubscribe ? validateSubscribe : validateUnsubscribe)(mounted, view, rules)).toBe(reason.ok);
    expect(unmounted(parse(mounted, version)[0])).toEqual(unmounted(parse(original, version)[0]));
  }
});

/** Without what the mount adds, wherever it is, and without the length. */
function unmounted(packet: object): unknown {
  const { length: _, ...rest } = packet as { length?: number };
  return JSON.parse(JSON.stringify(rest).replaceAll('acme/', ''));
}
