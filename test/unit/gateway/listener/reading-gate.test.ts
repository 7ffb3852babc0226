import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
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

describe('a client that waits for its quota', () => {
  test('is read on, but not handled', () => {
    const { gate: g, stream, opened } = gate();
    g.close(Hold.quota);
    expect([g.isOpen, stream.isPaused()]).toEqual([false, false]);
    g.open(Hold.quota);
    expect([g.isOpen, stream.isPaused(), opened.length]).toEqual([true, false, 1]);
  });

  test.each(Object.entries(Hold).filter(([, hold]) => hold !== Hold.quota))(
    'is not read while it is held for another reason: %s',
    (_name, hold) => {
      const { gate: g, stream, opened } = gate();
      g.close(hold);
      expect(stream.isPaused()).toBe(true);
      g.close(Hold.quota);
      expect(stream.isPaused()).toBe(true);
      g.open(hold);
      expect([g.isOpen, stream.isPaused(), opened.length]).toEqual([false, false, 0]);
    },
  );

  test('goes on once when all its waits end together', () => {
    const { gate: g, stream, opened } = gate();
    g.close(Hold.quota);
    g.close(Hold.kept);
    expect(stream.isPaused()).toBe(true);
    g.open(Hold.quota | Hold.kept);
    expect([g.isOpen, stream.isPaused(), opened.length]).toEqual([true, false, 1]);
  });
});

test('tells which of several reasons hold', () => {
  const { gate: g } = gate();
  g.close(Hold.room);
  g.close(Hold.window);
  expect([g.holds(Hold.room), g.holds(Hold.drain)]).toEqual([true, false]);
  expect([g.holdsAny(Hold.drain | Hold.window), g.holdsAny(Hold.drain | Hold.end)]).toEqual([true, false]);
});
