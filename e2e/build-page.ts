/**
 * Builds the page that the browser tests run on, before the first of them; and the demo, if nobody has yet. The page's
 * folder is this run's own: two runs at once do not take each other's scripts away.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the built test page is. */
    readonly pageFolder: string;
    /** Pages are served with cross-origin isolation, or without. */
    readonly profile: 'threaded' | 'inline';
  }
}

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Where the built demo is. */
export const DEMO_FOLDER = `${ROOT}site`;

/** Returns how to remove what it has built. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'opfs-blocks-page-'));
  await build({
    configFile: false,
    root: `${ROOT}e2e/page`,
    base: './',
    logLevel: 'warn',
    build: { outDir: folder, emptyOutDir: true, target: 'es2022' },
    worker: { format: 'es' },
  });
  project.provide('pageFolder', folder);
  if (existsSync(`${ROOT}index.html`) && !existsSync(`${DEMO_FOLDER}/index.html`)) {
    await build({ root: ROOT, logLevel: 'warn' });
  }
  return () => rm(folder, { recursive: true });
}
