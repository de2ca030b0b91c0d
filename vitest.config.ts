import { defineConfig } from 'vitest/config';

/** Tests in Node. `--mode quick` runs a share of the random and enumerated ones, see `src/sim/scale.ts`. */
export default defineConfig(({ mode }) => ({
  test: {
    include: ['src/**/*.test.ts', 'demo/**/*.test.ts'],
    env: mode === 'quick' ? { OPFS_BLOCKS_QUICK: '1' } : {},
    testTimeout: 60_000,
    pool: 'threads',
    coverage: {
      provider: 'v8',
      include: ['src/{format,arena,epoch,sync,store}/**/*.ts'],
      exclude: ['src/**/*.{test,bench}.ts', 'src/format/golden/**', 'src/sync/recording-*.ts'],
      reporter: ['text', 'html'],
      // Of each folder, not of their sum: what is tested well must not hide what is not.
      thresholds: Object.fromEntries(
        ['format', 'arena', 'epoch', 'sync', 'store'].map((folder) => [
          `src/${folder}/**/*.ts`,
          { branches: 95 },
        ]),
      ),
    },
  },
}));
