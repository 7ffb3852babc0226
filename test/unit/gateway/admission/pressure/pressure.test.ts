import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadConfig } from '../../../../../config/load.ts';
import { createLogger } from '../../../../../config/logger.ts';
import type { Config } from '../../../../../config/settings.ts';
import { Pressure } from '../../../../../gateway/admission/pressure/pressure.ts';
import type { SlowReadings } from '../../../../../gateway/admission/pressure/pressure-gauge.ts';
import type { CommitLoad } from '../../../../../storage/group-commit.ts';
import { FakeClock } from '../../../../support/fake-clock.ts';

const GiB = 1024 ** 3;
const FREE = { freeDiskBytes: 100 * GiB, residentBytes: 0 };

/** Timers run so much after they are due. */
class LateClock extends FakeClock {
  lateMs = 0;

  override monotonicMs(): number {
    return super.monotonicMs() + this.lateMs;
  }
}

function configOf(text: string): Config {
  const result = loadConfig({ text: `access: {anonymous: true}\n${text}`, env: {} });
  if (!result.ok) throw new Error(result.problems.map(({ message }) => message).join());
  return result.config;
}

/** Answers of asynchronous readings have arrived. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('Pressure', () => {
  let clock: LateClock;
  let lines: { level: string; msg: string; step?: string; pressure?: number; source?: string }[];
  let fill: number;
  let asked: number;
  let read: () => Promise<SlowReadings>;
  let pressure: Pressure;

  beforeEach(async () => {
    clock = new LateClock();
    lines = [];
    fill = 0;
    asked = 0;
    read = async () => ({ fill, ...FREE });
    const none = { openBytes: 0, inFlightBytes: 0, inFlightMs: 0, commits: 0, commitMs: 0, noRoomMs: 0 };
    const load: CommitLoad = { ...none, stall: null };
    pressure = new Pressure({
      config: configOf('mqtt: {receiveMaximum: 100}'),
      clock,
      log: createLogger({ level: 'info', format: 'json' }, { write: (line) => lines.push(JSON.parse(line)) }),
      load: () => load,
      slowReadings: () => {
        asked++;
        return read();
      },
    });
    await pressure.start();
    await turn();
  });
  afterEach(() => pressure.stop());

  /** Seconds go by with the buffer as full as that. */
  async function pass(seconds: number, share = fill): Promise<void> {
    fill = share;
    for (let i = 0; i < seconds * 10; i++) {
      clock.advance(100);
      await turn();
    }
  }

  test('holds nothing back when there is nothing to hold back for', async () => {
    await pass(3);
    expect(pressure).toMatchObject({ value: 0, isEased: true, stopsReading: false, receiveMaximum: 100 });
    expect(lines).toEqual([]);
  });

  test('raises its flags with the buffer, and lowers them again', async () => {
    const flags = () => {
      const { lowersReceiveMaximum, shedsQos0, holdsLowLanes, refusesConnections, stopsReading } = pressure;
      return [lowersReceiveMaximum, shedsQos0, holdsLowLanes, refusesConnections, stopsReading];
    };
    const seen: boolean[][] = [];
    for (const share of [0.55, 0.75, 0.85, 0.95, 0.99]) {
      await pass(1.2, share);
      seen.push([...flags(), pressure.isEased]);
    }
    expect(seen).toEqual([
      [true, false, false, false, false, true],
      [true, true, false, false, false, false],
      [true, true, true, false, false, false],
      [true, true, true, true, false, false],
      [true, true, true, true, true, false],
    ]);
    expect(pressure.status).toMatchObject({ value: 0.99, source: 'buffer', times: { stopReading: 1 } });
    expect(pressure.status.taken).toHaveLength(5);
    await pass(8, 0);
    expect(flags()).toEqual([false, false, false, false, false]);
    expect(pressure.isEased).toBe(true);
  });

  test('says every change once: a warning when it gets harder, with how hard and what it is', async () => {
    await pass(1.2, 0.75);
    await pass(10, 0.72);
    expect(lines.map(({ level, step }) => [level, step])).toEqual([
      ['warn', 'lowerReceiveMaximum'],
      ['warn', 'shedQos0'],
    ]);
    expect(lines[1]).toMatchObject({ pressure: 0.75, source: 'buffer' });
    expect(lines[1].msg).toBe('under pressure: messages of QoS 0 are dropped');
    lines.length = 0;
    await pass(10, 0);
    expect(lines.map(({ level, msg }) => [level, msg])).toEqual([
      ['info', 'less pressure: messages of QoS 0 are taken again'],
      ['info', 'less pressure: new connections may have all messages under way again'],
    ]);
  });

  test('lets new connections have fewer messages under way, down to 8', async () => {
    await pass(2, 0.75);
    expect(pressure.receiveMaximum).toBe(54);
    await pass(2, 1);
    expect(pressure.receiveMaximum).toBe(8);
    await pass(8, 0.1);
    expect(pressure.receiveMaximum).toBe(100);
  });

  test('asks for what is slow once a second, and not again before it has an answer', async () => {
    await pass(2.9);
    expect(asked).toBe(3);
    const resolve: ((readings: SlowReadings) => void)[] = [];
    read = () => new Promise((answer) => resolve.push(answer));
    await pass(5);
    expect(asked).toBe(4);
    resolve[0]({ fill: 0.6, ...FREE });
    await pass(2);
    expect([asked, pressure.value]).toEqual([5, 0.6]);
  });

  test('goes on with what it knew when something cannot be measured, and says so once', async () => {
    await pass(2, 0.3);
    read = () => Promise.reject(new Error('no such directory'));
    await pass(5);
    expect(pressure.value).toBe(0.3);
    expect(lines.map(({ level, msg }) => [level, msg])).toEqual([
      ['warn', 'buffer, disk and memory cannot be measured'],
    ]);
  });

  test('an event loop that stands still is pressure', async () => {
    await pass(1);
    clock.lateMs = 1900;
    clock.advance(100);
    expect(pressure.source).toBe('event-loop');
    expect(pressure.value).toBeCloseTo(0.9, 1);
    expect(pressure.refusesConnections).toBe(true);
    await pass(12);
    expect(pressure).toMatchObject({ isEased: true, refusesConnections: false });
  });

  test('wakes those whom it holds a few at a time, when nothing holds them any more', async () => {
    await pass(2, 1);
    const woken: number[] = [];
    for (let i = 0; i < 60; i++) pressure.whenEased(() => woken.push(i));
    await pass(2);
    expect([woken.length, pressure.status.waiting]).toEqual([0, 60]);
    await pass(1.0, 0.5);
    for (let i = 0; woken.length === 0 && i < 30; i++) await pass(0.1);
    expect(woken).toHaveLength(16);
    await pass(0.1);
    expect(woken).toHaveLength(48);
    await pass(0.1);
    expect(woken).toHaveLength(60);
  });

  test('who waits for a low lane is not woken before low lanes are taken again', async () => {
    await pass(2, 0.85);
    let woken = 0;
    pressure.whenEased(() => woken++);
    await pass(5, 0.75);
    expect([woken, pressure.holdsLowLanes]).toEqual([0, true]);
    await pass(2, 0.65);
    expect([woken, pressure.holdsLowLanes]).toEqual([1, false]);
  });

  test('other settings hold from the next sample on', async () => {
    await pass(2, 0.85);
    expect(pressure.holdsLowLanes).toBe(true);
    pressure.reconfigure(configOf('pressure: {holdLowLanes: 1, refuseConnections: 0.8}'));
    await pass(0.1);
    expect(pressure).toMatchObject({ holdsLowLanes: false, receiveMaximum: 256 - 174 });
    await pass(0.1);
    expect(pressure.refusesConnections).toBe(true);
  });

  test('leaves nothing running when it is stopped', async () => {
    await pressure.stop();
    await pressure.stop();
    expect(clock.timers).toBe(0);
  });
});
