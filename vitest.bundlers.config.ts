import { defineConfig } from 'vitest/config';

/** One app for every bundler, installed, built and opened in a real browser. One at a time. */
export default defineConfig({
  test: {
    include: ['e2e/bundlers/*.test.ts'],
    testTimeout: 170_000,
    hookTimeout: 120_000,
    fileParallelism: false,
  },
});
