import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const source = (path: string): string => fileURLToPath(new URL(`src/${path}`, import.meta.url));

/** Tests of what `npm run build` has made, of what is written about it, and of the examples. In Node. */
export default defineConfig({
  resolve: {
    alias: {
      'opfs-blocks/worker': source('worker.ts'),
      'opfs-blocks/testing': source('testing.ts'),
      'opfs-blocks': source('index.ts'),
    },
  },
  test: {
    include: ['e2e/{package,docs,examples}/*.test.ts'],
    testTimeout: 60_000,
    // All of them: by default one is kept free, which on two is half.
    maxWorkers: '100%',
    isolate: false,
  },
});
