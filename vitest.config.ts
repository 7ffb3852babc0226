import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

// For the workers and the hundreds of processes that the tests start: half of what a start costs is compiling.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, 'node_modules/.cache/node');

export default defineConfig({
  test: {
    maxWorkers: 3, // on two cores: the system tests wait a good deal
    testTimeout: 20_000,
    hookTimeout: 20_000,
    projects: [
      {
        extends: true,
        // In workers that go on from file to file: to load everything for each takes longer than the tests do.
        test: { name: 'unit', include: ['test/{unit,contract,model}/**/*.test.ts'], isolate: false },
      },
      {
        extends: true,
        test: {
          name: 'system',
          include: ['test/{integration,fault}/**/*.test.ts'],
          testTimeout: 240_000, // a bound against hanging, on a machine that does something else as well
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
