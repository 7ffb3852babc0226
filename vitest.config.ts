import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    testTimeout: 20_000,
    hookTimeout: 20_000,
    projects: [
      { extends: true, test: { name: 'unit', include: ['test/{unit,contract,model}/**/*.test.ts'] } },
      {
        extends: true,
        // Real brokers and a gateway under load: one file at a time, for they share two cores.
        test: {
          name: 'system',
          include: ['test/{integration,fault}/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
