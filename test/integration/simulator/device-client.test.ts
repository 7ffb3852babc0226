import { connectAsync } from 'mqtt';
import type { IPublishPacket, Packet } from 'mqtt-packet';
import { describe, expect, test } from 'vitest';
import { hasMosquitto, startMosquitto } from '../../support/mosquitto.ts';
import { waitFor } from '../../support/wait-for.ts';
import { clientClasses, Subject } from './device-harness.ts';
import { type Peer, startScript } from './device-script.ts';

const upTo = (end: number) => Array.from({ length: end }, (_, sequence) => sequence);

const pubackTo = (packet: Packet, reasonCode = 0): Packet => ({
  cmd: 'puback',
  messageId: packet.messageId ?? 0,
  reasonCode,
});

/** As a server does that is well. */
function answerAll(packet: Packet, { send }: Peer): void {
  const { messageId = 0 } = packet;
  if (packet.cmd === 'publish' && packet.qos === 1) send({ cmd: 'puback', messageId, reasonCode: 0 });
  if (packet.cmd === 'publish' && packet.qos === 2) send({ cmd: 'pubrec', messageId, reasonCode: 0 });
  if (packet.cmd === 'pubrel') send({ cmd: 'pubcomp', messageId, reasonCode: 0 });
}

/** Answers from the second connection on. */
function answerLater(packet: Packet, peer: Peer): void {
  if (peer.connection > 1) answerAll(packet, peer);
}

const idOf = (line: string) => Number(line.split(/[ :]/)[1]);

describe.each(clientClasses)('$name', ({ Client }) => {
  describe.runIf(hasMosquitto())('at mosquitto', () => {
    test.each([4, 5] as const)('publishes with every QoS, in order, MQTT version %i', async (version) => {
      await using broker = await startMosquitto();
      const url = `mqtt://127.0.0.1:${broker.port}`;
      const listener = await connectAsync(url, { protocolVersion: version });
      const payloads: string[] = [];
      listener.on('message', (_topic, payload) => void payloads.push(`${payload}`));
      await listener.subscribeAsync('plant/#', { qos: 2 });
      using subject = new Subject(Client, { url, version, windowMessages: 7 });
      await subject.connect();
      const qosOf = (sequence: number) => (sequence % 3) as 0 | 1 | 2;
      await subject.publishAll(upTo(300), qosOf);
      await subject.waitUntil(() => subject.acked.length === 200 && payloads.length === 300);
      await subject.client.disconnect(2000);
      await listener.endAsync();
      expect([...subject.acked].sort((a, b) => a - b)).toEqual(upTo(300).filter(qosOf));
      for (const qos of [0, 1, 2]) {
        const ofQos = upTo(300).filter((sequence) => qosOf(sequence) === qos);
        const lines = ofQos.map((sequence) => `payload ${sequence}`);
        expect(payloads.filter((line) => lines.includes(line))).toEqual(lines);
      }
      expect(subject.latenciesMs.every((ms) => ms >= 0 && ms < 5000)).toBe(true);
      expect(subject.client.inFlight).toBe(0);
      expect(subject.client.bytesSent).toBeGreaterThan(300 * 'plant/subjectpayload 1'.length);
      expect(subject.log).toEqual(['connected false', 'lost: said goodbye']);
    });

    test('carries large payloads and the retain flag', async () => {
      await using broker = await startMosquitto();
      const url = `mqtt://127.0.0.1:${broker.port}`;
      using subject = new Subject(Client, { url });
      await subject.connect();
      const payload = Buffer.alloc(300_000, 'x');
      subject.client.publish({ topic: 'plant/large', payload, qos: 1, retain: true, sequence: 5 });
      await subject.waitUntil(() => subject.acked.length === 1);
      const listener = await connectAsync(url);
      const arrivals: IPublishPacket[] = [];
      listener.on('message', (_topic, _payload, packet) => void arrivals.push(packet));
      await listener.subscribeAsync('plant/large');
      await waitFor(() => arrivals.length > 0, { what: 'the retained message' });
      await listener.endAsync();
      expect(payload.equals(arrivals[0].payload as Buffer)).toBe(true);
      expect(arrivals[0].retain).toBe(true);
    });

    test('is told what its wrong password leads to, and tries again', async () => {
      await using broker = await startMosquitto({
        allowAnonymous: false,
        files: { passwords: '' },
        lines: ['password_file {directory}/passwords'],
      });
      const url = `mqtt://127.0.0.1:${broker.port}`;
      using subject = new Subject(Client, { url, username: 'someone', password: 'wrong' });
      subject.client.connect();
      await subject.waitUntil(() => subject.log.length >= 3);
      expect(subject.log.every((line) => /^failed: .*(0x87|Not authorized)/.test(line))).toBe(true);
      expect(subject.client.isConnected).toBe(false);
    });
  });

  test('says in CONNECT what its options say', async () => {
    await using script = await startScript();
    using subject = new Subject(Client, {
      url: script.url,
      clientId: 'dev-ü',
      keepAliveS: 17,
      sessionExpiryS: 4711,
      username: 'someone',
      password: 'geheim',
    });
    await subject.connect();
    expect(script.peers[0].connect).toMatchObject({
      protocolVersion: 5,
      clientId: 'dev-ü',
      clean: false,
      keepalive: 17,
      username: 'someone',
      password: Buffer.from('geheim'),
      properties: { sessionExpiryInterval: 4711 },
    });
    using other = new Subject(Client, { url: script.url, version: 4, cleanSession: true });
    await other.connect();
    expect(script.peers[1].connect).toMatchObject({ protocolVersion: 4, clientId: 'subject', clean: true });
  });

  test('has no more under way than its window, and says when there is room again', async () => {
    const held: (() => void)[] = [];
    await using script = await startScript({
      answer: (packet, { send }) => void held.push(() => send(pubackTo(packet))),
    });
    using subject = new Subject(Client, { url: script.url, windowMessages: 3 });
    expect(subject.publish(0)).toBe(false); // not connected
    await subject.connect();
    await subject.waitUntil(() => subject.ready === 1);
    expect(upTo(5).map((sequence) => subject.publish(sequence))).toEqual([true, true, true, false, false]);
    expect(subject.client.inFlight).toBe(3);
    await waitFor(() => held.length === 3, { what: 'three publishes' });
    held.shift()!();
    await subject.waitUntil(() => subject.ready === 2);
    expect(subject.acked).toEqual([0]);
    expect([subject.publish(3), subject.publish(4)]).toEqual([true, false]);
  });

  test('keeps to the Receive Maximum of the server', async () => {
    await using script = await startScript({ receiveMaximum: () => 2 });
    using subject = new Subject(Client, { url: script.url });
    await subject.connect();
    expect(upTo(3).map((sequence) => subject.publish(sequence))).toEqual([true, true, false]);
  });

  test('sends again what was not answered: in order, same ids, with DUP, and reports it once', async () => {
    await using script = await startScript({ answer: answerLater });
    using subject = new Subject(Client, { url: script.url });
    await subject.connect();
    for (const sequence of upTo(6)) subject.publish(sequence, sequence % 2 === 0 ? 1 : 2);
    await waitFor(() => script.peers[0].seen.length === 6, { what: 'the publishes' });
    script.peers[0].end();
    await subject.waitUntil(() => subject.acked.length === 6 && subject.client.inFlight === 0);
    const first = script.peers[0].seen;
    const again = script.peers[1].seen.filter((line) => line.startsWith('publish'));
    expect(again).toEqual(first.map((line) => line.replace(':', ' dup:')));
    expect([...subject.acked].sort()).toEqual(upTo(6));
    expect(subject.log.map((line) => line.replace(/: .*/, ''))).toEqual([
      'connected false',
      'lost',
      'connected true',
    ]);
  });

  test('sends them as new when the server has lost the session', async () => {
    await using script = await startScript({ answer: answerLater, keepsSession: false });
    using subject = new Subject(Client, { url: script.url });
    await subject.connect();
    for (const sequence of upTo(3)) subject.publish(sequence);
    await waitFor(() => script.peers[0].seen.length === 3, { what: 'the publishes' });
    script.peers[0].end();
    await subject.waitUntil(() => subject.acked.length === 3);
    expect(script.peers[1].seen).toEqual(script.peers[0].seen);
  });

  test('what is sent after a new connection does not overtake what is sent again', async () => {
    await using script = await startScript({ answer: answerLater });
    using subject = new Subject(Client, { url: script.url });
    await subject.connect();
    for (const sequence of upTo(3)) subject.publish(sequence);
    await waitFor(() => script.peers[0].seen.length === 3, { what: 'the publishes' });
    script.peers[0].end();
    await subject.waitUntil(() => subject.log.length > 1);
    await subject.publishAll([3, 4], () => 1);
    await subject.waitUntil(() => subject.acked.length === 5);
    expect(script.peers[1].seen.map((line) => line.split(': ')[1])).toEqual(
      upTo(5).map((sequence) => `payload ${sequence}`),
    );
    expect(subject.acked).toEqual(upTo(5));
  });

  test('sends again as the server takes it, when that takes less than before, and nothing new meanwhile', async () => {
    const held: (() => void)[] = [];
    await using script = await startScript({
      receiveMaximum: (connection) => (connection === 1 ? 10 : 1),
      answer: (packet, { connection, send }) => {
        if (connection > 1) held.push(() => send(pubackTo(packet)));
      },
    });
    using subject = new Subject(Client, { url: script.url });
    await subject.connect();
    for (const sequence of upTo(4)) subject.publish(sequence);
    await waitFor(() => script.peers[0].seen.length === 4, { what: 'the publishes' });
    script.peers[0].end();
    await subject.waitUntil(() => subject.connects === 2);
    const taken: boolean[] = [];
    subject.onAcked = () => void (subject.acked.length < 4 && taken.push(subject.publish(4)));
    for (let answered = 1; answered <= 4; answered++) {
      await waitFor(() => held.length === answered, { what: `publish ${answered} again` });
      held[answered - 1]();
    }
    await subject.waitUntil(() => subject.acked.length === 4);
    expect(taken).toEqual([false, false, false]);
    await subject.publishAll([4], () => 1);
    await waitFor(() => held.length === 5, { what: 'the new one' });
    held[4]();
    await subject.waitUntil(() => subject.acked.length === 5);
    expect(subject.acked).toEqual(upTo(5));
  });

  test('sends PUBREL again, and never the message, once PUBREC has come', async () => {
    await using script = await startScript({
      answer: (packet, peer) => {
        if (packet.cmd === 'publish' || peer.connection > 1) answerAll(packet, peer);
        else peer.end(); // at PUBREL
      },
    });
    using subject = new Subject(Client, { url: script.url });
    await subject.connect();
    subject.publish(0, 2);
    await waitFor(() => script.peers[1]?.seen.length === 1, { what: 'PUBREL on a second connection' });
    expect(script.peers[1].seen).toEqual([`pubrel ${idOf(script.peers[0].seen[0])}`]);
    expect(subject.acked).toEqual([0]);
    await subject.client.disconnect(1000);
    expect(script.peers[1].seen.at(-1)).toBe('disconnect');
  });

  test('reports a refusal with its code, and does not send the message again', async () => {
    await using script = await startScript({
      answer: (packet, { send }) => {
        if (packet.cmd !== 'publish') return;
        const { messageId = 0 } = packet;
        if (packet.qos === 1) send(pubackTo(packet, 0x97));
        else send({ cmd: 'pubrec', messageId, reasonCode: 0x87 });
      },
    });
    using subject = new Subject(Client, { url: script.url });
    await subject.connect();
    subject.publish(0, 1);
    subject.publish(1, 2);
    await subject.waitUntil(() => subject.refused.length === 2);
    script.peers[0].end();
    await subject.waitUntil(() => subject.connects === 2);
    subject.publish(2, 1);
    await subject.waitUntil(() => subject.refused.length === 3);
    expect(subject.refused).toEqual([
      [0, 0x97],
      [1, 0x87],
      [2, 0x97],
    ]);
    expect(subject.acked).toEqual([]);
    expect(script.peers[1].seen).toHaveLength(1);
  });

  test('reports an acknowledgement once, however often the server says it', async () => {
    await using script = await startScript({
      answer: (packet, { send }) => {
        for (let i = 0; i < 3; i++) send(pubackTo(packet));
      },
    });
    using subject = new Subject(Client, { url: script.url });
    await subject.connect();
    for (const sequence of upTo(3)) subject.publish(sequence);
    await subject.waitUntil(() => subject.acked.length >= 3);
    subject.publish(3);
    await subject.waitUntil(() => subject.acked.includes(3));
    expect(subject.acked).toEqual(upTo(4));
  });

  test('counts every refused CONNECT once, and gets in when the server lets it', async () => {
    const connackCode = (connection: number) => (connection <= 2 ? 0x88 : 0);
    await using script = await startScript({ connackCode, keepsSession: false });
    using subject = new Subject(Client, { url: script.url });
    await subject.connect();
    expect(subject.log).toEqual([
      expect.stringMatching(/^failed: .*(0x88|Server unavailable)/),
      expect.stringMatching(/^failed: .*(0x88|Server unavailable)/),
      'connected false',
    ]);
  });

  test('says goodbye, stays away, and sends what was unanswered when it is back', async () => {
    await using script = await startScript({ answer: answerLater });
    using subject = new Subject(Client, { url: script.url });
    await subject.connect();
    subject.publish(0);
    await waitFor(() => script.peers[0].seen.length === 1, { what: 'the publish' });
    const goodbye = subject.client.disconnect(100);
    expect(subject.publish(1)).toBe(false);
    await goodbye;
    expect(script.peers[0].seen.at(-1)).toBe('disconnect');
    expect(subject.client).toMatchObject({ isConnected: false, inFlight: 1 });
    expect(subject.log.at(-1)).toBe('lost: said goodbye');
    await subject.connect();
    await subject.waitUntil(() => subject.acked.length === 1);
    expect(script.peers).toHaveLength(2);
    expect(script.peers[1].seen).toEqual([script.peers[0].seen[0].replace(':', ' dup:')]);
  });

  test('waits with its goodbye for what is under way', async () => {
    await using script = await startScript({ answer: answerAll });
    using subject = new Subject(Client, { url: script.url });
    await subject.connect();
    for (const sequence of upTo(5)) subject.publish(sequence, 2);
    await subject.client.disconnect(5000);
    expect(subject.acked).toEqual(upTo(5));
    expect(script.peers[0].seen.at(-1)).toBe('disconnect');
  });

  test('drops the connection without a word and comes back', async () => {
    await using script = await startScript();
    using subject = new Subject(Client, { url: script.url });
    await subject.connect();
    subject.client.drop();
    expect(subject.client.isConnected).toBe(false);
    await subject.waitUntil(() => subject.connects === 2);
    await waitFor(() => script.peers[0].isClosed, { what: 'the end of the first connection' });
    expect(script.peers[0].seen).toEqual([]);
    expect(subject.log).toEqual(['connected false', 'lost: dropped by the device', 'connected true']);
  });

  test('leaves nothing behind when it is destroyed', async () => {
    await using script = await startScript({ keepsSession: false });
    const subject = new Subject(Client, { url: script.url });
    await subject.connect();
    subject.client.destroy();
    await waitFor(() => script.peers[0].isClosed, { what: 'the end of the connection' });
    // Somebody else's connection, made after ten of its waits, is the next that the server sees.
    using other = new Subject(Client, {
      url: script.url,
      clientId: 'other',
      reconnect: { minMs: 9, maxMs: 9 },
    });
    for (let round = 0; round < 10; round++) {
      await other.connect();
      other.client.drop();
      other.client.destroy();
    }
    expect(script.peers.slice(1).map(({ connect }) => connect.clientId)).toEqual(new Array(10).fill('other'));
    expect(subject.log).toEqual(['connected false', 'lost: ended by the device']);
    expect(subject.publish(0)).toBe(false);
  });
});
