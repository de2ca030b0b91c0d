/**
 * Builds the page that crash tests run on, once for a process. Its commits are so small that all are joint;
 * OPFS_BLOCKS_JOINT_BYTES is another limit for them, −1 for none.
 */
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'vite';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const CRASH_PAGE_FOLDER = `${ROOT}test-results/crash-page`;
/** What failures leave behind, for study. */
export const FAILURES_FOLDER = `${ROOT}test-results/crash-failures`;

/** `undefined` for the product's own. */
export const JOINT_BYTES: string | undefined = process.env['OPFS_BLOCKS_JOINT_BYTES'];
const LIMIT = 'JOINT_BYTES_MAX = 4 * 2 ** 20;';

/** There is no switch for it in the product: its source is changed while it is bundled. */
function jointBytesPlugin(bytes: string): Plugin {
  return {
    name: 'joint-bytes',
    enforce: 'pre',
    transform(source, id) {
      if (!id.endsWith('/src/store/commit.ts')) return undefined;
      if (!source.includes(LIMIT)) throw new Error('the limit of joint commits is not found');
      return source.replace(LIMIT, `JOINT_BYTES_MAX = ${Number(bytes)};`);
    },
  };
}

let built: Promise<unknown> | undefined;

export async function buildCrashPage(): Promise<void> {
  built ??= build({
    configFile: false,
    root: `${ROOT}e2e/crash/page`,
    base: './',
    logLevel: 'warn',
    build: { outDir: CRASH_PAGE_FOLDER, emptyOutDir: true, target: 'es2022' },
    worker: {
      format: 'es',
      plugins: () => (JOINT_BYTES === undefined ? [] : [jointBytesPlugin(JOINT_BYTES)]),
    },
  });
  await built;
}
