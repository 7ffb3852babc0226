import type { IPublishPacket } from 'mqtt-packet';
import { describe, expect, test } from 'vitest';
import { CommandInbox, type CommandInboxOptions } from '../../../../../bridge/sinks/mqtt/command-inbox.ts';
import { COMMANDS_OPEN_MAX } from '../../../../../bridge/sinks/mqtt/config.ts';
import type { CommandMessage } from '../../../../../bridge/sinks/sink.ts';

function setUp(changes: Partial<CommandInboxOptions> = {}) {
  const emitted: CommandMessage[] = [];
  const written: string[] = [];
  const inbox = new CommandInbox({
    gatewayId: 'gw',
    filters: [{ filter: 'cmd/#', qos: 1 }],
    protocolVersion: 5,
    emit: (command) => emitted.push(command),
    write: (bytes) => written.push(Buffer.from(bytes).toString('hex')),
    ...changes,
  });
  const receive = (packet: Partial<IPublishPacket> = {}): { readOn: boolean } => {
    const seen = { readOn: false };
    const whole: IPublishPacket = {
      cmd: 'publish',
      topic: 'cmd/1',
      payload: Buffer.from('on'),
      qos: 1,
      retain: false,
      dup: false,
      messageId: 7,
      ...packet,
    };
    inbox.receive(whole, () => {
      seen.readOn = true;
    });
    return seen;
  };
  return { inbox, emitted, written, receive };
}

describe('acknowledging', () => {
  test.each([
    [1, '40020007'],
    [2, '50020007'],
  ] as const)('a QoS %i command is acknowledged only after the gateway has taken it', (qos, packet) => {
    const { inbox, emitted, written, receive } = setUp();
    expect(receive({ qos }).readOn).toBe(true);
    expect(emitted).toMatchObject([{ topic: 'cmd/1', qos, retain: false }]);
    expect(written).toEqual([]);
    inbox.answer(emitted[0].id, true);
    expect(written).toEqual([packet]);
    inbox.answer(emitted[0].id, true);
    expect(written.length).toBe(1);
  });

  test('a QoS 0 command is not acknowledged', () => {
    const { inbox, emitted, written, receive } = setUp();
    receive({ qos: 0, messageId: undefined });
    inbox.answer(emitted[0].id, true);
    expect(written).toEqual([]);
  });

  test('one that the gateway cannot take is refused on MQTT 5 and acknowledged on MQTT 3.1.1', () => {
    const five = setUp();
    five.receive();
    five.inbox.answer(five.emitted[0].id, false);
    expect(five.written).toEqual(['4003000783']);
    const three = setUp({ protocolVersion: 4 });
    three.receive();
    three.inbox.answer(three.emitted[0].id, false);
    expect(three.written).toEqual(['40020007']);
  });

  test('one that is resent while the gateway is still at it is not handed on again', () => {
    const { inbox, emitted, written, receive } = setUp();
    receive();
    inbox.connected(true);
    receive({ dup: true });
    expect(emitted.length).toBe(1);
    inbox.answer(emitted[0].id, true);
    expect(written).toEqual(['40020007']);
  });

  test('a QoS 2 command that was received is not handed on again until it is released', () => {
    const { inbox, emitted, written, receive } = setUp();
    receive({ qos: 2 });
    inbox.answer(emitted[0].id, true);
    inbox.connected(true);
    receive({ qos: 2, dup: true });
    expect([emitted.length, written.length]).toEqual([1, 2]);
    inbox.released(7);
    receive({ qos: 2 });
    expect(emitted.length).toBe(2);
  });

  test('without the old session, packet ids mean something new', () => {
    const { inbox, emitted, written, receive } = setUp();
    receive();
    inbox.connected(false);
    receive({ payload: Buffer.from('another') });
    expect(emitted.length).toBe(2);
    inbox.answer(emitted[0].id, true);
    expect(written).toEqual([]);
  });
});

describe('loops', () => {
  test.each([
    ['our own record', { sluice: 'gw/main/12' }],
    ['our own batch, in several values', { sluice: ['x', 'gw/main/12/5'] }],
    ['our own origin', { 'sluice-origin': 'gw' }],
  ])('%s that comes back is acknowledged and dropped', (_name, userProperties) => {
    const { emitted, written, receive } = setUp();
    receive({ properties: { userProperties } });
    expect([emitted, written]).toEqual([[], ['40020007']]);
  });

  test('what comes from another gateway is a command', () => {
    const { emitted, receive } = setUp();
    receive({ properties: { userProperties: { sluice: 'gw-2/main/12', 'sluice-origin': 'gw-2' } } });
    expect(emitted.length).toBe(1);
  });

  test('what no filter asks for any more is acknowledged and dropped', () => {
    const { emitted, written, receive } = setUp();
    receive({ topic: 'old/1' });
    expect([emitted, written]).toEqual([[], ['40020007']]);
  });
});

test('the connection is not read on while too many commands are open', () => {
  const { inbox, emitted, receive } = setUp();
  const seen = Array.from({ length: COMMANDS_OPEN_MAX }, (_, i) => receive({ messageId: i + 1 }));
  expect(seen.slice(0, -1).every(({ readOn }) => readOn)).toBe(true);
  const last = seen.at(-1)!;
  expect(last.readOn).toBe(false);
  inbox.answer(emitted[0].id, true);
  expect(last.readOn).toBe(true);
});

test('properties that belong to the connection do not travel on', () => {
  const { emitted, receive } = setUp();
  receive({ properties: { subscriptionIdentifier: 1, contentType: 'x', messageExpiryInterval: 5 } });
  expect(emitted[0].properties).toEqual({ contentType: 'x', messageExpiryInterval: 5 });
});
