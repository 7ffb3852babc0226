import { describe, expect, test } from 'vitest';
import { renderProblems } from '../../../../config/check.ts';
import { type QuickOptions, quickScenario } from '../../../../simulator/scenario/quick-scenario.ts';

const OPTIONS: QuickOptions = {
  devices: '500',
  rate: '2/s',
  for: '60s',
  to: 'mqtt://127.0.0.1:1883',
  qos: '1',
  size: '100',
  window: '20',
  seed: '1',
};

describe('a scenario from the command line', () => {
  test('is so many devices at a rate for a while', () => {
    expect(
      quickScenario({ ...OPTIONS, verify: 'mqtt://127.0.0.1:1884', size: '2KiB', seed: '9' }),
    ).toMatchObject({
      ok: true,
      scenario: {
        name: 'quick',
        why: '500 devices, 2/s, for 60s',
        seed: 9,
        system: { type: 'external', gateway: 'mqtt://127.0.0.1:1883', upstream: 'mqtt://127.0.0.1:1884' },
        groups: {
          device: {
            devices: 500,
            driver: 'faithful',
            qos: 1,
            window: 20,
            profile: { type: 'fixed', rate: 2 },
            payload: { type: 'bytes', size: 2048 },
          },
        },
        timeline: [{ for: 60_000 }],
      },
    });
  });

  test('does without anywhere to verify', () => {
    expect(quickScenario(OPTIONS)).toMatchObject({ ok: true, scenario: { system: { upstream: '' } } });
  });

  test('can be as fast as acknowledgements come, on raw sockets', () => {
    expect(quickScenario({ ...OPTIONS, rate: 'max', lean: true, qos: '2' })).toMatchObject({
      scenario: { groups: { device: { profile: { type: 'flood' }, driver: 'lean', qos: 2 } } },
    });
  });

  test.each<[string, Partial<QuickOptions>]>([
    ['--devices', { devices: 'many' }],
    ['--devices', { devices: '0' }],
    ['--devices', { devices: '1.5' }],
    ['--rate', { rate: 'fast' }],
    ['--rate', { rate: '2/x'.repeat(100) }],
    ['--for', { for: 'ever' }],
    ['--to', { to: '127.0.0.1:1883' }],
    ['--verify', { verify: 'http://127.0.0.1' }],
    ['--qos', { qos: '3' }],
    ['--size', { size: '10' }],
    ['--window', { window: '0' }],
    ['--seed', { seed: '-1' }],
  ])('tells what is wrong with %s by its name: %j', (option, change) => {
    const loaded = quickScenario({ ...OPTIONS, ...change });
    if (loaded.ok) throw new Error('it was taken');
    expect(renderProblems(loaded.problems)).toMatch(new RegExp(`^${option}: [^\n]+$`));
  });

  test('tells of all that is wrong at once', () => {
    const loaded = quickScenario({ ...OPTIONS, rate: 'fast', qos: 'high' });
    expect(loaded).toMatchObject({ problems: [{ path: '--qos' }, { path: '--rate' }] });
  });
});
