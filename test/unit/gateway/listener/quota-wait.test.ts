import { Duplex } from 'node:stream';
import { expect, test } from 'vitest';
import { ClientSocket } from '../../../../gateway/listener/client-socket.ts';
import { InboundBytes } from '../../../../gateway/listener/inbound-bytes.ts';
import { QuotaWait } from '../../../../gateway/listener/quota-wait.ts';
import { Hold, ReadingGate } from '../../../../gateway/listener/reading-gate.ts';

const PUBLISH = Buffer.concat([Buffer.of(0x30, 100), Buffer.alloc(100)]);
const PINGREQ = Buffer.of(0xc0, 0);
const PINGRESP = Buffer.of(0xd0, 0);

/** A connection's parts; `handle` is what becomes of kept bytes when the gate opens. */
function waiting(handle: (bytes: Buffer) => void = () => {}) {
  const sent: Buffer[] = [];
  const stream = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      sent.push(chunk);
      done();
    },
  }).resume();
  const inbound = new InboundBytes();
  const opened: number[] = [];
  const gate = new ReadingGate(stream, () => {
    wait.rewind();
    opened.push(inbound.kept.length);
    handle(inbound.take());
    wait.look();
  });
  const socket = new ClientSocket(stream, { bytesMax: 1000, onDrained: () => {} });
  const wait: QuotaWait = new QuotaWait({
    gate,
    inbound,
    socket,
    heldBytesMax: 250,
    keepLatest: ({ wireBytes }) => wireBytes === 7,
  });
  /** Bytes that have come while the gate was closed. */
  const come = (...chunks: Buffer[]): void => {
    for (const chunk of chunks) inbound.keep(inbound.append(chunk), 0, 0);
    wait.look();
  };
  return { wait, gate, inbound, stream, sent, opened, come };
}

test('pings are answered while the client waits for its quota, and passed over afterwards', () => {
  const { wait, gate, sent, come } = waiting();
  gate.close(Hold.quota);
  come(PUBLISH, PINGREQ);
  expect(sent).toEqual([PINGRESP]);
  expect([wait.passOver(), wait.passOver()]).toEqual([true, false]);
});

test('pings of a client that is held for another reason have their turn', () => {
  const { wait, gate, sent, come } = waiting();
  gate.close(Hold.session);
  come(PUBLISH, PINGREQ);
  expect(sent).toEqual([]);
  expect(wait.passOver()).toBe(false);
});

test('the socket is read until so much is kept, and again when less is', () => {
  const { wait, gate, inbound, stream, come } = waiting((bytes) => {
    inbound.keep(bytes, PUBLISH.length, 0);
    gate.close(Hold.quota);
  });
  gate.close(Hold.quota);
  come(PUBLISH, PUBLISH);
  expect(stream.isPaused()).toBe(false);
  come(PUBLISH);
  expect([stream.isPaused(), gate.holds(Hold.kept)]).toEqual([true, true]);
  wait.resume();
  expect([stream.isPaused(), gate.holds(Hold.kept), gate.holds(Hold.quota)]).toEqual([false, false, true]);
});

test('one that must wait again at once is looked after again', () => {
  const { wait, gate, inbound, sent, come } = waiting((bytes) => {
    inbound.keep(bytes, PUBLISH.length, 0);
    gate.close(Hold.quota);
  });
  gate.close(Hold.room);
  come(PUBLISH, PUBLISH, PINGREQ);
  expect(sent).toEqual([]);
  gate.open(Hold.room); // and now its quota is used up
  expect(sent).toEqual([PINGRESP]);
  wait.resume();
  expect(sent).toEqual([PINGRESP]);
  come(PINGREQ);
  expect(sent).toEqual([PINGRESP, PINGRESP]);
});

test('what is held for another reason too is handled when that is over', () => {
  const { wait, gate, opened, come } = waiting();
  gate.close(Hold.quota);
  gate.close(Hold.window);
  come(PUBLISH);
  wait.resume();
  expect([gate.holds(Hold.quota), opened]).toEqual([false, []]);
  gate.open(Hold.window);
  expect(opened).toEqual([PUBLISH.length]);
});

test('nothing happens to one that does not wait', () => {
  const { wait, gate, opened, sent } = waiting();
  wait.resume();
  wait.look();
  gate.close(Hold.window);
  wait.resume();
  expect([opened, sent, gate.holds(Hold.window)]).toEqual([[], [], true]);
});

test('the latest messages are kept by the connection', () => {
  const { wait } = waiting();
  const latest = (wireBytes: number) => ({ wireBytes }) as Parameters<QuotaWait['keepLatest']>[0];
  expect([wait.keepLatest(latest(7)), wait.keepLatest(latest(8))]).toEqual([true, false]);
});
