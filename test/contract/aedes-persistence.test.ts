// The suite that aedes-persistence ships for every persistence, over ours: the real tables in a real SQLite
// file, a journal that commits later than it is called.

import { createRequire } from 'node:module';
import { afterEach, describe, expect, test } from 'vitest';
import type { SessionPersistence } from '../../storage/sessions/session-persistence.ts';
import { nodeTestShim, type ShimTest } from '../support/node-test-shim.ts';
import { SessionStore } from '../unit/storage/sessions/session-store.ts';

interface SuiteOptions {
  test: ShimTest;
  persistence(): SessionPersistence;
  testAsync: true;
}

const require = createRequire(import.meta.url);
const abstractSuite = require('aedes-persistence/abstract.js') as (options: SuiteOptions) => void;
const stores: SessionStore[] = [];

afterEach(async () => {
  for (const store of stores.splice(0)) await store[Symbol.asyncDispose]();
});

describe('the abstract suite of aedes-persistence', () => {
  const registered: string[] = [];
  abstractSuite({ test: nodeTestShim(registered), persistence: () => openStore().build(), testAsync: true });

  test('is complete: it has more than forty tests', () => {
    expect(registered.length).toBeGreaterThan(40);
  });
});

function openStore(): SessionStore {
  const store = new SessionStore();
  stores.push(store);
  return store;
}
