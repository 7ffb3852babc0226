// Lets a suite written for node:test run in vitest: `test(name, async (t) => ...)` with `t.plan`, `t.diagnostic` and
// `t.assert`. A plan that is not met fails, as there.

import assert from 'node:assert';
import { test as vitestTest } from 'vitest';

type Asserts = Record<string, (...values: unknown[]) => unknown>;

export interface ShimContext {
  plan(count: number): void;
  diagnostic(text: string): void;
  assert: Asserts;
}

export type ShimTest = (name: string, body: (t: ShimContext) => Promise<void>) => void;

/** `registered` gets the names, so that the caller can see that the suite was there. */
export function nodeTestShim(registered: string[]): ShimTest {
  return (name, body) => {
    registered.push(name);
    vitestTest(name, async () => {
      let planned: number | null = null;
      let counted = 0;
      const asserts = new Proxy({} as Asserts, {
        get: (_target, method: string) => {
          return (...values: unknown[]) => {
            counted++;
            return (assert as unknown as Asserts)[method](...values);
          };
        },
      });
      const plan = (count: number) => {
        planned = count;
      };
      await body({ plan, diagnostic: () => undefined, assert: asserts });
      if (planned !== null) assert.strictEqual(counted, planned, 'assertions made and planned');
    });
  };
}
