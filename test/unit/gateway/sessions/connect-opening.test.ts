import { describe, expect, test } from 'vitest';
import { Mount, noMount } from '../../../../gateway/admission/access/mount.ts';
import { answerOf } from '../../../../gateway/admission/connect-refusal.ts';
import type { AdmittedClient } from '../../../../gateway/admission/guest.ts';
import type { ConnectRequest } from '../../../../gateway/listener/connection-host.ts';
import { packetBytesUnlimited } from '../../../../gateway/listener/frames/connect.ts';
import { cutFrame, Frame } from '../../../../gateway/listener/frames/fixed-header.ts';
import { grantTerms, openConnect, refusalOf } from '../../../../gateway/sessions/connect-opening.ts';
import { encodePacket, type PacketFields, packetMaxima } from '../../../support/mqtt-frame-packets.ts';
import { parseByReference } from '../../../support/mqtt-reference.ts';
import { connectPacket } from '../../../support/raw-client.ts';

const versions = [3, 4, 5] as const;
type Version = (typeof versions)[number];
/** Neither at the beginning of the bytes nor at their end. */
const BEFORE = Buffer.from('before');

function open(packet: Buffer) {
  const bytes = Buffer.concat([BEFORE, packet, Buffer.from('after')]);
  const frame = new Frame();
  const rules = { ...packetMaxima, version: 0 as const };
  expect(cutFrame(bytes, BEFORE.length, bytes.length, frame, rules)).toBe(0);
  const opening = openConnect(bytes, frame, rules);
  bytes.fill(0); // the socket's buffer is used again
  return opening;
}

function opened(version: Version, fields: object = {}): ConnectRequest {
  const opening = open(encodePacket(connectPacket(version, fields), version));
  if (!opening.ok) throw new Error(opening.detail);
  return opening.request;
}

const limits = { keepAliveMaxS: 100, sessionExpiryMaxS: 1000, receiveMaximum: 20, packetBytesMax: 5000 };
const grant = (request: ConnectRequest, mount = noMount) =>
  grantTerms(request, { mount } as AdmittedClient, limits);
const packetOf = (bytes: Buffer, version: Version): PacketFields => {
  const parsed = parseByReference(bytes, version) as unknown as { packet: PacketFields };
  return parsed.packet;
};

describe.each(versions)('a CONNECT of MQTT level %i', (version) => {
  test('becomes a request that outlives the bytes it came in', () => {
    const fields = { clientId: 'dev-1', username: 'u', password: 'p', keepalive: 30 };
    const { connect, clientId, raw } = opened(version, fields);
    expect(clientId).toBe('dev-1');
    expect(connect).toMatchObject({ version, username: 'u', password: Buffer.from('p'), keepAliveS: 30 });
    expect(raw).toEqual(encodePacket(connectPacket(version, fields), version));
  });

  test('without a client id gets one, the same for admission and the engine', () => {
    if (version === 3) return; // MQTT 3.1 has no empty ones
    const request = opened(version, { clientId: '' });
    expect(request.clientId).toMatch(/^auto-[\w-]{8,}$/);
    const granted = grant(request, new Mount('acme'));
    expect(granted.clientId).toBe(`acme/${request.clientId}`);
    expect(packetOf(granted.frame, version)).toMatchObject({ clientId: `acme/${request.clientId}` });
    expect(granted.terms.connack.assignedClientId).toBe(version === 5 ? request.clientId : undefined);
    expect(opened(version, { clientId: '' }).clientId).not.toBe(request.clientId);
  });

  test('is granted what is within the bounds, under its mount', () => {
    const will = { topic: 'gone', payload: Buffer.from('x'), qos: 1, retain: false };
    const properties =
      version === 5 ? { properties: { sessionExpiryInterval: 5000, receiveMaximum: 7 } } : {};
    const request = opened(version, { clientId: 'd', keepalive: 500, will, ...properties });
    const { clientId, keepAliveS, terms, receiveMaximum, frame } = grant(request, new Mount('acme'));
    expect({ clientId, keepAliveS, receiveMaximum }).toEqual({
      clientId: 'acme/d',
      keepAliveS: version === 5 ? 100 : 500, // others cannot be told (MQTT 5.0 3.2.2.3.14)
      receiveMaximum: 20,
    });
    expect(terms.version).toBe(version);
    expect(terms.mount?.tenant).toBe('acme');
    expect(terms.connack).toMatchObject({ receiveMaximum: 20, maximumPacketBytes: 5000 });
    expect(packetOf(frame, version)).toMatchObject({ clientId: 'acme/d', will: { topic: 'acme/gone' } });
    if (version !== 5) return;
    expect(terms).toMatchObject({
      receiveMaximum: 7,
      connack: { serverKeepAliveS: 100, sessionExpiryS: 1000 },
    });
  });
});

describe('a CONNECT that MQTT itself refuses', () => {
  test('is answered as its version has it, where it has an answer', () => {
    const answerTo = (packet: Buffer) => {
      const opening = open(packet);
      return opening.ok ? 'accepted' : opening.answer === null ? null : [...opening.answer];
    };
    // MQTT-3.1.3-8: no name, and a session that is to be kept.
    const nameless = { ...connectPacket(4, {}), clientId: 'x', clean: false };
    const v4 = encodePacket(nameless, 4);
    const withoutName = Buffer.concat([Buffer.of(0x10, v4[1] - 1), v4.subarray(2, -3), Buffer.of(0, 0)]);
    expect(answerTo(withoutName)).toEqual([0x20, 2, 0, 2]);
    const level9 = Buffer.from(encodePacket(connectPacket(4, {}), 4));
    level9[8] = 9;
    expect(answerTo(level9)).not.toBe('accepted');
    const reservedFlag = Buffer.from(encodePacket(connectPacket(4, {}), 4));
    reservedFlag[9] |= 1;
    expect(answerTo(reservedFlag)).toBeNull();
    const v5 = Buffer.from(encodePacket(connectPacket(5, {}), 5));
    v5[9] |= 1;
    expect(answerTo(v5)).toEqual([0x20, 3, 0, 0x81, 0]);
  });
});

describe('the CONNACK for one who is not let in', () => {
  const answer = answerOf('bad-credentials');
  const unlimited = packetBytesUnlimited;

  test.each([3, 4] as const)('has a return code in MQTT level %i (3.1.1: 3.2.2.3)', (version) => {
    expect([...refusalOf({ version, maximumPacketBytes: unlimited }, answer)]).toEqual([0x20, 2, 0, 4]);
  });

  test('has a reason code and a Reason String in MQTT 5 (5.0 3.2.2.2, 3.2.2.3.9)', () => {
    const packet = refusalOf({ version: 5, maximumPacketBytes: unlimited }, answer);
    expect(packetOf(packet, 5)).toMatchObject({
      cmd: 'connack',
      sessionPresent: false,
      reasonCode: 0x86,
      properties: { reasonString: answer.text },
    });
  });

  test('is never larger than the client takes (MQTT-3.2.2-19)', () => {
    const whole = refusalOf({ version: 5, maximumPacketBytes: unlimited }, answer);
    expect(refusalOf({ version: 5, maximumPacketBytes: whole.length }, answer)).toEqual(whole);
    const short = refusalOf({ version: 5, maximumPacketBytes: whole.length - 1 }, answer);
    expect([...short]).toEqual([0x20, 3, 0, 0x86, 0]);
  });
});
