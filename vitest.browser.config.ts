import { defineConfig } from 'vitest/config';

const looking = process.env['LOOK'] !== undefined;

/** What depends on how threads share memory is run in both profiles: with cross-origin isolation and without. */
const BOTH_PROFILES = [
  ...['e2e/store.e2e.ts', 'e2e/lifecycle.e2e.ts', 'e2e/image.e2e.ts', 'e2e/demo.e2e.ts'],
  ...['e2e/crash/ends.e2e.ts', 'e2e/crash/storage.e2e.ts'],
];

/** Tests in a real browser. One at a time: they share the machine's disk and its two cores. */
export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 120_000,
    fileParallelism: false,
    projects: [
      {
        extends: true,
        test: {
          name: 'threaded',
          include: looking ? ['e2e/**/*.look.ts'] : ['e2e/**/*.e2e.ts'],
          globalSetup: ['e2e/build-page.ts'],
          provide: { profile: 'threaded' },
        },
      },
      {
        extends: true,
        test: {
          name: 'inline',
          include: looking ? ['e2e/**/*.look.ts'] : BOTH_PROFILES,
          globalSetup: ['e2e/build-page.ts'],
          provide: { profile: 'inline' },
        },
      },
    ],
  },
});
