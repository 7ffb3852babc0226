import { describe, expect, test } from 'vitest';
import { CircuitBreaker } from '../../../bridge/circuit-breaker.ts';
import { FakeClock } from '../../support/fake-clock.ts';

function breakerAfter(failures: number): { breaker: CircuitBreaker; clock: FakeClock } {
  const clock = new FakeClock();
  const breaker = new CircuitBreaker({ failures: 3, openMs: 1000 }, clock);
  for (let i = 0; i < failures; i++) breaker.failed();
  return { breaker, clock };
}

describe('circuit breaker', () => {
  test('opens after so many failures in a row, not before', () => {
    expect(breakerAfter(2).breaker.state).toBe('closed');
    const { breaker } = breakerAfter(3);
    expect(breaker.state).toBe('open');
    expect(breaker.waitMs()).toBe(1000);
    expect(breaker.trips).toBe(1);
  });

  test('counts only failures in a row', () => {
    const { breaker } = breakerAfter(2);
    breaker.succeeded();
    breaker.failed();
    breaker.failed();
    expect(breaker.state).toBe('closed');
  });

  test('is half-open when its time is over, and closes with a success', () => {
    const { breaker, clock } = breakerAfter(3);
    clock.advance(999);
    expect(breaker.state).toBe('open');
    clock.advance(1);
    expect(breaker.state).toBe('half-open');
    expect(breaker.waitMs()).toBe(0);
    breaker.succeeded();
    expect(breaker.state).toBe('closed');
    breaker.failed();
    expect(breaker.state).toBe('closed');
  });

  test('opens again with the first failure while half-open', () => {
    const { breaker, clock } = breakerAfter(3);
    clock.advance(1000);
    breaker.failed();
    expect(breaker.state).toBe('open');
    expect(breaker.waitMs()).toBe(1000);
    expect(breaker.trips).toBe(2);
  });

  test('is not kept open longer by failures of what was under way', () => {
    const { breaker, clock } = breakerAfter(3);
    clock.advance(600);
    breaker.failed();
    expect(breaker.waitMs()).toBe(400);
    expect(breaker.trips).toBe(1);
  });
});
