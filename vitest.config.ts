import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    testTimeout: 20_000,
    hookTimeout: 20_000,
    projects: [
      { extends: true, test: { name: 'unit', include: ['test/{unit,contract,model}/**/*.test.ts'] } },
      {
        extends: true,
        // Real brokers and a gateway under load, and much waiting for time-outs: two files at a time.
        test: {
          name: 'system',
          include: ['test/{integration,fault}/**/*.test.ts'],
          maxWorkers: 2,
          testTimeout: 240_000, // a bound against hanging, on a machine that does something else as well
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
