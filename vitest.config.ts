import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    maxWorkers: 3, // on two cores: the system tests wait a good deal
    testTimeout: 20_000,
    hookTimeout: 20_000,
    projects: [
      { extends: true, test: { name: 'unit', include: ['test/{unit,contract,model}/**/*.test.ts'] } },
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
