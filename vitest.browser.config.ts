import { defineConfig } from 'vitest/config';

/** Tests in a real browser. One at a time: they share the machine's disk and its two cores. */
export default defineConfig({
  test: {
    include: process.env['LOOK'] === undefined ? ['e2e/**/*.e2e.ts'] : ['e2e/**/*.look.ts'],
    globalSetup: ['e2e/build-page.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    fileParallelism: false,
  },
});
