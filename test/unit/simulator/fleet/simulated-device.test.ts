import { describe, expect, test } from 'vitest';
import { findMark } from '../../../../simulator/mark.ts';
import type { StepKind } from '../../../../simulator/profile/profile.ts';
import { type DeviceUnderTest, deviceUnderTest } from '../../../support/simulated-devices.ts';

/** Steps one ms after the other, from `fromMs` on. */
function run({ device }: DeviceUnderTest, kinds: readonly StepKind[], fromMs = 0): void {
  for (const [i, kind] of kinds.entries()) device.run({ kind, atMs: 0 }, fromMs + i);
}

function times(count: number): StepKind[] {
  return Array.from({ length: count }, () => 'publish');
}

function marksOf({ client }: DeviceUnderTest) {
  return client.messages.map(({ payload }) => findMark(payload)!);
}

describe('a device that is connected', () => {
  test('sends each reading at once, numbered without gaps and marked with when it was due', () => {
    const made = deviceUnderTest();
    made.client.open();
    run(made, times(3), 100);
    expect(marksOf(made)).toEqual([
      { run: 'test', device: 7, sequence: 0, timeMs: 100 },
      { run: 'test', device: 7, sequence: 1, timeMs: 101 },
      { run: 'test', device: 7, sequence: 2, timeMs: 102 },
    ]);
    expect(made.device.sentCount).toBe(3);
    expect(made.counters).toMatchObject({ sent: 3, sentQos0: 0, skipped: 0, connected: 1, connections: 1 });
    expect(made.counters.payloadBytes).toBe(made.client.bytesSent);
  });

  test('has its own idea of the time in its payloads', () => {
    const seen: number[] = [];
    const payload = {
      next: ({ timeMs, mark }: { timeMs: number; mark: string }) => {
        seen.push(timeMs);
        return Buffer.from(mark);
      },
    };
    const made = deviceUnderTest({ payload, wallStartMs: () => 5_000_000 });
    made.client.open();
    run(made, ['publish'], 250);
    expect(seen).toEqual([5_000_250]);
  });

  test('accounts for what is acknowledged and what is refused, by sequence', () => {
    const latencies: number[] = [];
    const made = deviceUnderTest({ onAck: (ms) => void latencies.push(ms) });
    made.client.open();
    run(made, times(3));
    made.client.ack(1, 12);
    made.client.refuse();
    expect(made.device.acked.has(0)).toBe(true);
    expect(made.device.refused.has(1)).toBe(true);
    expect(made.device.acked.size + made.device.refused.size).toBe(2);
    expect(made.counters).toMatchObject({ sent: 3, acked: 1, refused: 1 });
    expect(latencies).toEqual([12]);
    expect(made.device.owes).toBe(true);
    made.client.ack();
    expect(made.device.owes).toBe(false);
  });

  test('counts QoS 0 apart and expects no answer', () => {
    const made = deviceUnderTest({ qos: 0 });
    made.client.open();
    run(made, times(50));
    expect(made.counters).toMatchObject({ sent: 0, sentQos0: 50 });
    expect(made.device).toMatchObject({ owes: false, isQos0: true });
  });
});

describe('a device whose window is full', () => {
  test('keeps one message ready, which goes first with the number it was given', () => {
    const made = deviceUnderTest();
    made.client.open();
    made.client.window = 2;
    run(made, times(4));
    expect(made.client.sequences).toEqual([0, 1]);
    expect(made.counters).toMatchObject({ sent: 2, skipped: 1 }); // the fourth had no place
    expect(made.device.owes).toBe(true);
    made.client.ack();
    expect(made.client.sequences).toEqual([0, 1, 2]);
    expect(marksOf(made)[2]).toMatchObject({ sequence: 2, timeMs: 2 });
    made.client.ack(2);
    run(made, ['publish'], 100);
    expect(made.client.sequences).toEqual([0, 1, 2, 3]);
    expect(made.device.sentCount).toBe(4);
  });

  test('keeps later readings in its store, in order, and skips what that does not hold', () => {
    const made = deviceUnderTest({ storeReadings: 3 });
    made.client.open();
    made.client.window = 1;
    run(made, times(7)); // one is under way, one ready, three in the store
    expect(made.counters.skipped).toBe(2);
    for (let i = 0; i < 5; i++) made.client.ack();
    expect(marksOf(made).map(({ sequence, timeMs }) => [sequence, timeMs])).toEqual([
      [0, 0],
      [1, 1],
      [2, 2],
      [3, 3],
      [4, 4],
    ]);
    expect(made.device.owes).toBe(false);
  });

  test('gives a message that was not taken its number all the same after a new connection', () => {
    const made = deviceUnderTest();
    made.client.open();
    made.client.window = 1;
    run(made, times(2));
    made.client.close();
    made.client.open();
    made.client.ack();
    expect(made.client.sequences).toEqual([0, 1]);
    expect(made.counters).toMatchObject({ connected: 1, connections: 2, reconnects: 1 });
  });
});

describe('a device without a connection', () => {
  test('skips readings when it has no store', () => {
    const made = deviceUnderTest();
    run(made, times(3));
    expect(made.counters.skipped).toBe(3);
    made.client.open();
    expect(made.client.messages).toEqual([]);
  });

  test('keeps them in its store, and sends them in order before anything new', () => {
    const made = deviceUnderTest({ storeReadings: 10 });
    run(made, times(3));
    made.client.window = 2;
    made.client.open();
    run(made, ['publish'], 50);
    for (let i = 0; i < 4; i++) made.client.ack();
    expect(marksOf(made).map(({ timeMs }) => timeMs)).toEqual([0, 1, 2, 50]);
    expect(made.counters.skipped).toBe(0);
  });

  test('counts the attempts that failed', () => {
    const made = deviceUnderTest();
    made.client.failToConnect();
    made.client.failToConnect();
    expect(made.counters).toMatchObject({ connectRefusals: 2, connected: 0 });
  });
});

describe('a device that saves up', () => {
  const saver = () => deviceUnderTest({ storeReadings: 10, flushesOnly: true });

  test('sends what it has kept when it flushes, and not before', () => {
    const made = saver();
    made.client.open();
    run(made, ['hold', 'hold', 'hold']);
    expect(made.client.messages).toEqual([]);
    run(made, ['flush', 'hold'], 10);
    expect(marksOf(made).map(({ timeMs }) => timeMs)).toEqual([0, 1, 2]);
    made.client.ack(3);
    expect(made.client.messages).toHaveLength(3);
    run(made, ['flush'], 20);
    expect(made.client.messages).toHaveLength(4);
  });

  test('goes on with what it flushed when there is room again, and no further', () => {
    const made = saver();
    made.client.window = 2;
    made.client.open();
    run(made, ['hold', 'hold', 'hold', 'hold', 'flush', 'hold', 'hold']);
    for (let i = 0; i < 6; i++) made.client.ack();
    expect(marksOf(made).map(({ timeMs }) => timeMs)).toEqual([0, 1, 2, 3]);
  });

  test('flushes when the connection comes later than the flush', () => {
    const made = saver();
    run(made, ['hold', 'hold', 'connect', 'flush']);
    expect(made.client.messages).toEqual([]);
    made.client.open();
    expect(made.client.messages).toHaveLength(2);
  });
});

describe('what a message says', () => {
  /** Of which a payload says how many readings there were when it was made. */
  function sampled(saysAtOnce: boolean) {
    let readings = 0;
    const payload = { next: ({ mark }: { mark: string }) => Buffer.from(`${readings} ${mark}`) };
    const made = deviceUnderTest({ payload, saysAtOnce, storeReadings: 3 });
    const take = (atMs: number) => {
      readings++; // as a profile does that decides by them, or that moves a recording on
      made.device.run({ kind: 'publish', atMs }, atMs);
    };
    const said = () => made.client.messages.map((message) => message.payload.toString().split(' ')[0]);
    return { made, take, said };
  }

  test('is what was read at its time, however much later it is sent', () => {
    const { made, take, said } = sampled(true);
    for (let i = 1; i <= 5; i++) take(i); // two find no room
    made.client.open();
    take(6);
    expect(said()).toEqual(['1', '2', '3', '6']);
    expect(marksOf(made).map(({ sequence, timeMs }) => [sequence, timeMs])).toEqual([
      [0, 1],
      [1, 2],
      [2, 3],
      [3, 6],
    ]);
    expect(made.counters.skipped).toBe(2);
    expect(made.device.sentCount).toBe(4);
  });

  test('need not be made before it is sent where it follows from the time alone', () => {
    const { made, take, said } = sampled(false);
    for (let i = 1; i <= 3; i++) take(i);
    made.client.open();
    expect(said()).toEqual(['3', '3', '3']);
  });
});

describe('a device that floods', () => {
  test('sends as fast as acknowledgements come, each marked with the time it is sent', () => {
    let nowMs = 0;
    const made = deviceUnderTest({ isFlood: true, nowMs: () => nowMs });
    made.client.window = 3;
    made.client.open();
    expect(made.client.sequences).toEqual([0, 1, 2]);
    nowMs = 40;
    made.client.ack(2);
    expect(made.client.sequences).toEqual([0, 1, 2, 3, 4]);
    expect(marksOf(made).map(({ timeMs }) => timeMs)).toEqual([0, 0, 0, 0, 40]); // the fourth was ready
    expect(made.counters.skipped).toBe(0);
  });

  test('ends with the message that was ready when it is told to stop', () => {
    const made = deviceUnderTest({ isFlood: true });
    made.client.window = 2;
    made.client.open();
    made.device.stopReading();
    made.client.ack(2);
    expect(made.client.sequences).toEqual([0, 1, 2]);
    made.client.ack();
    expect(made.device.owes).toBe(false);
  });
});

describe('a device that sleeps', () => {
  test('connects and says goodbye when its profile says so', () => {
    const made = deviceUnderTest({ storeReadings: 1 });
    run(made, ['connect', 'publish']);
    made.client.open(); // the reading was taken while it connected
    run(made, ['disconnect', 'connect'], 10);
    made.client.open();
    run(made, ['publish', 'disconnect'], 20);
    expect(made.client.calls).toEqual(['connect', 'disconnect', 'connect', 'disconnect']);
    expect(made.client.sequences).toEqual([0, 1]);
    expect(made.counters).toMatchObject({ connected: 0, connections: 2, reconnects: 1, skipped: 0 });
  });

  test('wakes up once more at the end for what it has not got rid of', () => {
    const made = deviceUnderTest({ storeReadings: 5, flushesOnly: true });
    run(made, ['hold', 'hold']);
    expect(made.device.owes).toBe(false); // it may keep them
    made.device.stopReading();
    expect(made.client.calls).toEqual(['connect']);
    expect(made.device.owes).toBe(true);
    made.client.open();
    made.client.ack(2);
    expect(made.device).toMatchObject({ owes: false, sentCount: 2 });
  });

  test('wakes up once more for answers that it has not heard', () => {
    const made = deviceUnderTest();
    made.client.open();
    run(made, ['publish', 'disconnect']);
    made.device.stopReading();
    expect(made.client.calls).toEqual(['disconnect', 'connect']);
  });

  test('that is kept away does not connect, and connects afterwards only if it is awake by then', () => {
    const made = deviceUnderTest();
    run(made, ['connect']);
    void made.device.keepAway(0);
    run(made, ['disconnect', 'connect', 'disconnect'], 10);
    made.device.letBack();
    expect(made.client.calls.filter((call) => call === 'connect')).toHaveLength(1);
    void made.device.keepAway(0);
    run(made, ['connect'], 20);
    made.device.letBack();
    expect(made.client.calls.filter((call) => call === 'connect')).toHaveLength(2);
  });

  test('that is kept away by two is let back by the second', () => {
    const made = deviceUnderTest();
    run(made, ['connect']);
    for (let i = 0; i < 2; i++) void made.device.keepAway(0);
    made.device.letBack();
    expect(made.client.calls.at(-1)).toBe('disconnect');
    made.device.letBack();
    expect(made.client.calls.at(-1)).toBe('connect');
  });

  test('is left asleep when it owes nothing', () => {
    const made = deviceUnderTest();
    made.device.stopReading();
    expect(made.client.calls).toEqual([]);
  });
});

describe('a device that is given up', () => {
  test('counts as skipped what it could not send, once, and gives it no number', () => {
    const made = deviceUnderTest({ storeReadings: 3 });
    made.client.open();
    made.client.window = 1;
    run(made, times(4));
    made.device.giveUp();
    made.device.giveUp();
    expect(made.counters).toMatchObject({ sent: 1, skipped: 3, givenUp: 3 });
    expect(made.device.sentCount).toBe(1);
    made.client.ack();
    expect(made.client.messages).toHaveLength(1);
    expect(made.device.owes).toBe(false);
  });
});
