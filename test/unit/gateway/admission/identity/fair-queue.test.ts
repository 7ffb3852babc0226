import { describe, expect, test } from 'vitest';
import { FairQueue } from '../../../../../gateway/admission/identity/fair-queue.ts';
import { FakeClock } from '../../../../support/fake-clock.ts';

/** Work that ends when it is told to, and what became of it, in order. */
function bench(options: { atOnceMax?: number; waitingMax?: number } = {}) {
  const clock = new FakeClock();
  const queue = new FairQueue({ atOnceMax: 1, waitingMax: 100, waitMaxMs: 1000, clock, ...options });
  const begun: string[] = [];
  const busy: string[] = [];
  const ends: (() => void)[] = [];
  const ask = (key: string, name: string): void => {
    void queue
      .run(key, () => {
        begun.push(name);
        return new Promise<void>((resolve) => ends.push(resolve));
      })
      .then((outcome) => outcome === 'busy' && busy.push(name));
  };
  const endOne = async (): Promise<void> => {
    ends.shift()?.();
    await new Promise(setImmediate);
  };
  return { clock, queue, begun, busy, ask, endOne };
}

describe('a fair queue', () => {
  test('does so much at once and no more', async () => {
    const { queue, begun, ask, endOne } = bench({ atOnceMax: 2 });
    for (let i = 0; i < 5; i++) ask('a', `${i}`);
    expect(begun).toEqual(['0', '1']);
    expect([queue.running, queue.waiting]).toEqual([2, 3]);
    await endOne();
    expect(begun).toEqual(['0', '1', '2']);
    for (let i = 0; i < 4; i++) await endOne();
    expect([queue.running, queue.waiting]).toEqual([0, 0]);
  });

  test('lets keys take turns', async () => {
    const { begun, ask, endOne } = bench();
    for (let i = 0; i < 4; i++) ask('flood', `f${i}`);
    ask('a', 'a0');
    ask('b', 'b0');
    ask('a', 'a1');
    for (let i = 0; i < 7; i++) await endOne();
    expect(begun).toEqual(['f0', 'f1', 'a0', 'b0', 'f2', 'a1', 'f3']);
  });

  test('when it is full refuses the newest of the key with most', async () => {
    const { queue, busy, ask } = bench({ waitingMax: 4 });
    ask('flood', 'running');
    for (let i = 0; i < 6; i++) ask('flood', `f${i}`);
    ask('a', 'a0');
    ask('b', 'b0');
    await new Promise(setImmediate);
    expect(busy).toEqual(['f4', 'f5', 'f3', 'f2']);
    expect([queue.waiting, queue.refused]).toEqual([4, 4]);
  });

  test('does not begin what has waited too long', async () => {
    const { clock, begun, busy, ask, endOne } = bench();
    ask('a', '0');
    ask('a', '1');
    ask('b', '2');
    clock.advance(900);
    ask('a', '3');
    clock.advance(200);
    await endOne();
    expect(busy).toEqual(['1', '2']);
    expect(begun).toEqual(['0', '3']);
  });

  test('hands on what work resolves and rejects to, and goes on', async () => {
    const { queue } = bench();
    const first = queue.run('a', () => Promise.reject(new Error('no')));
    const second = queue.run('a', () => Promise.resolve(7));
    await expect(first).rejects.toThrow('no');
    expect(await second).toBe(7);
  });

  test('that is closed refuses who waits and who comes; what runs may end', async () => {
    const { queue, begun, busy, ask, endOne } = bench();
    ask('a', '0');
    ask('a', '1');
    queue.close();
    ask('a', '2');
    await endOne();
    expect(busy).toEqual(['1', '2']);
    expect(begun).toEqual(['0']);
    expect(queue.running).toBe(0);
  });
});
