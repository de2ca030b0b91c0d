import { defineConfig } from 'vitest/config';

/** What is run on disks in threads of their own as well, see `src/sim/profile.ts`; less of it for every commit. */
const STORE = ['src/store/**/*.test.ts'];
const STORE_QUICK = ['session', 'block-io', 'engine.fuzz', 'transaction'].map(
  (name) => `src/store/${name}.test.ts`,
);

/** Tests in Node. `--mode quick` runs a share of the random and enumerated ones, see `src/sim/scale.ts`. */
export default defineConfig(({ mode }) => {
  const quick = mode === 'quick';
  const env: Record<string, string> = quick ? { OPFS_BLOCKS_QUICK: '1' } : {};
  const threads = { ...env, OPFS_BLOCKS_PROFILE: 'threads' };
  const common = { testTimeout: 60_000, pool: 'threads' as const };
  const include = ['src/**/*.test.ts', 'demo/**/*.test.ts', 'e2e/bench/**/*.test.ts'];
  return {
    test: {
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
      projects: [
        { test: { ...common, name: 'node', include, env } },
        {
          test: { ...common, name: 'threads', include: quick ? STORE_QUICK : STORE, env: threads },
        },
      ],
    },
  };
});
