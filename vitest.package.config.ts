import { defineConfig } from 'vitest/config';

/** Tests of what `npm run build` has made, and of what is written about it. In Node, without a browser. */
export default defineConfig({
  test: {
    include: ['e2e/package/*.test.ts', 'e2e/docs/*.test.ts'],
    testTimeout: 60_000,
  },
});
