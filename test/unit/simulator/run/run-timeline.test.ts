import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { plannedPhases, runTimeline } from '../../../../simulator/run/run-timeline.ts';
import { parseScenario } from '../../../../simulator/scenario/load-scenario.ts';
import type { Phase } from '../../../../simulator/scenario/scenario-settings.ts';
import { type FaultRig, faultRig } from './fault-rig.ts';

let startMs = 0;

beforeEach(() => {
  vi.useFakeTimers();
  startMs = performance.now();
});
afterEach(() => void vi.useRealTimers());

function nowMs(): number {
  return Math.round(performance.now() - startMs);
}

function timelineOf(text: string): readonly Phase[] {
  const loaded = parseScenario(
    'name: x\nwhy: y\nsystem: {type: sluice}\n' +
      'groups: {a: {devices: 1, profile: {type: flood}, payload: {type: bytes}}}\n' +
      `timeline: ${text}`,
  );
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded.scenario.timeline;
}

interface Played {
  rig: FaultRig;
  /** "1000 outage": when each phase began. */
  entered: string[];
  failures: unknown[];
  endedAtMs: number;
}

async function play(
  text: string,
  change: { stopAtMs?: number; gatewayStartMs?: number } = {},
): Promise<Played> {
  const rig = faultRig({ nowMs, startMs: change.gatewayStartMs ?? 0 });
  const entered: string[] = [];
  const failures: unknown[] = [];
  const stop = new AbortController();
  if (change.stopAtMs !== undefined) setTimeout(() => stop.abort(), change.stopAtMs);
  const run = runTimeline({
    timeline: timelineOf(text),
    stage: rig.stage,
    enter: ({ name }) => entered.push(`${nowMs()} ${name}`),
    fail: (error) => failures.push(error),
    stop: stop.signal,
  }).then(() => nowMs());
  await vi.advanceTimersByTimeAsync(60_000);
  return { rig, entered, failures, endedAtMs: await run };
}

const harm = ({ rig }: Played) => rig.events.filter((event) => !event.endsWith('link cut'));

describe('a timeline', () => {
  test('is planned from its beginning', () => {
    expect(plannedPhases(timelineOf('[{name: a, for: 2s}, {name: b, for: 3s}]'))).toEqual([
      { name: 'a', fromMs: 0, toMs: 2000 },
      { name: 'b', fromMs: 2000, toMs: 5000 },
    ]);
  });

  test('plays its phases at their times, each with its faults', async () => {
    const played = await play(
      '[{name: a, for: 2s}, {name: b, for: 3s, faults: [{type: link-cut, after: 1s}]}, {name: c, for: 1s}]',
    );
    expect(played.entered).toEqual(['0 a', '2000 b', '5000 c']);
    expect(harm(played)).toEqual([
      '3000 broken',
      '3000 link refusing',
      '5000 link is well',
      '5000 healed at 5000',
    ]);
    expect(played.endedAtMs).toBe(6000);
  });

  test('does not heal in between what goes on from one phase to the next', async () => {
    const slow = '{type: link-slow, latency: 300ms}';
    const played = await play(
      `[{name: a, for: 2s, faults: [${slow}]}, {name: b, for: 2s, faults: [${slow}]}]`,
    );
    expect(harm(played).filter((event) => !event.includes('latencyMs'))).toEqual([
      '0 broken',
      '4000 link is well',
      '4000 healed at 4000',
    ]);
  });

  test('keeps to its times while a gateway takes longer than its phase to come up', async () => {
    const kill = '{type: gateway-kill, after: 500ms}';
    const played = await play(
      `[{name: a, for: 1s, faults: [${kill}]}, {name: b, for: 1s, faults: [${kill}]}, {name: c, for: 1s}]`,
      { gatewayStartMs: 700 },
    );
    expect(played.entered).toEqual(['0 a', '1000 b', '2000 c']);
    expect(played.rig.events).toEqual(['500 kill', '1200 start', '1500 kill', '2200 start']);
  });

  test('that is stopped puts right what it has made wrong, and begins nothing more', async () => {
    const played = await play(
      '[{name: a, for: 2s, faults: [{type: link-cut}, {type: gateway-kill, down: 1m}]}, {name: b, for: 2s}]',
      { stopAtMs: 500, gatewayStartMs: 100 },
    );
    expect(played.entered).toEqual(['0 a']);
    expect(played.rig.events).toContain('500 link is well');
    expect(played.rig.events.at(-1)).toBe('600 start');
    expect(played.endedAtMs).toBe(600);
  });
});
