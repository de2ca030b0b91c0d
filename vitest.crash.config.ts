import { defineConfig } from 'vitest/config';
import { SABOTAGE_VARIABLE, sabotagePlugin } from './src/sim/sabotage-plugin.ts';

/** `none`, or a sabotage that is applied to the sources: set for the tests that `sabotage.crash.ts` runs. */
const sabotage = process.env[SABOTAGE_VARIABLE];

/** The crash tests in their smoke sizes, and single tests under sabotage. See src/TESTING.md. */
export default defineConfig({
  plugins: sabotage === undefined || sabotage === 'none' ? [] : [sabotagePlugin(sabotage)],
  test: {
    include: sabotage === undefined ? ['src/**/*.crash.ts'] : ['src/**/*.test.ts'],
    testTimeout: 300_000,
    pool: 'threads',
    maxWorkers: 2,
    maxConcurrency: 2,
  },
});
