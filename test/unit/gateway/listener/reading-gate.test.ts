import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { Hold, ReadingGate } from '../../../../gateway/listener/reading-gate.ts';

function gate(onOpen: (gate: ReadingGate) => void = () => {}) {
  const stream = new PassThrough().resume();
  const opened: number[] = [];
  const made: ReadingGate = new ReadingGate(stream, () => {
    opened.push(1);
    onOpen(made);
  });
  return { gate: made, stream, opened };
}

test('is read only while nothing speaks against it', () => {
  const { gate: g, stream, opened } = gate();
  g.close(Hold.room);
  g.close(Hold.drain);
  expect(stream.isPaused()).toBe(true);
  g.open(Hold.room);
  expect([g.isOpen, stream.isPaused(), opened.length]).toEqual([false, true, 0]);
  g.open(Hold.drain);
  expect([g.isOpen, stream.isPaused(), opened.length]).toEqual([true, false, 1]);
});

test('does not flow on when what was left over closes it again', () => {
  const { gate: g, stream } = gate((opened) => opened.close(Hold.engine));
  g.close(Hold.room);
  g.open(Hold.room);
  expect([g.isOpen, stream.isPaused()]).toEqual([false, true]);
});

test('opening what was not closed does nothing', () => {
  const { gate: g, opened } = gate();
  g.open(Hold.room);
  expect(opened).toHaveLength(0);
});
