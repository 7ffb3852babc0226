import { describe, expect, test } from 'vitest';
import { Forwarder } from '../../../bridge/forwarder.ts';
import { Sender, type SendSettings } from '../../../bridge/sender.ts';
import type { SendResult } from '../../../bridge/sinks/sink.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { numberedBatch } from '../../support/record-batches.ts';
import { FakeSink } from './fake-sink.ts';
import { MemoryLog } from './memory-log.ts';
import { settled } from './settled.ts';

const settings: SendSettings = {
  batch: { maxBytes: 100_000, maxMessages: 10, lingerMs: 100 },
  inFlight: { batchesMax: 4, bytesMax: 1_000_000 },
  reconnect: { minMs: 1000, maxMs: 8000, stableAfterMs: 30_000 },
  ackTimeoutMs: 20_000,
  breaker: { failures: 3, openMs: 60_000 },
};

const refused: SendResult = {
  kind: 'retry',
  reason: 'quota exceeded',
  afterMs: 1000,
  settledCount: 0,
  rejections: [],
};

function setUp(changes: Partial<SendSettings> = {}, lanes = ['main']) {
  const clock = new FakeClock();
  const sink = new FakeSink();
  const log = new MemoryLog();
  const logged: string[] = [];
  const all = { ...settings, ...changes };
  const forwarders = lanes.map(
    (name, number) =>
      new Forwarder({
        sink: 'cloud',
        lane: { name, number },
        cursor: 0,
        nextOffset: 0,
        takes: 'encoded',
        compression: 'none',
        lingerMs: all.batch.lingerMs,
        backoff: all.reconnect,
        reader: log,
        clock,
        post: () => {},
      }),
  );
  const note = (level: string, message: string) => logged.push(`${level}: ${message}`);
  const sender = new Sender({
    settings: all,
    sink,
    forwarders,
    clock,
    log: note,
    changed: () => {},
  });
  sink.lost = (reason) => sender.lost(reason);
  const ends = lanes.map(() => 0);
  /** `batches` full batches more in a lane. */
  const append = async (batches: number, lane = 0) => {
    const count = batches * all.batch.maxMessages;
    log.append(lane, numberedBatch(ends[lane], count, { lane: lanes[lane] }));
    ends[lane] += count;
    forwarders[lane].appended(ends[lane]);
    sender.wake();
    await settled();
  };
  const connect = async (limits: Parameters<FakeSink['accept']>[0] = {}) => {
    sender.wake();
    sink.accept(limits);
    await settled();
  };
  const advance = async (ms: number) => {
    clock.advance(ms);
    await settled();
  };
  return { clock, sink, sender, log, logged, append, connect, advance, forwarders };
}

function sentOffsets(sink: FakeSink): number[] {
  return sink.sends.map(({ batch }) => batch.firstOffset);
}

describe('sending', () => {
  test('an idle sender that is connected has no timer', async () => {
    const { connect, clock, append, sink, advance } = setUp();
    await connect();
    expect(clock.timers).toBe(0);
    await append(1);
    expect(clock.timers).toBe(1); // the watchdog
    sink.deliver();
    await settled();
    expect(clock.timers).toBe(0);
    await advance(1_000_000);
    expect(sink.dropped).toEqual([]);
  });

  test('keeps several batches in flight, and sends the next when one is acknowledged', async () => {
    const { connect, append, sink } = setUp();
    await connect();
    await append(10);
    expect(sentOffsets(sink)).toEqual([0, 10, 20, 30]);
    sink.deliver(2);
    await settled();
    expect(sentOffsets(sink)).toEqual([20, 30, 40, 50]);
  });

  test('drains a backlog without anything new being appended', async () => {
    const { connect, append, sink, forwarders } = setUp();
    await append(25);
    await connect();
    for (let i = 0; i < 25 && sink.sends.length > 0; i++) {
      sink.deliver(1);
      await settled();
    }
    expect(forwarders[0].cursor).toBe(250);
  });

  test('passes dead letters without end by itself, while another lane has its turn', async () => {
    const { connect, append, sink, clock, log, forwarders } = setUp({}, ['dead', 'main']);
    for (let i = 0; i < 1000; i++) log.append(0, numberedBatch(i, 1, { deadLetters: [i] }));
    forwarders[0].appended(1000);
    await append(1, 1);
    await connect();
    expect(forwarders[0].cursor).toBeLessThan(500);
    expect(sink.sends.map(({ batch }) => batch.lane)).toEqual(['main']);
    sink.deliver();
    for (let i = 0; i < 1000 && clock.timers > 0; i++) {
      clock.advance(0);
      await settled();
    }
    expect(forwarders.map(({ cursor }) => cursor)).toEqual([1000, 10]);
    expect(clock.timers).toBe(0);
  });

  test('respects how many batches the upstream allows', async () => {
    const { connect, append, sink } = setUp();
    await connect({ batchesMax: 2 });
    await append(10);
    expect(sink.sends.length).toBe(2);
  });

  test('respects the bytes in flight over all lanes', async () => {
    const { connect, append, sink, sender } = setUp(
      {
        batch: { maxBytes: 2000, maxMessages: 10, lingerMs: 0 },
        inFlight: { batchesMax: 100, bytesMax: 5000 },
      },
      ['a', 'b'],
    );
    await connect();
    await append(20, 0);
    await append(20, 1);
    expect(sender.status.inFlightBytes).toBeLessThanOrEqual(5000);
    expect(sink.sends.length).toBeGreaterThan(1);
  });

  test('serves the lanes in turn', async () => {
    const { connect, append, sink } = setUp({ inFlight: { batchesMax: 2, bytesMax: 1_000_000 } }, [
      'bulk',
      'alarm',
    ]);
    await connect();
    await append(20, 0);
    await append(3, 1);
    const served: string[] = [];
    for (let i = 0; i < 8; i++) {
      served.push(sink.sends[0].batch.lane);
      sink.deliver(1);
      await settled();
    }
    expect(served.slice(2)).toEqual(['alarm', 'bulk', 'alarm', 'bulk', 'alarm', 'bulk']);
  });

  test('a refused lane does not hold up another', async () => {
    const { connect, append, sink } = setUp({}, ['denied', 'fine']);
    await connect();
    await append(1, 0);
    sink.sends[0].answer({ ...refused, afterMs: 500_000 });
    await settled();
    await append(2, 1);
    expect(sink.sends.map(({ batch }) => batch.lane)).toEqual(['fine', 'fine']);
  });

  test('wakes by itself when the linger time is over', async () => {
    const { connect, sink, log, forwarders, sender, clock, advance } = setUp();
    await connect();
    log.append(0, numberedBatch(0, 3));
    forwarders[0].appended(3);
    sender.wake();
    expect([sink.sends.length, clock.timers]).toEqual([0, 1]);
    await advance(100);
    expect(sentOffsets(sink)).toEqual([0]);
  });
});

describe('connections', () => {
  test('sends nothing and reads nothing without one', async () => {
    const { append, sink, log, sender } = setUp();
    sender.wake();
    await append(5);
    expect([sink.sends.length, log.reads, sink.connects]).toEqual([0, 0, 1]);
  });

  test('is tried again after a wait, and only one at a time', async () => {
    const { sink, sender, advance, logged } = setUp();
    sender.wake();
    sender.wake();
    expect(sink.connects).toBe(1);
    sink.connecting.shift()!({ kind: 'retry', reason: 'refused', afterMs: 0 });
    await settled();
    expect(sink.connects).toBe(1);
    await advance(1000);
    expect(sink.connects).toBe(2);
    expect(logged).toEqual(['warn: no connection to the upstream']);
    expect(sender.status).toMatchObject({ state: 'connecting', lastError: 'refused' });
  });

  test('waits as long as the sink asks for, and says loudly when a person is needed', async () => {
    const { sink, sender, advance, logged } = setUp();
    sender.wake();
    sink.connecting.shift()!({
      kind: 'retry',
      reason: 'not authorized',
      afterMs: 8000,
      hint: 'check the password',
    });
    await settled();
    await advance(7999);
    expect(sink.connects).toBe(1);
    await advance(1);
    expect(sink.connects).toBe(2);
    expect(logged).toEqual(['error: the upstream refuses this gateway']);
  });

  test('what was unacknowledged is sent again in order on the next one', async () => {
    const { connect, append, sink, advance, sender } = setUp();
    await connect();
    await append(4);
    sink.deliver(1);
    await settled();
    sink.break();
    await settled();
    expect(sink.sends).toEqual([]);
    await advance(1000);
    sink.accept();
    await settled();
    expect(sentOffsets(sink)).toEqual([10, 20, 30]);
    expect(sender.status).toMatchObject({
      reconnects: 1,
      retries: 3,
      state: 'connected',
      lastError: 'reset',
    });
  });

  test('after one without any acknowledgement, less is sent', async () => {
    const { connect, append, sink, advance } = setUp();
    await connect();
    await append(4);
    sink.break();
    await settled();
    await advance(1000);
    sink.accept();
    await settled();
    expect(sentOffsets(sink)).toEqual([0, 10]);
  });

  test('an upstream that is lost while idle is no failure of a batch', async () => {
    const { connect, sink, append, advance } = setUp();
    await connect();
    sink.break();
    await advance(1000);
    sink.accept();
    await append(10);
    expect(sink.sends.length).toBe(4);
  });

  test('one on which nothing is acknowledged is dropped', async () => {
    const { connect, append, sink, advance, sender } = setUp();
    await connect();
    await append(2);
    await advance(19_999);
    expect(sink.dropped).toEqual([]);
    await advance(1);
    expect(sink.dropped).toEqual(['nothing acknowledged for 20000 ms']);
    expect(sender.status).toMatchObject({ watchdogTrips: 1, inFlightBatches: 0, state: 'connecting' });
  });

  test('one whose head alone is never acknowledged is dropped in the end', async () => {
    const { connect, append, sink, advance } = setUp();
    await connect();
    await append(10);
    for (const { answer } of sink.sends.slice(1)) answer({ kind: 'delivered' });
    await settled();
    expect(sentOffsets(sink)).toEqual([0]);
    await advance(20_000);
    expect(sink.dropped.length).toBe(1);
  });
});

describe('circuit', () => {
  test('opens after failures in a row, and tries one batch when its time is over', async () => {
    const { connect, append, sink, advance, sender } = setUp();
    await connect();
    await append(10);
    for (let i = 0; i < 3; i++) {
      for (const { answer } of [...sink.sends]) answer(refused);
      await settled();
      await advance(8000);
    }
    expect([sender.status.state, sink.sends.length]).toEqual(['open-circuit', 0]);
    await advance(60_000);
    expect(sentOffsets(sink)).toEqual([0]);
    sink.deliver();
    await settled();
    expect([sender.status.state, sink.sends.length]).toEqual(['connected', 4]);
  });

  test('does not even connect while it is open', async () => {
    const { connect, append, sink, advance, sender } = setUp();
    await connect();
    await append(10);
    for (let i = 0; i < 3; i++) {
      for (const { answer } of [...sink.sends]) answer(refused);
      await settled();
      await advance(8000);
    }
    sink.lost('gone');
    await advance(30_000);
    expect([sink.connects, sender.status.state]).toEqual([1, 'open-circuit']);
    await advance(60_000);
    expect(sink.connects).toBe(2);
  });

  test('stays closed when there is no connection to be had: that is the matter of the back-off', async () => {
    const { sink, sender, advance } = setUp();
    sender.wake();
    for (let i = 0; i < 10; i++) {
      sink.connecting.shift()!({ kind: 'retry', reason: 'refused', afterMs: 0 });
      await settled();
      await advance(8000);
    }
    expect([sink.connects, sender.status.state]).toEqual([11, 'connecting']);
  });
});

describe('stopping', () => {
  test('waits for what is in flight, then closes; nothing is left', async () => {
    const { connect, append, sink, sender, clock, forwarders } = setUp();
    await connect();
    await append(10);
    const stopped = sender.stop(5000);
    await settled();
    expect(sink.closed).toBe(0);
    sink.deliver();
    await stopped;
    expect([sink.closed, sink.sends.length, clock.timers, forwarders[0].cursor]).toEqual([1, 0, 0, 40]);
    expect(sender.status.state).toBe('stopped');
  });

  test('closes at the deadline, without what was not acknowledged', async () => {
    const { connect, append, sink, sender, clock, advance, forwarders } = setUp();
    await connect();
    await append(2);
    const stopped = sender.stop(5000);
    await advance(4999);
    expect(sink.closed).toBe(0);
    await advance(1);
    await stopped;
    expect([sink.closed, clock.timers, forwarders[0].cursor]).toEqual([1, 0, 0]);
  });

  test('works while connecting, while waiting, and without a start', async () => {
    const connecting = setUp();
    connecting.sender.wake();
    await connecting.sender.stop(1000);
    const waiting = setUp();
    waiting.sender.wake();
    waiting.sink.connecting.shift()!({ kind: 'retry', reason: 'refused', afterMs: 0 });
    await settled();
    await waiting.sender.stop(1000);
    const idle = setUp();
    await idle.sender.stop(1000);
    for (const { clock, sender, sink } of [connecting, waiting, idle]) {
      expect([clock.timers, sender.status.state, sink.closed]).toEqual([0, 'stopped', 1]);
    }
  });
});
