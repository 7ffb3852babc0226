import { expect, test } from 'vitest';
import { RecurringFault } from '../../../../simulator/faults/recurring-fault.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

function recurring(everyMs: number, forMs: number) {
  const clock = new FakeClock();
  const seen: string[] = [];
  const at = (what: string) => () => void seen.push(`${what} ${clock.monotonicMs() - 1000}`);
  const fault = new RecurringFault({ everyMs, forMs, begin: at('begin'), end: at('end'), clock });
  return { clock, seen, fault };
}

test('begins every so often and lasts so long', () => {
  const { clock, seen, fault } = recurring(30_000, 5000);
  fault.start();
  clock.advance(65_000);
  expect(seen).toEqual(['begin 30000', 'end 35000', 'begin 60000', 'end 65000']);
});

test('is ended when it is stopped while it lasts, and does not come back', () => {
  const { clock, seen, fault } = recurring(100, 50);
  fault.start();
  clock.advance(120);
  fault.stop();
  fault.stop();
  clock.advance(1000);
  expect(seen).toEqual(['begin 100', 'end 120']);
});

test('of no length at all happens and is over', () => {
  const { clock, seen, fault } = recurring(100, 0);
  fault.start();
  clock.advance(200);
  expect(seen).toEqual(['begin 100', 'end 100', 'begin 200', 'end 200']);
});
