import { expect, test } from 'vitest';
import { HeldPings } from '../../../../gateway/listener/held-pings.ts';
import { encodePacket } from '../../../support/mqtt-frame-packets.ts';
import { Random } from '../../../support/mqtt-frame-random.ts';
import { seededRun } from '../../../support/seeded-run.ts';

const PINGREQ = Buffer.of(0xc0, 0);
const PINGRESP = Buffer.of(0xd0, 0);

/** Of so many bytes of payload, all of which look like pings. */
function publish(payloadBytes: number): Buffer {
  const payload = Buffer.alloc(payloadBytes);
  for (let i = 0; i < payloadBytes; i++) payload[i] = i % 2 === 0 ? 0xc0 : 0;
  return encodePacket({ cmd: 'publish', topic: 't', payload, qos: 1, messageId: 1 }, 4);
}

function heldPings() {
  const sent: Buffer[] = [];
  const pings = new HeldPings();
  return { pings, sent, answer: (kept: Buffer) => pings.answer(kept, (bytes) => sent.push(bytes)) };
}

test('a ping behind what waits is answered at once, and passed over when its turn comes', () => {
  const { pings, sent, answer } = heldPings();
  answer(Buffer.concat([publish(10), PINGREQ]));
  expect(sent).toEqual([PINGRESP]);
  pings.rewind();
  expect([pings.passOver(), pings.passOver()]).toEqual([true, false]);
});

test('a ping that was not looked for is not passed over', () => {
  expect(new HeldPings().passOver()).toBe(false);
});

test('however the bytes are cut, each ping is answered as soon as all of it is there, and none twice', () => {
  // Lengths of one, two and three bytes (MQTT 5.0 2.1.4).
  const frames = [publish(10), PINGREQ, publish(200), PINGREQ, PINGREQ, publish(17_000), PINGREQ, publish(0)];
  const bytes = Buffer.concat(frames);
  const pingEnds: number[] = [];
  frames.reduce((at, frame) => {
    if (frame.equals(PINGREQ)) pingEnds.push(at + frame.length);
    return at + frame.length;
  }, 0);
  const { sent, answer } = heldPings();
  for (let length = 0; length <= bytes.length; length++) {
    answer(bytes.subarray(0, length));
    expect(sent.length, `${length} bytes`).toBe(pingEnds.filter((end) => end <= length).length);
  }
  for (const cut of [1, 2, 3, 11, 17, 300, bytes.length - 3]) {
    const again = heldPings();
    again.answer(bytes.subarray(0, cut));
    again.answer(bytes);
    expect(again.sent).toHaveLength(pingEnds.length);
  }
});

test('nothing is looked for behind a length that is none: the frame ends the connection when its turn comes', () => {
  const { sent, answer } = heldPings();
  const kept = Buffer.concat([PINGREQ, Buffer.of(0x30, 0xff, 0xff, 0xff, 0xff, 0x01), PINGREQ]);
  answer(kept);
  answer(kept);
  expect(sent).toHaveLength(1);
});

test('the longest frame there is, is waited for', () => {
  const { sent, answer } = heldPings();
  const head = Buffer.of(0x30, 0xff, 0xff, 0xff, 0x7f);
  for (const more of [0, 1, 1000]) answer(Buffer.concat([head, Buffer.alloc(more, PINGREQ)]));
  expect(sent).toEqual([]);
});

test('whatever is handled in between, each ping is answered once: here, or when its turn comes', () =>
  seededRun(async (seed) => {
    const random = new Random(seed.int(2 ** 31));
    for (let run = 0; run < 200; run++) {
      const frames = random.list(1, 60, () =>
        random.chance(40) ? PINGREQ : publish(random.pick([0, 5, 120, 130, 300])),
      );
      const pings = frames.filter((frame) => frame === PINGREQ).length;
      const bytes = Buffer.concat(frames);
      const held = heldPings();
      let [arrived, handled, inTurn] = [0, 0, 0];
      while (frames.length > 0) {
        arrived = Math.min(bytes.length, arrived + random.int(200));
        // As long as nobody waits nothing is looked for.
        if (random.chance(70)) held.answer(bytes.subarray(handled, arrived));
        held.pings.rewind();
        for (let many = random.int(4); many > 0 && frames.length > 0; many--) {
          if (handled + frames[0].length > arrived) break;
          const frame = frames.shift()!;
          handled += frame.length;
          if (frame === PINGREQ && !held.pings.passOver()) inTurn++;
        }
      }
      expect(held.sent.length + inTurn).toBe(pings);
    }
  }));
