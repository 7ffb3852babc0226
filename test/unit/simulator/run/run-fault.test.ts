import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { runFault } from '../../../../simulator/run/run-fault.ts';
import { parseScenario } from '../../../../simulator/scenario/load-scenario.ts';
import type { FaultSettings } from '../../../../simulator/scenario/scenario-settings.ts';
import { type FaultRig, type FaultRigOptions, faultRig } from './fault-rig.ts';

const PHASE_MS = 10_000;
let startMs = 0;

beforeEach(() => {
  vi.useFakeTimers();
  startMs = performance.now();
});
afterEach(() => void vi.useRealTimers());

function nowMs(): number {
  return Math.round(performance.now() - startMs);
}

/** As it is written in a scenario. */
function faultOf(text: string): FaultSettings {
  const loaded = parseScenario(
    'name: x\nwhy: y\nsystem: {type: sluice, disk: DISK}\n'.replace(
      'DISK',
      text.includes('power-cut') ? 'power-cut' : 'tmpfs',
    ) +
      'groups: {a: {devices: 1, profile: {type: flood}, payload: {type: bytes}}, ' +
      `b: {devices: 1, profile: {type: flood}, payload: {type: bytes}}}\n` +
      `timeline: [{name: p, for: 10m, faults: [${text}]}]`,
  );
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded.scenario.timeline[0]!.faults[0]!;
}

/** Through a phase of ten seconds, or one that ends sooner, and as long after it as the fault takes. */
async function runPhase(
  texts: string | readonly string[],
  { endMs = PHASE_MS, ...options }: Partial<FaultRigOptions> & { endMs?: number } = {},
): Promise<FaultRig> {
  const rig = faultRig({ nowMs, ...options });
  const end = new AbortController();
  setTimeout(() => end.abort(), endMs);
  const faults = [texts].flat().map((text) => runFault(faultOf(text), rig.stage, end.signal));
  const done = Promise.all(faults);
  done.catch(() => {}); // it is awaited below
  await vi.advanceTimersByTimeAsync(30_000);
  await done;
  return rig;
}

function spansOf({ stage }: FaultRig): (string | number | null)[][] {
  return stage.spans.map(({ name, fromMs, toMs }) => [name, fromMs, toMs]);
}

describe('a fault of the link', () => {
  test.each([
    ['link-cut', 'upstream cut', '{"isRefusing":true}', '{"isRefusing":false}'],
    ['link-blackhole', 'upstream is a black hole', '{"isBlackhole":true}', '{"isBlackhole":false}'],
    [
      'link-deaf',
      'upstream answers nothing',
      '{"down":{"isBlackhole":true}}',
      '{"down":{"isBlackhole":false}}',
    ],
    ['link-freeze', 'upstream link frozen', '{"isFrozen":true}', '{"isFrozen":false}'],
  ])('%s begins when it should, lasts as long as it should, and is healed', async (type, name, on, off) => {
    const rig = await runPhase(`{type: ${type}, after: 2s, for: 3s}`);
    expect(spansOf(rig)).toEqual([[name, 2000, 5000]]);
    expect(rig.events.filter((event) => !event.includes('link cut'))).toEqual([
      '2000 broken',
      `2000 link ${on}`,
      `5000 link ${off}`,
      '5000 healed at 5000',
    ]);
  });

  test('a cut ends the connections there are; a black hole does so when it is over', async () => {
    const cut = await runPhase('{type: link-cut, after: 1s, for: 1s}');
    expect(cut.events.filter((event) => event.endsWith('link cut'))).toEqual(['1000 link cut']);
    startMs = performance.now();
    const blackhole = await runPhase('{type: link-blackhole, after: 1s, for: 1s}');
    expect(blackhole.events.filter((event) => event.endsWith('link cut'))).toEqual(['2000 link cut']);
  });

  test('a slow link is named by what it does, and is as fast as before at the end', async () => {
    const rig = await runPhase(
      '{type: link-slow, bandwidth: 50kbit/s, latency: 300ms, jitter: 100ms, for: 1s}',
    );
    expect(spansOf(rig)).toEqual([['link: 50 kbit/s, 300ms more latency, 100ms jitter', 0, 1000]]);
    expect(rig.events).toContain('0 link {"bytesPerSecond":6250,"latencyMs":300,"jitterMs":100}');
    expect(rig.events).toContain('1000 link {"bytesPerSecond":0,"latencyMs":0,"jitterMs":0}');
  });

  test.each(['link-cut', 'link-slow', 'link-blackhole', 'link-deaf', 'link-freeze'])(
    '%s ends with its phase',
    async (type) => {
      const toTheEnd = await runPhase(`{type: ${type}, after: 1s}`);
      expect(spansOf(toTheEnd)).toMatchObject([[expect.any(String), 1000, PHASE_MS]]);
      startMs = performance.now();
      const longer = await runPhase(`{type: ${type}, after: 1s, for: 60s}`, { endMs: 4000 });
      expect(spansOf(longer)).toMatchObject([[expect.any(String), 1000, 4000]]);
      expect(longer.events.at(-1)).toBe('4000 healed at 4000');
    },
  );

  test('resets happen so often, and need no healing', async () => {
    const rig = await runPhase('{type: link-reset, after: 1s, times: 3, every: 2s}');
    expect(rig.events).toEqual(['1000 link cut', '3000 link cut', '5000 link cut']);
    expect(spansOf(rig)).toEqual([
      ['link reset', 1000, 1000],
      ['link reset', 3000, 3000],
      ['link reset', 5000, 5000],
    ]);
  });

  test('resets stop with their phase', async () => {
    const rig = await runPhase('{type: link-reset, times: 100, every: 3s}');
    expect(rig.events).toHaveLength(4);
  });
});

test.each([
  'link-cut',
  'link-reset',
  'gateway-kill',
  'gateway-stop',
  'power-cut',
  'disk-full',
  'reconnect-storm',
  'rate',
  'silence',
])('%s does not begin when its phase is over before', async (type) => {
  const rig = await runPhase(`{type: ${type}, after: 5s}`, { endMs: 4000 });
  expect(rig.events).toEqual([]);
  expect(rig.stage.spans).toEqual([]);
});

describe('a fault of the gateway', () => {
  test.each([
    ['gateway-kill', 'gateway kill -9', 'kill'],
    ['gateway-stop', 'gateway stopped', 'stop'],
    ['power-cut', 'power cut', 'cut power'],
  ])('%s takes it away for a while and starts it again, each time', async (type, name, how) => {
    const rig = await runPhase(`{type: ${type}, after: 1s, down: 500ms, times: 2, every: 3s}`, {
      startMs: 200,
    });
    expect(rig.events).toEqual([`1000 ${how}`, '1700 start', `4700 ${how}`, '5400 start']);
    expect(spansOf(rig)).toEqual([
      [name, 1000, 1700],
      [name, 4700, 5400],
    ]);
  });

  test.each(['gateway-kill', 'gateway-stop', 'power-cut'])(
    '%s starts it again also when the phase ends meanwhile',
    async (type) => {
      const rig = await runPhase(`{type: ${type}, after: 1s, down: 60s, times: 5}`, {
        endMs: 3000,
        startMs: 700,
      });
      expect(rig.events).toEqual([expect.stringMatching(/^1000 /), '3700 start']);
      expect(spansOf(rig)).toMatchObject([[expect.any(String), 1000, 3700]]);
    },
  );

  test('waits for its turn while another one has the gateway', async () => {
    const rig = await runPhase(
      ['{type: gateway-kill, after: 1s, down: 2s}', '{type: gateway-stop, after: 2s, down: 1s}'],
      { startMs: 100 },
    );
    expect(rig.events).toEqual(['1000 kill', '3100 start', '3100 stop', '4200 start']);
  });

  test('is left out when its turn comes after the phase', async () => {
    const rig = await runPhase(
      ['{type: gateway-kill, after: 1s, down: 60s}', '{type: gateway-stop, after: 2s}'],
      { endMs: 3000, startMs: 100 },
    );
    expect(rig.events).toEqual(['1000 kill', '3100 start']);
  });

  test('is told when the gateway does not come back', async () => {
    const rig = faultRig({ nowMs });
    rig.failure.start = new Error('the port is taken');
    const fault = runFault(faultOf('{type: gateway-kill}'), rig.stage, new AbortController().signal);
    const told = expect(fault).rejects.toThrow('the port is taken');
    await vi.advanceTimersByTimeAsync(1000);
    await told;
  });
});

describe('a full disk', () => {
  test('is full from the beginning of the fault to its end', async () => {
    const rig = await runPhase('{type: disk-full, after: 1s, for: 2s, free: 64KiB}');
    expect(rig.events).toEqual(['1000 fill to 65536', '3000 release']);
    expect(spansOf(rig)).toEqual([['disk full but for 64KiB', 1000, 3000]]);
  });

  test('is emptied at the end of the phase', async () => {
    const rig = await runPhase('{type: disk-full}', { endMs: 4000 });
    expect(rig.events).toEqual(['0 fill to 0', '4000 release']);
  });
});

describe('a fault of the devices', () => {
  const groups = [{ name: 'a' }, { name: 'b' }];
  const factorsOf = ({ groups: made }: FaultRig) => made.map(({ group }) => group.clock.factor);

  /** The factors of both groups at these times. */
  async function factorsAt(texts: readonly string[], timesMs: readonly number[]): Promise<number[][]> {
    const rig = faultRig({ nowMs, groups });
    const end = new AbortController();
    for (const { group } of rig.groups) rig.stage.setRate(group, 'phase', 2);
    const faults = texts.map((text) => runFault(faultOf(text), rig.stage, end.signal));
    const factors: number[][] = [];
    for (const timeMs of timesMs) {
      await vi.advanceTimersByTimeAsync(timeMs - nowMs());
      if (timeMs === PHASE_MS) end.abort();
      await vi.advanceTimersByTimeAsync(0);
      factors.push(factorsOf(rig));
    }
    end.abort();
    await Promise.all(faults);
    return factors;
  }

  test('a rate changes that of its groups on top of the phase, and is put back', async () => {
    const text = '{type: rate, groups: [b], percent: 300, after: 1s, for: 1s}';
    expect(await factorsAt([text], [500, 1500, 2500])).toEqual([
      [2, 2],
      [2, 6],
      [2, 2],
    ]);
  });

  test('two alike at the same time do not end one another', async () => {
    const texts = ['{type: rate, percent: 200, for: 3s}', '{type: rate, percent: 200, after: 1s, for: 1s}'];
    expect(await factorsAt(texts, [500, 1500, 2500, 3500])).toEqual([
      [4, 4],
      [8, 8],
      [4, 4],
      [2, 2],
    ]);
  });

  test('a silence lasts to the end of its phase, whatever other rates say', async () => {
    const texts = ['{type: silence, after: 1s}', '{type: rate, percent: 500, after: 2s}'];
    expect(await factorsAt(texts, [500, 1500, 2500, PHASE_MS])).toEqual([
      [2, 2],
      [0, 0],
      [0, 0],
      [2, 2],
    ]);
  });

  test('a silence can disconnect everybody, who then come back', async () => {
    const rig = faultRig({ nowMs, groups });
    for (const { group } of rig.groups) group.runDue(1, () => {});
    const end = new AbortController();
    const fault = runFault(faultOf('{type: silence, disconnect: true, for: 2s}'), rig.stage, end.signal);
    const connected = () => rig.groups.map(({ counters }) => counters.connected);
    await vi.advanceTimersByTimeAsync(1000);
    expect(connected()).toEqual([0, 0]);
    await vi.advanceTimersByTimeAsync(1000);
    await fault;
    expect(connected()).toEqual([1, 1]);
  });

  test('a storm drops the connections of its groups, and of all when it names none', async () => {
    const dropsOf = ({ groups: made }: FaultRig) =>
      made.map(({ clients }) => clients[0]!.calls.filter((call) => call === 'drop').length);
    const some = await runPhase('{type: reconnect-storm, groups: [a], times: 2, every: 1s}', { groups });
    expect(dropsOf(some)).toEqual([2, 0]);
    startMs = performance.now();
    const all = await runPhase('{type: reconnect-storm}', { groups });
    expect(dropsOf(all)).toEqual([1, 1]);
    expect(spansOf(all)).toEqual([['reconnect storm', 0, 0]]);
  });
});
