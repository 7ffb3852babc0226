import { expect, test } from 'vitest';
import { inTurn } from '../../../../simulator/fleet/in-turn.ts';

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

function takes(ms: number): void {
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs);
}

test('all are done, in order, and none within the call', async () => {
  const done: number[] = [];
  for (let i = 0; i < 1000; i++) inTurn(() => done.push(i));
  expect(done).toEqual([]);
  while (done.length < 1000) await nextTurn();
  expect(done).toEqual(Array.from({ length: 1000 }, (_, i) => i));
});

test('what takes long is spread over several turns, in which others have theirs', async () => {
  let done = 0;
  const seen: number[] = [];
  for (let i = 0; i < 10; i++) {
    inTurn(() => {
      takes(2);
      done++;
    });
  }
  while (done < 10) {
    await nextTurn();
    seen.push(done);
  }
  expect(seen.filter((count) => count < 10).length).toBeGreaterThanOrEqual(3);
});

test('who enters from within waits behind those who are there', async () => {
  const done: string[] = [];
  inTurn(() => {
    done.push('first');
    inTurn(() => done.push('third'));
  });
  inTurn(() => done.push('second'));
  while (done.length < 3) await nextTurn();
  expect(done).toEqual(['first', 'second', 'third']);
});
