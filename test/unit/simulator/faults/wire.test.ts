// The wire and the line it shares, with a clock moved by hand and sockets that are only counters.

import { describe, expect, test } from 'vitest';
import type { DirectionFaults } from '../../../../simulator/faults/link-faults.ts';
import { healthyLink } from '../../../../simulator/faults/link-faults.ts';
import { SharedLine } from '../../../../simulator/faults/shared-line.ts';
import { Wire } from '../../../../simulator/faults/wire.ts';
import { seededRandom } from '../../../../simulator/seeded-random.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

class Sink {
  destroyed = false;
  accepts = true;
  readonly arrived: { text: string; atMs: number }[] = [];
  readonly endings: string[] = [];
  readonly #clock: FakeClock;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  get text(): string {
    return this.arrived.map(({ text }) => text).join('');
  }

  write(chunk: Buffer): boolean {
    this.arrived.push({ text: chunk.toString('latin1'), atMs: this.#clock.monotonicMs() });
    return this.accepts;
  }

  end(): void {
    this.endings.push('end');
  }

  resetAndDestroy(): void {
    this.endings.push('reset');
  }
}

class Bench {
  readonly clock = new FakeClock();
  readonly faults: DirectionFaults;
  readonly line: SharedLine;

  constructor(faults: Partial<DirectionFaults>) {
    this.faults = Object.assign(healthyLink().up, faults);
    this.line = new SharedLine(this.faults, this.clock);
  }

  wire() {
    const sink = new Sink(this.clock);
    const counters = { receivedBytes: 0, deliveredBytes: 0, swallowedBytes: 0 };
    const source = {
      isPaused: false,
      pause: () => (source.isPaused = true),
      resume: () => (source.isPaused = false),
    };
    const onSpent = () => sink.endings.push('spent');
    const { clock, faults, line } = this;
    const random = seededRandom(7);
    const wire = new Wire({ faults, line, source, sink, counters, random, clock, onSpent });
    return { wire, sink, counters, source };
  }

  set(change: Partial<DirectionFaults>, ...wires: Wire[]): void {
    Object.assign(this.faults, change);
    for (const wire of wires) wire.wake();
    this.line.wake();
  }
}

const bytes = (text: string) => Buffer.from(text, 'latin1');

describe('a wire', () => {
  test('passes bytes on at once when nothing is wrong', () => {
    const { wire, sink } = new Bench({}).wire();
    wire.take(bytes('ab'));
    wire.finish('end');
    expect([sink.text, sink.endings]).toEqual(['ab', ['end']]);
  });

  test('adds its latency to bytes and to the end', () => {
    const bench = new Bench({ latencyMs: 200 });
    const { wire, sink } = bench.wire();
    wire.take(bytes('ab'));
    wire.finish('end');
    bench.clock.advance(199);
    expect([sink.text, sink.endings]).toEqual(['', []]);
    bench.clock.advance(1);
    expect([sink.text, sink.endings]).toEqual(['ab', ['end']]);
  });

  test('keeps the order whatever the jitter', () => {
    const bench = new Bench({ latencyMs: 10, jitterMs: 100 });
    const { wire, sink } = bench.wire();
    for (const digit of '0123456789') {
      wire.take(bytes(digit));
      bench.clock.advance(1);
    }
    bench.clock.advance(200);
    expect(sink.text).toBe('0123456789');
    const lateMs = sink.arrived.map(({ atMs }, i) => atMs - 1000 - i);
    expect(Math.min(...lateMs)).toBeGreaterThanOrEqual(10);
    expect(Math.max(...lateMs)).toBeLessThanOrEqual(110);
    expect(Math.max(...lateMs)).toBeGreaterThan(40);
  });

  test('sends as many bytes a second as its bandwidth allows, and what it saves up in a tenth of one', () => {
    const bench = new Bench({ bytesPerSecond: 1000 });
    const { wire, sink } = bench.wire();
    wire.take(Buffer.alloc(20_000, 0x61));
    bench.clock.advance(10_000);
    expect(sink.text.length).toBeGreaterThanOrEqual(10_000);
    expect(sink.text.length).toBeLessThanOrEqual(10_150);
  });

  test('gives a small write of one connection its turn before the long one of another', () => {
    const bench = new Bench({ bytesPerSecond: 6250 });
    const greedy = bench.wire();
    const modest = bench.wire();
    greedy.wire.take(Buffer.alloc(60_000));
    modest.wire.take(bytes('ping'));
    bench.clock.advance(50);
    expect(modest.sink.text).toBe('ping');
  });

  test('shares the bandwidth between those who want it, and nobody has less for those who do not', () => {
    const bench = new Bench({ bytesPerSecond: 6000 });
    const [a, b, idle] = [bench.wire(), bench.wire(), bench.wire()];
    for (const { wire } of [a, b]) wire.take(Buffer.alloc(60_000));
    bench.clock.advance(4000);
    // Who came first had what was saved up.
    expect(Math.abs(a.counters.deliveredBytes - b.counters.deliveredBytes)).toBeLessThanOrEqual(720);
    expect(a.counters.deliveredBytes + b.counters.deliveredBytes).toBeGreaterThanOrEqual(24_000);
    expect(a.counters.deliveredBytes + b.counters.deliveredBytes).toBeLessThanOrEqual(24_900);
    expect(idle.counters.deliveredBytes).toBe(0);
  });

  test('limits each connection by itself when so asked', () => {
    const bench = new Bench({ bytesPerSecondEach: 1000 });
    const [a, b] = [bench.wire(), bench.wire()];
    for (const { wire } of [a, b]) wire.take(Buffer.alloc(10_000));
    bench.clock.advance(2000);
    for (const { counters } of [a, b]) {
      expect(counters.deliveredBytes).toBeGreaterThanOrEqual(2000);
      expect(counters.deliveredBytes).toBeLessThanOrEqual(2150);
    }
  });

  test('goes on at the new bandwidth when it changes, and at once when there is no limit any more', () => {
    const bench = new Bench({ bytesPerSecond: 10 });
    const { wire, sink, counters } = bench.wire();
    wire.take(Buffer.alloc(5000, 0x61));
    bench.clock.advance(1000);
    expect(counters.deliveredBytes).toBeLessThan(20);
    bench.set({ bytesPerSecond: 1000 }, wire);
    bench.clock.advance(1000);
    expect(counters.deliveredBytes).toBeGreaterThan(1000);
    bench.set({ bytesPerSecond: 0 }, wire);
    expect(sink.text.length).toBe(5000);
    expect(bench.clock.timers).toBe(0);
  });

  test('holds bytes and the end while it is frozen, and delivers them in order afterwards', () => {
    const bench = new Bench({ isFrozen: true });
    const { wire, sink } = bench.wire();
    for (const text of ['a', 'b', 'c']) wire.take(bytes(text));
    wire.finish('reset');
    bench.clock.advance(60_000);
    expect([sink.text, sink.endings]).toEqual(['', []]);
    bench.set({ isFrozen: false }, wire);
    expect([sink.text, sink.endings]).toEqual(['abc', ['reset']]);
  });

  test('makes the sender wait when a frozen link is full, and reads on when it has thawed', () => {
    const bench = new Bench({ isFrozen: true });
    const { wire, source } = bench.wire();
    const chunk = Buffer.alloc(1024 * 1024);
    for (let i = 0; i < 3; i++) wire.take(chunk);
    expect(source.isPaused).toBe(false);
    wire.take(chunk);
    expect(source.isPaused).toBe(true);
    bench.set({ isFrozen: false }, wire);
    expect(source.isPaused).toBe(false);
  });

  test('makes the sender wait while the receiver takes nothing', () => {
    const { wire, sink, source } = new Bench({}).wire();
    sink.accepts = false;
    wire.take(bytes('a'));
    wire.take(bytes('b'));
    expect([source.isPaused, sink.text]).toEqual([true, 'a']);
    sink.accepts = true;
    wire.drained();
    expect([source.isPaused, sink.text]).toEqual([false, 'ab']);
  });

  test('swallows what is under way in a black hole, and stays dead when the hole is gone', () => {
    const bench = new Bench({ latencyMs: 100 });
    const hit = bench.wire();
    const idle = bench.wire();
    hit.wire.take(bytes('under way'));
    bench.set({ isBlackhole: true }, hit.wire, idle.wire);
    hit.wire.take(bytes('into it'));
    bench.set({ isBlackhole: false }, hit.wire, idle.wire);
    for (const { wire } of [hit, idle]) {
      wire.take(bytes('later'));
      wire.finish('end');
    }
    bench.clock.advance(1000);
    expect([hit.sink.text, hit.sink.endings]).toEqual(['', []]);
    expect(hit.counters.swallowedBytes).toBe('under way'.length + 'into it'.length + 'later'.length);
    expect([idle.sink.text, idle.sink.endings]).toEqual(['later', ['end']]);
  });

  test('delivers exactly the bytes it may before the connection is reset', () => {
    const bench = new Bench({ resetAfterBytes: 5, latencyMs: 10 });
    const { wire, sink } = bench.wire();
    wire.take(bytes('abc'));
    wire.take(bytes('defg'));
    wire.take(bytes('hij'));
    bench.clock.advance(10);
    expect([sink.text, sink.endings]).toEqual(['abcde', ['spent']]);
  });

  test('tells a reset that comes after the end of the stream', () => {
    const { wire, sink } = new Bench({}).wire();
    wire.finish('end');
    wire.finish('end');
    wire.finish('reset');
    expect(sink.endings).toEqual(['end', 'reset']);
  });

  test('leaves no timer behind when it is closed', () => {
    const bench = new Bench({ latencyMs: 100 });
    const { wire, sink } = bench.wire();
    wire.take(bytes('a'));
    wire.close();
    expect(bench.clock.timers).toBe(0);
    bench.clock.advance(1000);
    expect(sink.text).toBe('');
  });
});
