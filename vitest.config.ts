import { defineConfig } from 'vitest/config';

/** What is run on disks in threads of their own as well, see `src/sim/profile.ts`; less of it for every commit. */
const STORE = ['src/store/**/*.test.ts'];
const STORE_QUICK = ['session', 'block-io', 'engine.fuzz', 'transaction'].map(
  (name) => `src/store/${name}.test.ts`,
);

/**
 * Tests that put something in the place of a module (`vi.mock`): each has a thread in which nothing is loaded yet. The
 * others share what one has loaded, which halves the time of a quick run.
 */
const MOCKING = [
  'src/cache/cache-reader{,.fuzz}.test.ts',
  'src/epoch/epochs.fuzz.test.ts',
  'src/shared/{doorbell,mailbox,ring,seqlock,twin}.fuzz.test.ts',
  'src/sync/disk-server.fuzz.test.ts',
];

/**
 * The timeout of what enumerates all orders of threads, in one go and without returning to the event loop: none could
 * stop it, it could only fail a test on a machine that has much else to do.
 */
const ENUMERATION_MS = 600_000;

/** Tests in Node. `--mode quick` runs a share of the random and enumerated ones, see `src/sim/scale.ts`. */
export default defineConfig(({ mode }) => {
  const quick = mode === 'quick';
  const env: Record<string, string> = quick ? { OPFS_BLOCKS_QUICK: '1' } : {};
  const threads = { ...env, OPFS_BLOCKS_PROFILE: 'threads' };
  const common = { testTimeout: 120_000, pool: 'threads' as const };
  const include = ['src/**/*.test.ts', 'demo/**/*.test.ts', 'e2e/bench/**/*.test.ts'];
  return {
    test: {
      // All of them: by default one is kept free, which on two is half.
      maxWorkers: '100%',
      coverage: {
        provider: 'v8',
        include: ['src/{format,arena,epoch,sync,store}/**/*.ts'],
        exclude: ['src/**/*.{test,bench}.ts', 'src/format/golden/**', 'src/sync/recording-*.ts'],
        reporter: ['text', 'html'],
        // A test that fails is one matter, and what the others have taken is another.
        reportOnFailure: true,
        // Of each folder, not of their sum: what is tested well must not hide what is not.
        thresholds: Object.fromEntries(
          ['format', 'arena', 'epoch', 'sync', 'store'].map((folder) => [
            `src/${folder}/**/*.ts`,
            { branches: 95 },
          ]),
        ),
      },
      projects: [
        { test: { ...common, name: 'node', include, exclude: MOCKING, env, isolate: false } },
        {
          test: { ...common, name: 'mocking', include: MOCKING, env, testTimeout: ENUMERATION_MS },
        },
        {
          test: {
            ...common,
            name: 'threads',
            include: quick ? STORE_QUICK : STORE,
            env: threads,
            isolate: false,
          },
        },
      ],
    },
  };
});
