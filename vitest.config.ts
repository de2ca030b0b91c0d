import { defineConfig } from 'vitest/config';

/** Tests in Node. `--mode quick` runs a share of the random and enumerated ones, see `src/sim/scale.ts`. */
export default defineConfig(({ mode }) => ({
  test: {
    include: ['src/**/*.test.ts', 'demo/**/*.test.ts', 'e2e/**/*.test.ts'],
    env: mode === 'quick' ? { OPFS_BLOCKS_QUICK: '1' } : {},
    testTimeout: 60_000,
    pool: 'threads',
  },
}));
