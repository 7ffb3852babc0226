import { describe, expect, test } from 'vitest';
import type { FaultSpan } from '../../../../simulator/report/report.ts';
import { FaultStage } from '../../../../simulator/run/fault-stage.ts';
import { faultRig } from './fault-rig.ts';

describe('the stage of faults', () => {
  test('keeps the span of each fault, and knows which last', () => {
    let nowMs = 100;
    const { stage: rig } = faultRig({ nowMs: () => nowMs });
    const shown: FaultSpan[] = [];
    const stage = new FaultStage({
      system: rig.system,
      fleet: { groups: [] } as never, // no fault here asks for it
      nowMs: () => nowMs,
      onSpan: (span) => void shown.push({ ...span }),
      onMark: () => {},
      onRemark: () => {},
      onLinkBroken: () => {},
      onLinkHealed: () => {},
    });
    const cut = stage.begin('cut');
    nowMs = 200;
    stage.instant('reset');
    expect(stage.active).toEqual([cut]);
    nowMs = 300;
    stage.end(cut);
    expect(stage.active).toEqual([]);
    expect(stage.spans).toEqual([
      { name: 'cut', fromMs: 100, toMs: 300 },
      { name: 'reset', fromMs: 200, toMs: 200 },
    ]);
    expect(shown.map(({ name, toMs }) => [name, toMs])).toEqual([
      ['cut', null],
      ['reset', 200],
      ['cut', 300],
    ]);
  });

  test('finds groups by name, and all of them by none', () => {
    const { stage } = faultRig({ nowMs: () => 0, groups: [{ name: 'a' }, { name: 'b' }] });
    expect(stage.groups().map(({ name }) => name)).toEqual(['a', 'b']);
    expect(stage.groups(['b']).map(({ name }) => name)).toEqual(['b']);
  });

  test('gives the next its turn also when one has failed, and tells whose it was', async () => {
    const { stage } = faultRig({ nowMs: () => 0 });
    const done: string[] = [];
    const failed = stage.inTurn(() => Promise.reject(new Error('the first')));
    const next = stage.inTurn(async () => void done.push('the second'));
    await expect(failed).rejects.toThrow('the first');
    await next;
    expect(done).toEqual(['the second']);
  });
});
