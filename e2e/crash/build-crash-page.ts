/** Builds the page that crash tests run on, once for a process. */
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const CRASH_PAGE_FOLDER = `${ROOT}test-results/crash-page`;
/** What failures leave behind, for study. */
export const FAILURES_FOLDER = `${ROOT}test-results/crash-failures`;

let built: Promise<unknown> | undefined;

export async function buildCrashPage(): Promise<void> {
  built ??= build({
    configFile: false,
    root: `${ROOT}e2e/crash/page`,
    base: './',
    logLevel: 'warn',
    build: { outDir: CRASH_PAGE_FOLDER, emptyOutDir: true, target: 'es2022' },
    worker: { format: 'es' },
  });
  await built;
}
