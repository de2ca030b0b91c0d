// Bundles the benchmarks' harness for Node and runs it: `npm run bench -- --quick`. See e2e/bench/main.ts.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const root = fileURLToPath(new URL('..', import.meta.url));
// Inside node_modules, so that the bundle finds its packages and nobody commits it.
const outDir = `${root}/node_modules/.bench`;
await build({
  root,
  configFile: false,
  logLevel: 'warn',
  build: { ssr: 'e2e/bench/main.ts', outDir, target: 'node20', sourcemap: true },
});
const { status } = spawnSync(
  process.execPath,
  ['--enable-source-maps', `${outDir}/main.js`, ...process.argv.slice(2)],
  { stdio: 'inherit', cwd: root },
);
process.exitCode = status ?? 1;
