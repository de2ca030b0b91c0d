import { defineConfig } from 'vitest/config';

const looking = process.env['LOOK'] !== undefined;

/** What depends on how threads share memory is run in both profiles: with cross-origin isolation and without. */
const BOTH_PROFILES = [
  ...['e2e/store.e2e.ts', 'e2e/lifecycle.e2e.ts', 'e2e/image.e2e.ts', 'e2e/demo.e2e.ts'],
  ...['e2e/crash/ends.e2e.ts', 'e2e/crash/storage.e2e.ts'],
];

/** What asks for a speed, if a low one: at its moment a kill must find enough done. */
const UNDISTURBED = ['e2e/crash/kill.e2e.ts'];

const common = {
  testTimeout: 60_000,
  hookTimeout: 120_000,
  // What the files import is loaded once for all of them.
  isolate: false,
};

/**
 * Tests in a real browser. Two files at a time, because browsers wait as often as they work; not more, because they share
 * the machine's disk and its cores.
 */
export default defineConfig({
  test: {
    globalSetup: ['e2e/build-page.ts'],
    projects: [
      {
        test: {
          ...common,
          name: 'threaded',
          include: looking ? ['e2e/**/*.look.ts'] : ['e2e/**/*.e2e.ts'],
          exclude: UNDISTURBED,
          provide: { profile: 'threaded' },
          maxWorkers: looking ? 1 : 2,
        },
      },
      {
        test: {
          ...common,
          name: 'inline',
          include: looking ? ['e2e/**/*.look.ts'] : BOTH_PROFILES,
          provide: { profile: 'inline' },
          maxWorkers: looking ? 1 : 2,
        },
      },
      {
        test: {
          ...common,
          name: 'undisturbed',
          include: looking ? [] : UNDISTURBED,
          provide: { profile: 'threaded' },
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
