import type { IConnectPacket } from 'mqtt-packet';
import { describe, expect, test } from 'vitest';
import { Mount } from '../../../../../gateway/admission/access/mount.ts';
import { mendConnect } from '../../../../../gateway/listener/outbound/connect-mend.ts';
import { encode, parse } from './flow-harness.ts';

const limits = { keepAliveMaxS: 300, sessionExpiryMaxS: 3600 };

const will = { topic: 'w', payload: Buffer.from('gone'), qos: 1, retain: true } as const;
const login = { username: 'u', password: Buffer.from('p') };

function connect(fields: Partial<IConnectPacket>): Buffer {
  const protocolId = fields.protocolVersion === 3 ? 'MQIsdp' : 'MQTT';
  const packet = { protocolVersion: 5, clientId: 'c', clean: true, keepalive: 60, will, ...login } as const;
  return encode({ ...packet, protocolId, ...fields, cmd: 'connect' }, 5);
}

function mend(fields: Partial<IConnectPacket>) {
  const original = connect(fields);
  const untouched = Buffer.from(original);
  const mended = mendConnect(original, limits);
  expect(original).toEqual(untouched);
  return { ...mended, packet: parse(mended.frame, 5)[0] as IConnectPacket };
}

describe('keep alive (MQTT 5.0 3.2.2.3.14)', () => {
  test.each([0, 301, 65_535])(
    'an MQTT 5 keep alive of %i s becomes the limit, and the client is told',
    (asked) => {
      const { packet, keepAliveS, connack } = mend({ keepalive: asked });
      expect(packet).toMatchObject({ keepalive: 300, clientId: 'c', ...login });
      expect(keepAliveS).toBe(300);
      expect(connack).toEqual({ serverKeepAliveS: 300 });
    },
  );

  test('an MQTT 5 keep alive within the limit stays, and nothing is said (MQTT-3.2.2-22)', () => {
    expect(mend({ keepalive: 300 })).toMatchObject({
      packet: { keepalive: 300 },
      keepAliveS: 300,
      connack: {},
    });
  });

  test.each([3, 4] as const)(
    'level %i has no server keep alive: none and long ones stay',
    (protocolVersion) => {
      for (const keepalive of [0, 301]) {
        const { frame, keepAliveS, connack } = mend({ protocolVersion, keepalive });
        expect(frame).toEqual(connect({ protocolVersion, keepalive }));
        expect(keepAliveS).toBe(keepalive);
        expect(connack).toEqual({});
      }
    },
  );
});

describe('session expiry (MQTT 5.0 3.2.2.3.2)', () => {
  test('one above the limit becomes the limit, and the client is told', () => {
    const properties = { receiveMaximum: 5, sessionExpiryInterval: 0xffff_ffff, userProperties: { a: 'b' } };
    const { packet, connack } = mend({ properties });
    expect(packet.properties).toMatchObject({ ...properties, sessionExpiryInterval: 3600 });
    expect(connack).toEqual({ sessionExpiryS: 3600 });
  });

  test('one within the limit, or none, stays', () => {
    expect(mend({ properties: { sessionExpiryInterval: 3600 } }).connack).toEqual({});
    expect(mend({}).frame).toEqual(connect({}));
  });
});

describe('a client without a name', () => {
  test('of MQTT 5 gets one and is told it, with or without clean start (MQTT-3.1.3-6, MQTT-3.2.2-16)', () => {
    // mqtt-packet encodes no empty name without a clean start: the flag is cleared by hand.
    const frame = connect({ clientId: '', properties: { receiveMaximum: 5 } });
    for (const isClean of [true, false]) {
      if (!isClean) frame[9]! &= ~0x02;
      const { frame: mended, clientId, connack } = mendConnect(frame, limits);
      expect(clientId).toMatch(/^auto-[\w-]{22}$/);
      expect(connack).toEqual({ assignedClientId: clientId });
      expect(parse(mended, 5)).toMatchObject([
        { clientId, clean: isClean, properties: { receiveMaximum: 5 }, will: { topic: 'w' }, ...login },
      ]);
    }
  });

  test('gets another one each time', () => {
    const ids = Array.from({ length: 50 }, () => mend({ clientId: '' }).clientId);
    expect(new Set(ids).size).toBe(50);
  });

  test('of MQTT 3.1.1 gets one with a clean session only (MQTT-3.1.3-7, MQTT-3.1.3-8)', () => {
    const frame = connect({ protocolVersion: 4, clientId: '' });
    const { frame: mended, clientId, connack } = mendConnect(frame, limits);
    expect(clientId).toMatch(/^auto-[\w-]{22}$/);
    expect(parse(mended, 4)).toMatchObject([{ clientId, will: { topic: 'w' }, ...login }]);
    expect(connack).toEqual({});
    frame[9]! &= ~0x02;
    expect(mendConnect(frame, limits)).toMatchObject({ clientId: '', frame });
  });

  test('of MQTT 3.1 gets one of the 23 characters that it may have', () => {
    // mqtt-packet makes no such CONNECT: level 3, clean session, keep alive 10, empty name.
    const frame = Buffer.from('100e00064d51497364700302000a0000', 'hex');
    const { frame: mended, clientId } = mendConnect(frame, limits);
    expect(clientId).toMatch(/^auto-[\w-]{18}$/);
    expect(parse(mended, 3)).toMatchObject([{ clientId, keepalive: 10, clean: true }]);
  });

  test('makes the packet longer than one length byte can say without breaking it', () => {
    const long = { topic: 'w'.repeat(90), payload: Buffer.from('y'), qos: 0, retain: false } as const;
    const { packet, frame, clientId } = mend({ clientId: '', will: long });
    expect(connect({ clientId: '', will: long })[1]).toBeLessThan(0x80);
    expect(frame[1]).toBeGreaterThanOrEqual(0x80);
    expect(packet).toMatchObject({ clientId, will: { topic: long.topic } });
  });
});

describe('a client of a tenant', () => {
  const mount = new Mount('acme');
  const properties = { receiveMaximum: 5, sessionExpiryInterval: 99_999, userProperties: { a: 'b' } };
  const willProperties = { willDelayInterval: 7, contentType: 'c'.repeat(140) };

  function mounted(fields: Partial<IConnectPacket>, version: 3 | 4 | 5 = 5) {
    const original = connect({ protocolVersion: version, ...fields });
    const untouched = Buffer.from(original);
    const mended = mendConnect(original, limits, { mount });
    expect(original).toEqual(untouched);
    return { ...mended, packet: parse(mended.frame, version)[0] as IConnectPacket };
  }

  test.each([3, 4, 5] as const)(
    'and its will lie under the name of the tenant (MQTT level %i)',
    (version) => {
      const { packet, clientId, ownClientId } = mounted({ clientId: 'dev/1' }, version);
      expect([clientId, ownClientId]).toEqual(['acme/dev/1', 'dev/1']);
      expect(packet).toMatchObject({ clientId: 'acme/dev/1', will: { ...will, topic: 'acme/w' }, ...login });
    },
  );

  test('has everything else in its CONNECT as it sent it, mended as any', () => {
    const { packet, connack } = mounted({
      properties,
      keepalive: 0,
      will: { ...will, topic: 'w/größe', properties: willProperties },
    });
    expect(connack).toEqual({ serverKeepAliveS: 300, sessionExpiryS: 3600 });
    expect(packet).toMatchObject({
      clientId: 'acme/c',
      keepalive: 300,
      properties: { ...properties, sessionExpiryInterval: 3600 },
      will: { ...will, topic: 'acme/w/größe', properties: willProperties },
      ...login,
    });
  });

  test('without a will is renamed only', () => {
    const { packet } = mounted({ will: undefined });
    expect(packet).toMatchObject({ clientId: 'acme/c', ...login });
    expect(packet.will).toBeUndefined();
  });

  test('without a name is told the one it got, and not where it lies', () => {
    const { packet, clientId, ownClientId, connack } = mounted({ clientId: '' });
    expect(ownClientId).toMatch(/^auto-[\w-]{22}$/);
    expect(clientId).toBe(`acme/${ownClientId}`);
    expect(packet.clientId).toBe(clientId);
    expect(connack).toEqual({ assignedClientId: ownClientId });
  });

  test('gets the name that was chosen for it before', () => {
    const mended = mendConnect(connect({ clientId: '' }), limits, { mount, assignedClientId: 'chosen' });
    expect(mended).toMatchObject({ clientId: 'acme/chosen', connack: { assignedClientId: 'chosen' } });
    expect(mendConnect(connect({}), limits, { assignedClientId: 'chosen' })).toMatchObject({
      clientId: 'c',
      connack: {},
    });
  });

  test('of MQTT 3.1.1 that may not go without a name has none in the tenant either (MQTT-3.1.3-8)', () => {
    const frame = connect({ protocolVersion: 4, clientId: '', will: undefined });
    frame[9]! &= ~0x02;
    expect(mendConnect(frame, limits, { mount })).toMatchObject({ clientId: '', frame });
  });

  test('whose names have no room for that of the tenant is not cut off', () => {
    const long = 'x'.repeat(65_533);
    expect(() => mounted({ clientId: long })).toThrow('too long');
    expect(() => mounted({ will: { ...will, topic: long } })).toThrow('too long');
  });
});

test('the bridge bit of the protocol level does not hide the version', () => {
  const { packet } = mend({
    protocolVersion: 4,
    keepalive: 301,
    bridgeMode: true,
  } as Partial<IConnectPacket>);
  expect(packet).toMatchObject({ protocolVersion: 4, bridgeMode: true, keepalive: 301 });
});
