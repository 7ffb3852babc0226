import { describe, expect, test } from 'vitest';
import { createView, viewKindFor } from '../../../../simulator/view/create-view.ts';
import { sampleReport } from '../../../support/sample-report.ts';
import { liveState, ViewTerminal } from '../../../support/view-terminal.ts';

const { sample } = liveState();

describe('the plain view', () => {
  test('writes one line a second, however often there is news', () => {
    const out = new ViewTerminal();
    using view = createView('plain', out);
    for (let atMs = 0; atMs <= 3000; atMs += 100) view.sample(liveState({ sample: { ...sample, atMs } }));
    expect(out.take().trimEnd().split('\n')).toHaveLength(4);
  });

  test('is not put out of step by a second that comes a little early', () => {
    const out = new ViewTerminal();
    using view = createView('plain', out);
    for (const atMs of [1004, 2001, 3000]) view.sample(liveState({ sample: { ...sample, atMs } }));
    expect(out.take().trimEnd().split('\n')).toHaveLength(3);
  });

  test('says phases and faults in a line of their own', () => {
    const out = new ViewTerminal();
    using view = createView('plain', out);
    view.phase({ name: 'outage', fromMs: 15_000, toMs: 65_000 });
    view.phase({ name: 'devices at half their rate', fromMs: 16_000, toMs: 16_000 });
    view.fault({ name: 'upstream cut', fromMs: 20_000, toMs: null });
    view.fault({ name: 'upstream cut', fromMs: 20_000, toMs: 45_000 });
    view.fault({ name: 'gateway kill -9', fromMs: 70_000, toMs: 70_000 });
    expect(out.take().split('\n')).toEqual([
      '    0:15  phase outage, for 50 s',
      '    0:16  devices at half their rate',
      '    0:20  fault upstream cut begins',
      '    0:45  fault upstream cut is over, after 25 s',
      '    1:10  fault gateway kill -9',
      '',
    ]);
  });

  test('mentions refusals and a late generator only when there are', () => {
    const out = new ViewTerminal();
    using view = createView('plain', out);
    view.sample(liveState({ sample: { ...sample, atMs: 1000, refused: 0, generatorLateMs: 2 } }));
    expect(out.take()).not.toMatch(/refused|generator/);
    view.sample(liveState({ sample: { ...sample, atMs: 2000, refused: 7, generatorLateMs: 120 } }));
    expect(out.take()).toMatch(/refused 7 {2}generator 120 ms late/);
  });

  test('has a dash for what nobody knows when nothing is verified', () => {
    const out = new ViewTerminal();
    using view = createView('plain', out);
    view.sample(liveState());
    expect(out.take()).not.toContain('–  ack');
    view.sample(liveState({ isVerified: false, sample: { ...sample, atMs: 40_000, delivered: 0, lag: 0 } }));
    const line = out.take();
    expect(line).toMatch(/delivered +– +lag +– +ack p99/);
    expect(line).toMatch(/acked +[\d.]+k +\+998\/s/);
  });

  test('writes no escape sequences, whatever things are called', () => {
    const out = new ViewTerminal();
    {
      using view = createView('plain', out);
      view.phase({ name: '\u001b[2Jx', fromMs: 0, toMs: 1 });
      view.fault({ name: '\u001b[2Jx', fromMs: 0, toMs: 0 });
      view.sample(liveState());
      view.finish(sampleReport());
    }
    expect(out.written).not.toContain('\u001b');
    expect(out.written).toContain('FAIL  outage-kill-storm');
  });
});

describe('the JSON view', () => {
  test('writes one object a line, each sample once', () => {
    const out = new ViewTerminal();
    using view = createView('json', out);
    const report = sampleReport();
    view.phase(report.phases[0]);
    view.sample(liveState());
    view.sample(liveState());
    view.fault(report.faults[0]);
    view.finish(report);
    const lines = out.take().trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { kind: 'phase', phase: report.phases[0] },
      { kind: 'sample', sample },
      { kind: 'fault', fault: report.faults[0] },
      { kind: 'report', report },
    ]);
  });
});

test('the JSON view says when nothing is verified', () => {
  const out = new ViewTerminal();
  using view = createView('json', out);
  view.sample(liveState({ isVerified: false }));
  expect(JSON.parse(out.take())).toEqual({ kind: 'sample', sample, verified: false });
});

describe('the view that suits an output', () => {
  test('is live in a terminal that can move its cursor, plain elsewhere', () => {
    const terminal = new ViewTerminal();
    expect(viewKindFor(terminal, { TERM: 'xterm' })).toBe('live');
    expect(viewKindFor(terminal, { TERM: 'dumb' })).toBe('plain');
    expect(viewKindFor({ write: () => true }, { TERM: 'xterm' })).toBe('plain');
  });
});
