import { stripVTControlCharacters } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { textWidth } from '../../../../simulator/report/text-width.ts';
import { createView } from '../../../../simulator/view/create-view.ts';
import type { RunView } from '../../../../simulator/view/run-view.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { sampleReport } from '../../../support/sample-report.ts';
import { liveState, ViewTerminal } from '../../../support/view-terminal.ts';

const ESCAPE = '\u001b';
const HIDE = '\u001b[?25l';
const SHOW = '\u001b[?25h';

function open(terminal: ViewTerminal, env: NodeJS.ProcessEnv = {}): { view: RunView; clock: FakeClock } {
  const clock = new FakeClock();
  const view = createView('live', terminal, { clock, env });
  onTestFinished(() => view[Symbol.dispose]());
  return { view, clock };
}

function linesOf(written: string): string[] {
  return stripVTControlCharacters(written).replaceAll('\r', '').split('\n');
}

describe('the live view', () => {
  test.each([1, 7, 20, 48, 80, 120, 300])('draws no line longer than a terminal of %d columns', (columns) => {
    const terminal = new ViewTerminal(columns, 50);
    const { view, clock } = open(terminal);
    const name = '\u001b[2Jfloor 3 温度 🔥 '.repeat(9);
    const faults = Array.from({ length: 9 }, () => ({ name, fromMs: 0, toMs: null }));
    const { phases, sample } = liveState();
    view.phase({ name, fromMs: 0, toMs: 1000 });
    view.fault(faults[0]);
    for (let second = 0; second < 400; second++) {
      const late = { ...sample, atMs: second * 1000, generatorLateMs: 900, sent: 10 ** 12, refused: second };
      view.sample(
        liveState({ scenario: name, phases: [...phases, { ...phases[4], name }], faults, sample: late }),
      );
      clock.advance(1000);
    }
    const lines = linesOf(terminal.take());
    expect(lines.length).toBeGreaterThan(400);
    expect(Math.max(...lines.map(textWidth))).toBeLessThan(Math.max(2, columns));
  });

  test('shows the numbers of the state', () => {
    const terminal = new ViewTerminal();
    const { view } = open(terminal);
    const { sample } = liveState();
    view.sample(liveState());
    const lines = linesOf(terminal.take());
    const lineOf = (name: string) => lines.find((line) => line.startsWith(name)) ?? '';
    expect(lines[0]).toMatch(/^outage-kill-storm +0:30 of 2:00 {2}25 %$/);
    expect(lineOf('sent')).toMatch(new RegExp(`^sent +${sample.sent.toLocaleString('en-GB')} +1,000/s`));
    expect(lineOf('lag')).toContain(sample.lag.toLocaleString('en-GB'));
    expect(lineOf('end to end')).toMatch(/^end to end +– +–$/);
    expect(lineOf('faults')).toContain('upstream cut 0:10');
    expect(lineOf('The generator')).toBe('');
  });

  test('does not show as zero what nobody knows', () => {
    const terminal = new ViewTerminal();
    const { view } = open(terminal);
    view.sample(liveState({ isVerified: false }));
    const lines = linesOf(terminal.take());
    const lineOf = (name: string) => lines.find((line) => line.startsWith(name)) ?? '';
    expect(lineOf('delivered')).toMatch(/^delivered +– +not verified$/);
    expect(lineOf('lag')).toMatch(/^lag +– +not verified$/);
    expect(lineOf('so far')).toMatch(/again – same name, – new name {2}reordered – {2}skipped 3$/);
  });

  test('names the phase beyond the plan', () => {
    const terminal = new ViewTerminal();
    const { view } = open(terminal);
    view.sample(liveState({ elapsedMs: 125_000, phase: 'settling' }));
    expect(linesOf(terminal.take())[0]).toMatch(/2:05 of 2:00 {2}settling$/);
  });

  test('redraws in place: as many lines up as it has drawn, and never more than the terminal has', () => {
    for (const rows of [5, 24]) {
      const terminal = new ViewTerminal(80, rows);
      const { view } = open(terminal);
      view.sample(liveState());
      const frame = terminal.take();
      const drawn = frame.split('\n').length - 1;
      expect(drawn).toBeLessThan(rows);
      expect(frame).toContain(`\u001b[${drawn}A`);
    }
  });

  test('draws at most ten frames a second, and the last state in the end', () => {
    const terminal = new ViewTerminal();
    const { view, clock } = open(terminal);
    for (let i = 0; i < 1000; i++) {
      view.sample(liveState({ elapsedMs: 30_000 + i }));
      clock.advance(1);
    }
    view.sample(liveState({ elapsedMs: 77_000 }));
    clock.advance(100);
    const frames = terminal.take().split('outage-kill-storm').slice(1);
    expect(frames.length).toBeGreaterThanOrEqual(9);
    expect(frames.length).toBeLessThanOrEqual(12);
    expect(frames.at(-1)).toContain('1:17 of 2:00');
    expect(clock.timers).toBe(0);
  });

  test('leaves frames out while the terminal is behind', () => {
    const terminal = new ViewTerminal();
    const { view, clock } = open(terminal);
    view.sample(liveState());
    terminal.take();
    terminal.writableNeedDrain = true;
    clock.advance(1000);
    view.sample(liveState());
    expect(terminal.take()).toBe('');
    terminal.writableNeedDrain = false;
    clock.advance(1000);
    view.sample(liveState());
    expect(terminal.take()).toContain('outage-kill-storm');
  });

  test('draws anew, with the last phases and faults, when the terminal changes its size', () => {
    const terminal = new ViewTerminal(120, 40);
    const { view } = open(terminal);
    view.fault({ name: 'upstream cut', fromMs: 20_000, toMs: null });
    view.sample(liveState());
    terminal.take();
    terminal.resize(60, 30);
    const lines = linesOf(terminal.take());
    expect(lines[0]).toBe('    0:20  fault upstream cut begins');
    expect(Math.max(...lines.map(textWidth))).toBe(59);
  });

  test('hides the cursor and gives it back once', () => {
    const terminal = new ViewTerminal();
    const { view, clock } = open(terminal);
    view.sample(liveState());
    view.sample(liveState());
    view.finish(sampleReport());
    expect(terminal.written).toContain(HIDE);
    view[Symbol.dispose]();
    view[Symbol.dispose]();
    expect(terminal.written.lastIndexOf(SHOW)).toBeGreaterThan(terminal.written.lastIndexOf(HIDE));
    expect(terminal.written.split(SHOW)).toHaveLength(2);
    expect(terminal.listeners).toBe(0);
    terminal.take();
    clock.advance(1000);
    view.sample(liveState());
    view.phase({ name: 'late', fromMs: 0, toMs: 0 });
    expect(terminal.take()).toBe('');
  });

  test('gives the cursor back when the process ends without disposal, below the frame', () => {
    const before = process.listeners('exit');
    const terminal = new ViewTerminal();
    const { view } = open(terminal);
    view.sample(liveState());
    const drawn = terminal.take().split('\n').length - 1;
    const [onExit] = process.listeners('exit').filter((listener) => !before.includes(listener));
    onExit(1);
    expect(terminal.take()).toBe(`${'\n'.repeat(drawn)}${SHOW}`);
    expect(process.listeners('exit')).toEqual(before);
  });

  test('writes the report where the frame was', () => {
    const terminal = new ViewTerminal();
    const { view } = open(terminal);
    view.sample(liveState());
    terminal.take();
    view.finish(sampleReport());
    const end = terminal.take();
    expect(end.startsWith('\r\u001b[J')).toBe(true);
    expect(linesOf(end)[0]).toBe('FAIL  outage-kill-storm: 1 of 6 checks did not hold: loss.');
  });

  test('has colours, and none when NO_COLOR is set', () => {
    const colour = new RegExp(`${ESCAPE}\\[[\\d;]*m`);
    const draw = (env: NodeJS.ProcessEnv) => {
      const terminal = new ViewTerminal();
      const { view } = open(terminal, env);
      view.fault({ name: 'cut', fromMs: 0, toMs: null });
      view.sample(liveState());
      view.finish(sampleReport());
      return terminal.take();
    };
    expect(draw({})).toMatch(colour);
    expect(draw({ NO_COLOR: '1' })).not.toMatch(colour);
    expect(draw({ NO_COLOR: '' })).toMatch(colour);
  });
});
