import { expect, test } from 'vitest';
import { type Receiver, UnsentBytes } from '../../../../gateway/listener/unsent-bytes.ts';

interface TestReceiver extends Receiver {
  unsentBytes: number;
}

function crowd(sizes: readonly number[]) {
  const ended: number[] = [];
  const receivers: TestReceiver[] = sizes.map((unsentBytes, i) => ({
    unsentBytes,
    countedBytes: 0,
    endAsSlow: () => void ended.push(i),
  }));
  const unsent = new UnsentBytes(1000, () => receivers);
  for (const receiver of receivers) unsent.changed(receiver);
  return { ended, receivers, unsent };
}

test('above the bound those who leave most unread are ended, until there is some room', () => {
  const { ended, unsent } = crowd([100, 300, 50, 400, 200]);
  expect(ended).toEqual([3]);
  expect(unsent.bytes).toBe(650);
});

test('up to the bound nobody is ended', () => {
  const { ended, unsent } = crowd([100, 300, 400, 200]);
  expect([ended, unsent.bytes]).toEqual([[], 1000]);
});

test('those who have read meanwhile are looked at anew before anybody is ended', () => {
  const { ended, receivers, unsent } = crowd([500, 500]);
  receivers[0].unsentBytes = 0;
  receivers[1].unsentBytes = 600;
  unsent.changed(receivers[1]);
  expect([ended, unsent.bytes]).toEqual([[], 600]);
});

test('who is gone counts no more', () => {
  const { receivers, unsent } = crowd([500, 400]);
  unsent.gone(receivers[0]);
  unsent.gone(receivers[0]);
  expect(unsent.bytes).toBe(400);
});
