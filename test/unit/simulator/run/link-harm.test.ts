import { describe, expect, test } from 'vitest';
import { type LinkHarm, LinkHarms } from '../../../../simulator/run/link-harm.ts';
import { wrongWith } from './fault-rig.ts';

function harmsUnderTest() {
  let state = 'is well';
  const events: string[] = [];
  const harms = new LinkHarms(
    { set: (faults) => (state = wrongWith(faults)), cut: () => events.push('cut') },
    { broken: () => events.push('broken'), healed: () => events.push('healed') },
  );
  return { harms, events, state: () => state };
}

const CUT: LinkHarm = { isRefusing: true };
const SLOW: LinkHarm = { bytesPerSecond: 1000, latencyMs: 300, jitterMs: 10 };
const BLACKHOLE: LinkHarm = { isBlackhole: true };
const DEAF: LinkHarm = { isBlackhole: true, downOnly: true };

describe('several faults of one link', () => {
  test('are all there at once, and each ends by itself', () => {
    const { harms, events, state } = harmsUnderTest();
    harms.begin(SLOW);
    const slow = state();
    harms.begin(CUT);
    expect(state()).toBe(`refusing, ${slow}`);
    harms.end(CUT);
    expect(state()).toBe(slow);
    expect(events).toEqual(['broken']);
    harms.end(SLOW);
    expect(state()).toBe('is well');
    expect(events).toEqual(['broken', 'healed']);
  });

  test('add up their delays; the thinnest line counts', () => {
    const { harms, state } = harmsUnderTest();
    const thinner = { bytesPerSecond: 400, latencyMs: 100 };
    for (const harm of [SLOW, thinner, { latencyMs: 1 }]) harms.begin(harm);
    expect(state()).toContain('up latencyMs 401, up jitterMs 10, up bytesPerSecond 400');
    harms.end(thinner);
    expect(state()).toContain('up latencyMs 301, up jitterMs 10, up bytesPerSecond 1000');
  });

  test('of the same kind are told apart', () => {
    const { harms, events, state } = harmsUnderTest();
    const [first, second] = [{ ...CUT }, { ...CUT }];
    harms.begin(first);
    harms.begin(second);
    harms.end(first);
    expect(state()).toBe('refusing');
    harms.end(second);
    expect(state()).toBe('is well');
    expect(events).toEqual(['broken', 'healed']);
  });

  test('that swallow bytes end the connections when bytes come through again, and not before', () => {
    const { harms, events } = harmsUnderTest();
    harms.begin(BLACKHOLE);
    const another = { ...BLACKHOLE };
    harms.begin(another);
    harms.end(BLACKHOLE);
    expect(events).toEqual(['broken']);
    harms.begin(DEAF);
    harms.end(another); // upwards there is a way again
    expect(events).toEqual(['broken', 'cut']);
    harms.end(DEAF);
    expect(events).toEqual(['broken', 'cut', 'cut', 'healed']);
  });
});
