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
  const phase = { fromMs: 0, toMs: endMs, end: end.signal };
  const faults = [texts].flat().map((text) => runFault(faultOf(text), rig.stage, phase));
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
    ['link-cut', 'upstream cut', 'refusing'],
    ['link-blackhole', 'upstream is a black hole', 'up isBlackhole 1, down isBlackhole 1'],
    ['link-deaf', 'upstream answers nothing', 'down isBlackhole 1'],
    ['link-freeze', 'upstream link frozen', 'up isFrozen 1, down isFrozen 1'],
  ])('%s begins when it should, lasts as long as it should, and is healed', async (type, name, on) => {
    const rig = await runPhase(`{type: ${type}, after: 2s, for: 3s}`);
    expect(spansOf(rig)).toEqual([[name, 2000, 5000]]);
    expect(rig.events.filter((event) => !event.includes('link cut'))).toEqual([
      '2000 broken',
      `2000 link ${on}`,
      '5000 link is well',
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
    const slow = (way: string) => `${way} latencyMs 300, ${way} jitterMs 100, ${way} bytesPerSecond 6250`;
    expect(rig.events).toContain(`0 link ${slow('up')}, ${slow('down')}`);
    expect(rig.events).toContain('1000 link is well');
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

  test('resets stop with their phase, and it is said that not all have happened', async () => {
    const rig = await runPhase('{type: link-reset, times: 100, every: 3s}');
    expect(rig.events).toHaveLength(4);
    expect(rig.remarks).toEqual(['link reset: 4 of 100 times, then its phase was over.']);
    const all = await runPhase('{type: link-reset, times: 2}');
    expect(all.remarks).toEqual([]);
  });

  test('overlapping another ends by itself, and the link is whole when both are over', async () => {
    const rig = await runPhase([
      '{type: link-cut, after: 1s, for: 3s}',
      '{type: link-cut, after: 2s, for: 4s}',
    ]);
    expect(spansOf(rig)).toEqual([
      ['upstream cut', 1000, 4000],
      ['upstream cut', 2000, 6000],
    ]);
    expect(rig.events.filter((event) => !event.includes('link cut'))).toEqual([
      '1000 broken',
      '1000 link refusing',
      '2000 link refusing',
      '4000 link refusing',
      '6000 link is well',
      '6000 healed at 6000',
    ]);
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

test('a fault is where the plan has it, however late its phase began', async () => {
  const rig = faultRig({ nowMs });
  await vi.advanceTimersByTimeAsync(2500); // busy with other things since 2000
  const end = new AbortController();
  const faults = ['{type: link-cut, after: 1s, for: 1s}', '{type: link-reset, times: 3, every: 1s}'].map(
    (text) => runFault(faultOf(text), rig.stage, { fromMs: 2000, toMs: 12_000, end: end.signal }),
  );
  await vi.advanceTimersByTimeAsync(10_000);
  await Promise.all(faults);
  expect(spansOf(rig)).toEqual([
    ['link reset', 2500, 2500],
    ['upstream cut', 3000, 4000],
    ['link reset', 3000, 3000],
    ['link reset', 4000, 4000],
  ]);
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
    expect(rig.events).toEqual([`1000 ${how}`, '1700 start', `4000 ${how}`, '4700 start']);
    expect(spansOf(rig)).toEqual([
      [name, 1000, 1700],
      [name, 4000, 4700],
    ]);
    expect(rig.remarks).toEqual([]);
  });

  test('comes again when it is up, where it takes longer than there is from one time to the next', async () => {
    const rig = await runPhase('{type: gateway-kill, after: 1s, down: 1s, times: 3, every: 1s}', {
      startMs: 500,
    });
    expect(rig.events).toEqual([
      '1000 kill',
      '2500 start',
      '2500 kill',
      '4000 start',
      '4000 kill',
      '5500 start',
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
    expect(rig.remarks).toEqual(['gateway stopped: 0 of 1 times, then its phase was over.']);
  });

  test('is told when the gateway does not come back', async () => {
    const rig = faultRig({ nowMs });
    rig.failure.start = new Error('the port is taken');
    const phase = { fromMs: 0, toMs: PHASE_MS, end: new AbortController().signal };
    const fault = runFault(faultOf('{type: gateway-kill}'), rig.stage, phase);
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

  test('by two at once is as full as the fuller has it, until that is over', async () => {
    const rig = await runPhase([
      '{type: disk-full, after: 1s, for: 5s, free: 64KiB}',
      '{type: disk-full, after: 2s, for: 1s, free: 4KiB}',
      '{type: disk-full, after: 4s, for: 1s, free: 128KiB}',
    ]);
    expect(rig.events).toEqual([
      '1000 fill to 65536',
      '2000 fill to 4096',
      '3000 release',
      '3000 fill to 65536',
      '4000 fill to 65536',
      '5000 release',
      '5000 fill to 65536',
      '6000 release',
    ]);
  });
});

describe('a fault of the devices', () => {
  const groups = [{ name: 'a' }, { name: 'b' }];

  test('a rate is told as a change, not as a fault, and again when it is over before its phase', async () => {
    const rig = await runPhase('{type: rate, groups: [b], percent: 300, after: 1s, for: 1s}', { groups });
    expect(rig.marks).toEqual(['1000 b at 300 % of their rate', '2000 b as fast as before']);
    expect(rig.stage.spans).toEqual([]);
    startMs = performance.now();
    const toTheEnd = await runPhase('{type: rate, percent: 50, after: 1s}', { groups });
    expect(toTheEnd.marks).toEqual(['1000 devices at 50 % of their rate']);
  });

  test('a silence can disconnect everybody, who then come back, but for those who sleep', async () => {
    const asleep = { name: 'asleep', connectsAtStart: false };
    const rig = faultRig({ nowMs, groups: [...groups, asleep] });
    for (const { group } of rig.groups) group.runDue(1, () => {});
    const phase = { fromMs: 0, toMs: PHASE_MS, end: new AbortController().signal };
    const fault = runFault(faultOf('{type: silence, disconnect: true, for: 2s}'), rig.stage, phase);
    const connected = () => rig.groups.map(({ counters }) => counters.connected);
    await vi.advanceTimersByTimeAsync(1000);
    expect(connected()).toEqual([0, 0, 0]);
    await vi.advanceTimersByTimeAsync(1000);
    await fault;
    expect(connected()).toEqual([1, 1, 0]);
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
