// `npm run test:crash -- --scale N`: bundles the crash tests for Node and runs them, then records the system calls of a
// real browser anew and tries crash images of the record (the suite `record`; Linux, strace). See src/TESTING.md.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'vite';

const RECORD_SUITE = 'record';
/** Crash images of each new record, times the scale. */
const RECORD_IMAGES = 200;
/** Larger commits are fenced: by default, all of the record are joint; with this, there are both kinds. */
const JOINT_BYTES_OF_RECORDS = [undefined, '40000'];

const root = fileURLToPath(new URL('..', import.meta.url));
const args = process.argv.slice(2);
const { scale, only, replay } = parseArgs({
  args,
  strict: false,
  options: {
    scale: { type: 'string', default: '1' },
    only: { type: 'string' },
    replay: { type: 'string' },
  },
}).values;
const suites = only?.split(',') ?? [];

const simulates = suites.length === 0 || suites.some((suite) => suite !== RECORD_SUITE);
const records = replay === undefined && (suites.length === 0 || suites.includes(RECORD_SUITE));
const passed = [
  ...(simulates ? [await simulate()] : []),
  ...(records ? JOINT_BYTES_OF_RECORDS.map(record) : []),
];
process.exitCode = passed.includes(false) ? 1 : 0;

async function simulate() {
  // Inside node_modules, so that the bundle finds its packages and nobody commits it.
  const outDir = `${root}/node_modules/.crash`;
  await build({
    root,
    configFile: false,
    logLevel: 'warn',
    build: { ssr: 'src/sim/crash-main.ts', outDir, target: 'node20', sourcemap: true },
  });
  return run(['--enable-source-maps', `${outDir}/crash-main.js`, ...args]);
}

function record(jointBytes) {
  return run(
    [
      ...['node_modules/vitest/vitest.mjs', 'run', '--config', 'vitest.browser.config.ts'],
      ...['--project', 'threaded', 'e2e/crash/replay.e2e.ts', '-t', 'the new record'],
    ],
    {
      OPFS_BLOCKS_RECORD: '1',
      OPFS_BLOCKS_IMAGES: String(RECORD_IMAGES * Number(scale)),
      ...(jointBytes === undefined ? {} : { OPFS_BLOCKS_JOINT_BYTES: jointBytes }),
    },
  );
}

/** Whether it passed. */
function run(nodeArgs, env = {}) {
  const options = { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } };
  return spawnSync(process.execPath, nodeArgs, options).status === 0;
}
