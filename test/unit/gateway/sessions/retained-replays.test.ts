import { EventEmitter } from 'node:events';
import type { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { clientLimits } from '../../../../config/limits.ts';
import { FaultFence } from '../../../../gateway/sessions/fault-fence.ts';
import { boundReplays, type ReplayTarget } from '../../../../gateway/sessions/retained-replays.ts';
import { publish, publishOf, SessionStore } from '../../storage/sessions/session-store.ts';

class Target extends EventEmitter implements ReplayTarget {
  destroyed = false;
  timesSlow = 0;

  faulted(error: Error): void {
    throw error;
  }

  endAsSlow(): void {
    this.timesSlow++;
    this.end();
  }

  end(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

async function start(store: SessionStore) {
  const persistence = await store.start();
  for (const topic of ['a', 'b', 'c']) await publish(persistence, publishOf(topic, topic, { retain: true }));
  const fence = new FaultFence((error) => {
    throw error;
  });
  boundReplays(persistence, fence);
  return (target: ReplayTarget): Readable => {
    let stream: Readable | undefined;
    fence.run(target, () => {
      stream = persistence.createRetainedStreamCombi(['#']);
    });
    return stream!;
  };
}

test('retained messages go to whoever subscribes, as often as he does', async () => {
  await using store = new SessionStore();
  const replayTo = await start(store);
  const target = new Target();
  for (let i = 0; i <= clientLimits.replaysMax; i++) expect(await replayTo(target).toArray()).toHaveLength(3);
  expect([target.timesSlow, target.listenerCount('close')]).toEqual([0, 0]);
});

test('they end with the connection', async () => {
  await using store = new SessionStore();
  const replayTo = await start(store);
  const target = new Target();
  const stream = replayTo(target);
  target.end();
  expect(stream.destroyed).toBe(true);
  expect(await replayTo(target).toArray()).toEqual([]);
});

test('who lets too many of them wait is ended', async () => {
  await using store = new SessionStore();
  const replayTo = await start(store);
  const target = new Target();
  const streams = Array.from({ length: clientLimits.replaysMax }, () => replayTo(target));
  expect(target.timesSlow).toBe(0);
  expect(await replayTo(target).toArray()).toEqual([]);
  expect(target.timesSlow).toBe(1);
  expect(streams.every(({ destroyed }) => destroyed)).toBe(true);
});

test('what is not done for a client has no bound', async () => {
  await using store = new SessionStore();
  const replayTo = await start(store);
  expect(await replayTo({ faulted() {} } as never).toArray()).toHaveLength(3);
});
