// What a device of a tenant gets: its own topics, and nothing else.

import { describe, expect, test } from 'vitest';
import { Mount, noMount } from '../../../../../gateway/admission/access/mount.ts';
import { unmountPublish } from '../../../../../gateway/listener/outbound/unmount-publish.ts';
import { FlowHarness, parse, puback, publishFrame } from './flow-harness.ts';

const acme = new Mount('acme');
const versions = [3, 4, 5] as const;

describe('a PUBLISH', () => {
  test.each(versions)(
    'comes without the name of the tenant, and is the same otherwise (MQTT level %i)',
    (version) => {
      for (const topic of ['a', 'a/b', '/', '/x', 'acme/x', 'größe', 'x'.repeat(130)]) {
        const properties = { contentType: 'text', responseTopic: 'acme/r', messageExpiryInterval: 9 };
        const fields = {
          qos: 1,
          messageId: 0x0102,
          retain: true,
          dup: true,
          payload: 'y'.repeat(20),
          properties,
        } as const;
        const mounted = publishFrame(version, { ...fields, topic: `acme/${topic}` });
        const before = Buffer.from(mounted);
        expect(unmountPublish(mounted, acme)).toEqual(publishFrame(version, { ...fields, topic }));
        expect(mounted).toEqual(before);
      }
    },
  );

  test.each([
    'acme',
    'acme/',
    'acme/$SYS/x',
    'acme/$x',
    'zeta/a',
    'acmex/a',
    'Acme/a',
    '/acme/a',
    'a',
    '$SYS/x',
  ])('of the topic %j is not for it', (topic) => {
    expect(unmountPublish(publishFrame(5, { topic }), acme)).toBe(null);
  });

  test('without a tenant is what it was', () => {
    const frame = publishFrame(5, { topic: 'acme/a' });
    expect(unmountPublish(frame, noMount)).toBe(frame);
  });
});

describe('towards a client of a tenant', () => {
  test('every PUBLISH is unmounted, those of a run of packets too', () => {
    for (const version of versions) {
      const harness = new FlowHarness({ version, mount: acme });
      const topics = ['acme/a', 'acme/b/c', 'acme/acme/d'];
      harness.aedesWrites(...topics.map((topic, i) => harness.publish({ topic, qos: 1, messageId: i + 1 })));
      expect(harness.wire).toMatchObject([
        { topic: 'a', messageId: 1 },
        { topic: 'b/c', messageId: 2 },
        { topic: 'acme/d', messageId: 3 },
      ]);
    }
  });

  test('what is not of the tenant is discarded and counted, and the engine takes it for delivered', () => {
    const harness = new FlowHarness({ mount: acme });
    harness.aedesWrites(
      harness.publish({ topic: 'acme' }),
      harness.publish({ topic: 'zeta/a', qos: 1, messageId: 2 }),
      harness.publish({ topic: 'acme/$SYS/a', qos: 2, messageId: 3 }),
      harness.publish({ topic: 'acme/a', payload: 'own' }),
    );
    expect(harness.wirePayloads).toEqual(['own']);
    expect(harness.discards).toEqual([
      ['not-of-tenant', 1],
      ['not-of-tenant', 1],
      ['not-of-tenant', 1],
    ]);
    expect(harness.toAedes).toMatchObject([
      { cmd: 'puback', messageId: 2 },
      { cmd: 'pubrec', messageId: 3, reasonCode: 0x83 },
    ]);
  });

  test('one that waits for the window leaves unmounted, with what is left of its lifetime', () => {
    const harness = new FlowHarness({ mount: acme, receiveMaximum: 1 });
    const properties = { messageExpiryInterval: 10 };
    harness.aedesWrites(
      harness.publish({ topic: 'acme/a', qos: 1, messageId: 1 }),
      harness.publish({ topic: 'acme/b', qos: 1, messageId: 2, properties }),
    );
    harness.clock.advance(4_000);
    harness.clientSends(puback(1));
    expect(harness.wire[1]).toMatchObject({ topic: 'b', properties: { messageExpiryInterval: 6 } });
  });

  test('the Maximum Packet Size holds for what is sent, without the name of the tenant', () => {
    const own = publishFrame(5, { topic: 'a', payload: 'y'.repeat(30) });
    const harness = new FlowHarness({ mount: acme, maximumPacketBytes: own.length });
    harness.aedesWrites(harness.publish({ topic: 'acme/a', payload: 'y'.repeat(30) }));
    expect(harness.discards).toEqual([]);
    expect(Buffer.concat(harness.sent)).toEqual(own);
  });

  test('a property that does not belong there is taken out as well', () => {
    const harness = new FlowHarness({ mount: acme });
    harness.aedesWrites(
      harness.publish({ topic: 'acme/a', properties: { topicAlias: 3, contentType: 'c' } }),
    );
    expect(parse(Buffer.concat(harness.sent), 5)).toMatchObject([
      { topic: 'a', properties: { contentType: 'c' } },
    ]);
    expect(harness.wire[0]).not.toHaveProperty('properties.topicAlias');
  });
});
